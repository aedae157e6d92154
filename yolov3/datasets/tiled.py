"""Large images as a data set of their parts, so that a network learns what it will be shown when it looks at tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from yolov3.boxes import clip_boxes
from yolov3.datasets.dataset import Dataset, count_samples
from yolov3.structures import Sample, Size
from yolov3.tiles.grid import Tile, TileRule
from yolov3.watching.words import counted


def cut_into_tiles(dataset: Dataset, rule: TileRule, network_size: Size, *, minimum_visible: float) -> Dataset:
    """Each image as the tiles that ``rule`` cuts it into for a network's input of ``network_size`` (height, width); images
    that it leaves whole stay as they are. A tile has what it shows of the image's boxes; of those of which it shows a smaller
    share than ``minimum_visible`` it has a piece to ignore: nobody could say what that is, and nobody should learn that it
    is nothing. Identities of tiles are the image's with their number. Raises UserError for an image with too many tiles."""
    samples = [part for sample in dataset.samples for part in _parts(sample, rule, network_size, minimum_visible)]
    if len(samples) == len(dataset.samples):
        return dataset
    note = f"{counted(len(dataset), 'image')} cut into {counted(len(samples), 'tile')} ({rule.word})"
    problems = (*dataset.report.problems, note)
    report = replace(dataset.report, **count_samples(samples), problems=problems)
    return replace(dataset, samples=tuple(samples), report=report)


def _parts(sample: Sample, rule: TileRule, network_size: Size, minimum_visible: float) -> list[Sample]:
    tiles = rule.tiles_of(sample.size, network_size)
    if len(tiles) == 1:
        return [sample]
    return [_part(sample, tile, number, minimum_visible) for number, tile in enumerate(tiles, start=1)]


def _part(sample: Sample, tile: Tile, number: int, minimum_visible: float) -> Sample:
    left, top, right, bottom = tile
    size = (bottom - top, right - left)
    boxes = clip_boxes(sample.boxes - np.array([left, top, left, top], np.float32), size).astype(np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = (sides > 0).all(axis=1)
    whole = (sample.boxes[:, 2:] - sample.boxes[:, :2]).prod(axis=1)
    visible = sides.prod(axis=1)[kept] / whole[kept]
    return replace(
        sample,
        size=size,
        boxes=boxes[kept],
        labels=sample.labels[kept],
        ignore=sample.ignore[kept] | (visible < minimum_visible),
        areas=(sample.areas[kept] * visible).astype(np.float32),
        image_id=f"{sample.image_id}:{number}",
        region=tile,
    )
