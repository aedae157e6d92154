"""How a model's boxes, scores and precision change when a program fits images otherwise than this project does.

    python scripts/resizing.py model.weights --data data/coco

Prints a table: the same network on the same images, resized as Darknet's own commands do (what this project does with a
Darknet model), as OpenCV does bilinearly (what the library of Darknet v5 does: its call names INTER_NEAREST where OpenCV
expects a factor, so that the default counts), by nearest neighbour (what that call means to say), and letterboxed. Only
how images are fitted is taken from that program; the program itself is not run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from yolov3.boxes import iou_matrix  # noqa: E402  the line above finds it in a checkout that is not installed
from yolov3.catalogue.naming import resolve_data  # noqa: E402
from yolov3.catalogue.opening import open_dataset  # noqa: E402
from yolov3.datasets.dataset import Dataset  # noqa: E402
from yolov3.detections import Detections  # noqa: E402
from yolov3.errors import UserError  # noqa: E402
from yolov3.evaluation.class_matching import match_classes  # noqa: E402
from yolov3.evaluation.measure import measure  # noqa: E402
from yolov3.evaluation.predict import renumber  # noqa: E402
from yolov3.formats.load import load_model  # noqa: E402
from yolov3.formats.model import LoadedModel  # noqa: E402
from yolov3.geometry import Geometry  # noqa: E402
from yolov3.images.files import read_image  # noqa: E402
from yolov3.runtimes.torch_runtime import TorchRuntime  # noqa: E402
from yolov3.selecting.postprocess import Selection, postprocess  # noqa: E402
from yolov3.structures import Suppression  # noqa: E402

SHOWN = 0.25
"""Scores from here on are compared one by one."""

SAME = 0.5
"""IoU above which two boxes are of one object."""

Resize = Callable[[np.ndarray, tuple[int, int]], np.ndarray]


@dataclass(frozen=True)
class Way:
    """A way of using a model: ``resize`` makes the input out of an image (None: as this project does), then boxes suppress
    each other as ``suppression`` says (None: as the model says)."""

    name: str
    fit: str = "stretch"
    resize: Resize | None = None
    suppression: Suppression | None = None


def bilinear(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As ``cv::resize(image, result, size, cv::INTER_NEAREST)``: the fourth argument is a factor, which the size overrules,
    and the interpolation stays the default."""
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)


def nearest(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixel (x, y) of the result is pixel (x * width // new width, y * height // new height)."""
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_NEAREST)


WAYS = (
    Way("stretch, Darknet's own commands"),
    Way("stretch, OpenCV's bilinear", resize=bilinear),
    Way("the same, plain IoU", resize=bilinear, suppression=Suppression("iou")),
    Way("stretch, nearest neighbour", resize=nearest),
    Way("letterbox", fit="letterbox"),
)
"""The first is what the others are compared with."""


def detect(runtime: TorchRuntime, model: LoadedModel, image: np.ndarray, way: Way) -> Detections:
    """What a model finds in an image, (H, W, 3) uint8 RGB, boxes in its pixels."""
    own = model.meaning.preprocessing
    preprocessing = replace(own, fit=way.fit)
    selection = Selection(
        confidence=0.001, nms_threshold=0.45, multi_label=True, suppression=way.suppression or model.meaning.suppression
    )
    height, width = image.shape[:2]
    if way.resize is not None:
        image = way.resize(image, own.size)
    geometry = Geometry.fit((image.shape[0], image.shape[1]), preprocessing)
    batch = torch.from_numpy(geometry.apply_image(image)).permute(2, 0, 1)[None]
    found = postprocess(runtime(batch), [geometry], selection)[0]
    if way.resize is None:
        return found
    scale = torch.tensor([width / own.size[1], height / own.size[0]]).repeat(2)
    return Detections(found.boxes * scale, found.scores, found.labels)


@dataclass(frozen=True)
class Agreement:
    """Of the boxes that the first way shows (``shown``), so many are shown by the other too (``found``), which shows so
    many that the first does not (``added``); and of those of the first that the other has with whatever score, the IoUs and
    the differences of the scores."""

    shown: int
    found: int
    added: int
    ious: tuple[float, ...]
    differences: tuple[float, ...]


def agreement(first: Sequence[Detections], second: Sequence[Detections]) -> Agreement:
    """Compare what two ways found in the same images."""
    ious, differences, shown, found, added = list[float](), list[float](), 0, 0, 0
    for one, other in zip(first, second, strict=True):
        wanted, given = one[one.scores >= SHOWN], other[other.scores >= SHOWN]
        shown += len(wanted)
        found += int((best_overlaps(wanted, given)[0] > SAME).sum())
        added += int((best_overlaps(given, wanted)[0] <= SAME).sum())
        best, place = best_overlaps(wanted, other)
        same = best > SAME
        ious += best[same].tolist()
        differences += (wanted.scores[same] - other.scores[place[same]]).abs().tolist()
    return Agreement(shown, found, added, tuple(ious), tuple(differences))


def best_overlaps(boxes: Detections, others: Detections) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each box the IoU with the nearest other of its class, and which one that is: (N,) and (N,)."""
    if not len(others):
        return torch.zeros(len(boxes)), torch.zeros(len(boxes), dtype=torch.int64)
    overlaps = iou_matrix(boxes.boxes, others.boxes) * (boxes.labels[:, None] == others.labels[None])
    best, place = overlaps.max(dim=1)
    return best, place


def table(model: LoadedModel, dataset: Dataset, ways: Sequence[Way] = WAYS) -> list[str]:
    """The lines of the table, in Markdown. Raises UserError."""
    runtime = TorchRuntime.of(model.detector(), torch.device("cpu"), torch.float32)
    labels = match_classes(model.names, dataset.names, num_model_classes=runtime.num_classes)
    images = [read_image(sample.path) for sample in dataset.samples]
    lines = [
        "| fitted by | AP50 | AP | boxes found | added | IoU: median, worst 5 % | scores apart: median, worst 5 % |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    first: list[Detections] | None = None
    for way in ways:
        found = [detect(runtime, model, image, way) for image in images]
        known = [each[torch.isin(each.labels, torch.tensor(labels))] for each in found]
        coco = measure(dataset, renumber(known, labels), nonfinite=0).coco
        first = first or found
        same = agreement(first, found)
        share = f"{same.found} of {same.shown}"
        quantiles = f"{np.median(same.ious):.3f}, {np.quantile(same.ious, 0.05):.3f}" if same.ious else ""
        apart = f"{np.median(same.differences):.3f}, {np.quantile(same.differences, 0.95):.3f}" if same.ious else ""
        lines.append(
            f"| {way.name} | {coco.ap50:.3f} | {coco.ap:.3f} | {share} | {same.added} | {quantiles} | {apart} |"
        )
    return lines


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", help="model, as yolov3 detect --weights takes it")
    parser.add_argument("--data", required=True, help="data set, as yolov3 evaluate --data takes it")
    arguments = parser.parse_args(words)
    try:
        print("\n".join(table(load_model(arguments.weights), open_dataset(resolve_data(arguments.data), "val"))))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
