"""Sheets of images that show at a glance what a network is fed and what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import torch

from yolov3.datasets.dataset import Dataset, read_sample_image
from yolov3.detections import Detections
from yolov3.geometry import resize_image
from yolov3.images.draw import draw_boxes
from yolov3.structures import Batch

MOST_IMAGES = 8
COLUMNS = 4
TILE_SIDE = 416  # pixels; smaller images keep their size
SURE = 0.25  # detections below are not drawn
TRUTH = (255, 255, 255)


def batch_sheet(batch: Batch, names: Sequence[str]) -> np.ndarray:
    """The first images of a training batch as the network sees them, with their boxes: (H, W, 3) uint8 RGB."""
    first = batch.images[:MOST_IMAGES]
    images = (first if first.dtype == torch.uint8 else (first * 255).byte()).permute(0, 2, 3, 1).numpy()
    targets = batch.targets
    tiles = []
    for number, image in enumerate(images):
        own = targets.select(targets.image_index == number)
        labels = own.labels.tolist()
        texts = [
            names[label] + (" (ignored)" if left_out else "") for label, left_out in zip(labels, own.ignore.tolist())
        ]
        tiles.append(_tile(image, own.boxes.numpy(), texts, labels))
    return _sheet(tiles)


def prediction_sheet(dataset: Dataset, detections: Sequence[Detections]) -> np.ndarray:
    """The first images of a data set: the true boxes in white, what was found in colours: (H, W, 3) uint8 RGB."""
    tiles = []
    for sample, found in zip(dataset.samples[:MOST_IMAGES], detections):
        sure = found[found.scores >= SURE]
        labels = sure.labels.tolist()
        texts = [f"{dataset.names[label]} {score:.2f}" for label, score in zip(labels, sure.scores.tolist())]
        tiles.append(_tile(read_sample_image(sample), sure.boxes.numpy(), texts, labels, truths=sample.boxes))
    return _sheet(tiles)


def _tile(
    image: np.ndarray, boxes: np.ndarray, texts: Sequence[str], labels: Sequence[int], truths: Iterable[np.ndarray] = ()
) -> np.ndarray:
    """One image at the size of a tile, drawn on after it was made small, so that the letters stay readable."""
    scale = min(1.0, TILE_SIDE / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    small = resize_image(image, (height, width), "area").copy()
    for box in truths:
        left, top, right, bottom = np.rint(np.asarray(box) * scale).astype(int).tolist()
        cv2.rectangle(small, (left, top), (right - 1, bottom - 1), TRUTH, 1)
    return draw_boxes(small, boxes * scale, texts, labels)


def _sheet(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Tiles in rows, on black."""
    if not tiles:
        return np.zeros((1, 1, 3), np.uint8)
    height, width = (max(tile.shape[axis] for tile in tiles) for axis in (0, 1))
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet
