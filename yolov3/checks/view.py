"""Checks of the boxes as a network will see them: how large they are, whether its anchors suit them, whether each finds a
place of its own that can learn it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from yolov3.anchors import AnchorSet, cluster_anchors, measure_anchors
from yolov3.assign import assign
from yolov3.checks.finding import Finding, Severity, first_places
from yolov3.config.experiment import Experiment
from yolov3.config.learning import LossSection
from yolov3.datasets.box_sides import learned_sides
from yolov3.datasets.dataset import Dataset
from yolov3.formats.build import Start, build_detector, settle
from yolov3.geometry import Geometry
from yolov3.structures import Level, Preprocessing, Sample, Targets
from yolov3.watching.words import counted

POOR_RECALL = 0.9
"""Of anchors; below it many boxes are like none of them."""

SMALL_SHARE = 0.1
"""Of all objects; where more are smaller than a cell of the finest level, the input is too small for the data."""

WORTHWHILE_GAIN = 0.05
"""Of the mean IoU of boxes with their best anchors, or of recall; less is not worth other anchors."""

LONG_SHAPE = 6.0
"""One side by the other; the longest of YOLOv3's anchors is 2, and IoU with it is below a third."""

CROWDED_SHARE = 0.01
"""Of all objects; where more have no place of their own, recall cannot come near 1."""

MOST_CLUSTERED = 20_000  # boxes to which anchors are fitted here; more change them by a pixel
IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class NetworkView:
    """What of a network matters to boxes: how images are fitted, its levels, how objects are assigned to places."""

    preprocessing: Preprocessing
    levels: tuple[Level, ...]
    loss: LossSection

    @staticmethod
    def of(experiment: Experiment, num_classes: int) -> NetworkView:
        """That of an experiment's network. Raises UserError."""
        model, _ = settle(experiment.model, Start())
        with torch.device("meta"):
            levels = build_detector(model, num_classes=max(1, num_classes)).levels
        return NetworkView(model.preprocessing, levels, experiment.loss)

    @property
    def anchors(self) -> AnchorSet:
        """Those of each level."""
        return tuple(level.anchors for level in self.levels)

    @property
    def words(self) -> str:
        """Such as ``at 416x416``."""
        height, width = self.preprocessing.size
        return f"at {width}x{height}"


def check_network(dataset: Dataset, view: NetworkView) -> Iterator[Finding]:
    """What the network of ``view`` would make of the boxes of the training data; nothing where there are none."""
    if has_objects(dataset):
        yield from check_sides(dataset, view)
        yield from _check_anchors(learned_sides(dataset, view.preprocessing), view)
        yield from _check_places(dataset, view)


def check_at_start(dataset: Dataset, view: NetworkView) -> Iterator[Finding]:
    """Of :func:`check_network` what takes no time worth mentioning: nothing is fitted or assigned in vain."""
    if has_objects(dataset):
        yield from check_sides(dataset, view)
        sides = learned_sides(dataset, view.preprocessing)
        if measure_anchors(sides, view.anchors).recall < POOR_RECALL:
            yield from _check_anchors(sides, view)


def has_objects(dataset: Dataset) -> bool:
    """Whether there is anything to learn."""
    return any((~sample.ignore).any() for sample in dataset.samples)


def check_sides(dataset: Dataset, view: NetworkView) -> Iterator[Finding]:
    """Objects that are too small or too long for the network."""
    sides = learned_sides(dataset, view.preprocessing)
    # The image of each object, in the order of learned_sides.
    images = [sample.path for sample in dataset.samples for _ in range(int((~sample.ignore).sum()))]
    finest = min(level.stride for level in view.levels)
    small = np.all(sides < finest, axis=1)
    yield from _told(
        small, images, "small-object", "warning" if small.mean() > SMALL_SHARE else "note",
        f"smaller than a cell of the finest level ({finest} pixels) {view.words}", "such objects are hardly found",
        "a larger model.image_size, or the images cut into parts",
    )  # fmt: skip
    long = (sides.max(axis=1) / np.maximum(sides.min(axis=1), 1e-6)) > LONG_SHAPE
    yield from _told(
        long, images, "long-box", "note", f"longer than {LONG_SHAPE:g} times their width or height",
        "no anchor is like them, so that they are learned slowly", "fitted anchors, if they matter",
    )  # fmt: skip


def _check_anchors(sides: np.ndarray, view: NetworkView) -> Iterator[Finding]:
    anchors = view.anchors
    now = measure_anchors(sides, anchors)
    sample = sides
    if len(sides) > MOST_CLUSTERED:
        sample = sides[np.random.default_rng(0).choice(len(sides), MOST_CLUSTERED, replace=False)]
    poor = now.recall < POOR_RECALL
    says = f"the anchors match boxes with a mean IoU of {now.mean_iou:.2f} and a recall of {now.recall:.3f}"
    costs, count = "boxes unlike any anchor are learned slowly", round((1 - now.recall) * len(sides))
    try:
        fitted = measure_anchors(sides, cluster_anchors(sample, num_levels=len(anchors), per_level=len(anchors[0])))
    except ValueError:
        if poor:
            says += "; there are too few different boxes to fit others"
            yield Finding(
                "poor-anchors", "warning", says, (), count, costs, "label more, or give model.anchors by hand"
            )
        return
    says += f"; fitted to the data they would with {fitted.mean_iou:.2f} and {fitted.recall:.3f}"
    gains = max(fitted.mean_iou - now.mean_iou, fitted.recall - now.recall) > WORTHWHILE_GAIN
    if poor or gains:
        severity: Severity = "warning" if poor and gains else "note"
        advice = "`yolov3 anchors CONFIG` fits them" if gains else "none: fitted ones are hardly better"
        yield Finding("poor-anchors", severity, says, (), count, costs, advice)


def _check_places(dataset: Dataset, view: NetworkView) -> Iterator[Finding]:
    lost = {number: count for number, count in enumerate(objects_without_place(dataset, view)) if count}
    if not lost:
        return
    total = sum(int((~sample.ignore).sum()) for sample in dataset.samples)
    count = sum(lost.values())
    worst = sorted(lost, key=lambda number: -lost[number])
    yield Finding(
        "crowded-place", "warning" if count > CROWDED_SHARE * total else "note",
        f"{count} of {counted(total, 'object')} ({count / total:.1%}) share cell and anchor with another one {view.words}",
        first_places(f"{dataset.samples[number].path}: {lost[number]}" for number in worst), count,
        "of each place one box is learned, so these cannot be found",
        "a larger model.image_size",
    )  # fmt: skip


def objects_without_place(dataset: Dataset, view: NetworkView) -> list[int]:
    """For each image the number of its objects whose box no place of the network learns, since in every place that answers
    for it another object is learned. Objects of one very box count once."""
    counts = []
    for start in range(0, len(dataset), IMAGES_AT_ONCE):
        part = dataset.samples[start : start + IMAGES_AT_ONCE]
        targets = _targets(part, view.preprocessing)
        found = assign(
            targets,
            view.levels,
            view.loss,
            network_size=view.preprocessing.size,
            num_classes=max(1, len(dataset.names)),
        )
        learned = [np.column_stack((level.image.numpy(), level.boxes.numpy())) for level in found.levels]
        wanted = np.column_stack((targets.image_index.numpy(), targets.boxes.numpy()))[~targets.ignore.numpy()]
        per_image = _distinct_per_image(wanted, len(part)) - _distinct_per_image(np.concatenate(learned), len(part))
        counts += per_image.tolist()
    return counts


def _distinct_per_image(rows: np.ndarray, num_images: int) -> np.ndarray:
    """How many different rows (image, box) each image has."""
    return np.bincount(np.unique(rows, axis=0)[:, 0].astype(np.int64), minlength=num_images)


def _targets(samples: Sequence[Sample], preprocessing: Preprocessing) -> Targets:
    boxes = [Geometry.fit(sample.size, preprocessing).boxes_to_network(sample.boxes) for sample in samples]
    index = np.repeat(np.arange(len(samples)), [len(sample.boxes) for sample in samples])
    return Targets(
        torch.from_numpy(np.concatenate(boxes).astype(np.float32)),
        torch.from_numpy(np.concatenate([sample.labels for sample in samples])),
        torch.from_numpy(index),
        torch.from_numpy(np.concatenate([sample.ignore for sample in samples])),
        torch.ones(len(index)),
    )


def _told(
    mask: np.ndarray, images: Sequence[Path], kind: str, severity: Severity, says: str, costs: str, advice: str
) -> Iterator[Finding]:
    count = int(mask.sum())
    if count:
        hit = dict.fromkeys(images[number] for number in np.flatnonzero(mask).tolist())
        what = f"{count} of {counted(len(mask), 'object')} ({mask.mean():.1%}) {says}"
        places = first_places(hit)
        yield Finding(kind, severity, what, places, count, costs, advice)
