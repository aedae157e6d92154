"""What tiles are worth: large scenes pasted together from a data set's images, each measured without tiles and with them.

    python scripts/tiles.py --weights yolov3-tiny.weights --data data/coco --scenes 6 --grid 4

A scene is GRID times GRID images at their own size, moved by random steps, on grey; its true boxes are theirs. Prints AP50
and AP of both ways, the images a second, and how many true boxes were found more than once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from yolov3.catalogue.naming import named_section
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset, read_sample_image
from yolov3.detections import Detections
from yolov3.evaluation.evaluate import evaluate
from yolov3.files.atomic import write_text_atomically
from yolov3.tiles.grid import TileRule

CELL = 700  # pixels of a cell's side: room for an image of 640 and its steps
SAME = 0.5  # IoU of a box that finds a true one


def main(words: list[str] | None = None) -> int:
    """Run what the words ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--scenes", type=int, default=6)
    parser.add_argument("--grid", type=int, default=4)
    parser.add_argument("--tiles", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    dataset = open_dataset(named_section(options.data, ()), "val")
    rules = {
        "without": None,
        "tiles": TileRule.parse(options.tiles),
        "and whole": TileRule.parse(options.tiles, whole=True),
    }
    with tempfile.TemporaryDirectory() as folder:
        write_scenes(dataset, Path(folder), options.scenes, options.grid, options.seed)
        for name, rule in rules.items():
            start = time.monotonic()
            measured = evaluate(weights=options.weights, data=folder, tiles=rule, workers=0, max_detections=3000)
            seconds = (time.monotonic() - start) / options.scenes
            scenes = open_dataset(DataSection(root=folder), "val")
            pairs = zip(scenes.samples, measured.detections)
            twice = sum(found_twice(sample.boxes, sample.labels, found) for sample, found in pairs)
            print(f"{name}: AP50 {measured.coco.ap50:.4f}, AP {measured.coco.ap:.4f}, {seconds:.1f} s a scene, "
                  f"{twice} true boxes found twice with a score above 0.25")  # fmt: skip
    return 0


def write_scenes(dataset: Dataset, folder: Path, count: int, grid: int, seed: int) -> None:
    """Scenes and their boxes as a YOLO data set."""
    chance = np.random.default_rng(seed)
    for part in ("images", "labels"):
        for split in ("train", "val"):
            (folder / part / split).mkdir(parents=True)
    write_text_atomically(folder / "classes.txt", "".join(f"{name}\n" for name in dataset.names))
    for number in range(count):
        scene, lines = np.full((grid * CELL, grid * CELL, 3), 114, np.uint8), []
        for cell in range(grid * grid):
            sample = dataset.samples[int(chance.integers(len(dataset.samples)))]
            image = read_sample_image(sample)[:CELL, :CELL]
            height, width = image.shape[:2]
            top = cell // grid * CELL + int(chance.integers(0, CELL - height + 1))
            left = cell % grid * CELL + int(chance.integers(0, CELL - width + 1))
            scene[top : top + height, left : left + width] = image
            boxes = np.asarray(sample.boxes, np.float64) + np.array([left, top, left, top])
            for box, label in zip(boxes[~sample.ignore], sample.labels[~sample.ignore].tolist()):
                shares = np.concatenate(((box[:2] + box[2:]) / 2, box[2:] - box[:2])) / (grid * CELL)
                lines.append(" ".join([str(label), *(f"{share:.7f}" for share in shares)]))
        cv2.imwrite(str(folder / "images" / "val" / f"{number}.png"), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
        write_text_atomically(folder / "labels" / "val" / f"{number}.txt", "\n".join(lines) + "\n")


def found_twice(boxes: np.ndarray, labels: np.ndarray, found: Detections) -> int:
    """How many true boxes have two sure detections of their class on them."""
    import torch

    from yolov3.boxes import iou_matrix

    sure = found[found.scores > 0.25]
    overlaps = iou_matrix(torch.as_tensor(boxes, dtype=torch.float32), sure.boxes) >= SAME
    same = overlaps & (torch.as_tensor(labels)[:, None] == sure.labels[None])
    return int((same.sum(dim=1) > 1).sum())


if __name__ == "__main__":
    sys.exit(main())
