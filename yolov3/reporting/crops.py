"""What an image shows around a box: small JPEGs, the truth and what was found drawn in."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from yolov3.datasets.dataset import Dataset, read_sample_image
from yolov3.errors import UserError
from yolov3.geometry import resize_image

SIDE = 152  # pixels of a crop's longer side
AROUND = 0.6  # of the boxes' own size is shown on each side of them
LEAST_AROUND = 12  # pixels
QUALITY = 80  # of the JPEG: about 5 KB a crop

TRUTH, FOUND, SHADE = (70, 220, 110), (255, 92, 60), (0, 0, 0)  # RGB

Box = Sequence[float]
"""left, top, right, bottom in pixels of the image."""


@dataclass(frozen=True)
class Wanted:
    """A crop that is wanted: which sample of the data set, its true box and the one that was found, at least one of them."""

    sample: int
    truth: Box | None = None
    found: Box | None = None


def crops_of(dataset: Dataset, wanted: Sequence[Wanted]) -> list[str]:
    """Each crop as the address of an image that a page can hold (``data:``), each file read once; empty for an image that
    cannot be read any more."""
    by_sample = defaultdict(list)
    for number, each in enumerate(wanted):
        by_sample[each.sample].append(number)
    addresses = [""] * len(wanted)
    for sample, numbers in by_sample.items():
        try:
            image = read_sample_image(dataset.samples[sample])
        except UserError:  # it was there a moment ago; a page without it says the rest
            continue
        for number in numbers:
            addresses[number] = address_of(draw_crop(image, wanted[number].truth, wanted[number].found))
    return addresses


def address_of(image: np.ndarray) -> str:
    """An (H, W, 3) uint8 RGB image as an address that a page can hold: a JPEG."""
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def draw_crop(image: np.ndarray, truth: Box | None, found: Box | None) -> np.ndarray:
    """The part of an (H, W, 3) uint8 RGB image around the boxes, no larger than a crop is: the truth is drawn in green, what
    was found in red and dashed, so that both are seen where they meet."""
    boxes = np.array([box for box in (truth, found) if box is not None], np.float64)
    left, top, right, bottom = _region(boxes, (image.shape[0], image.shape[1]))
    part = np.ascontiguousarray(image[top:bottom, left:right])
    scale = SIDE / max(part.shape[:2])
    size = (max(1, round(part.shape[0] * scale)), max(1, round(part.shape[1] * scale)))
    crop = np.ascontiguousarray(resize_image(part, size, "area")).copy()
    for box, colour, dashed in ((truth, TRUTH, False), (found, FOUND, True)):
        if box is not None:
            corners = np.rint((np.array(box, np.float64) - (left, top, left, top)) * scale).astype(int).tolist()
            _rectangle(crop, corners, colour, dashed)
    return crop


def _region(boxes: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    margin = np.maximum(AROUND * (high - low).max(), LEAST_AROUND)
    left, top = np.maximum(np.floor(low - margin), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(high + margin), (size[1], size[0])).astype(int).tolist()
    left, top = min(left, size[1] - 1), min(top, size[0] - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _rectangle(crop: np.ndarray, corners: Sequence[int], colour: tuple[int, int, int], dashed: bool) -> None:
    """A rectangle on a shade, so that it is seen on any picture."""
    left, top, right, bottom = corners
    cv2.rectangle(crop, (left, top), (right - 1, bottom - 1), SHADE, 4)
    if not dashed:
        cv2.rectangle(crop, (left, top), (right - 1, bottom - 1), colour, 2)
        return
    step = 8
    for start in range(left, right, step):
        end = min(start + step // 2, right - 1)
        for row in (top, bottom - 1):
            cv2.line(crop, (start, row), (end, row), colour, 2)
    for start in range(top, bottom, step):
        end = min(start + step // 2, bottom - 1)
        for column in (left, right - 1):
            cv2.line(crop, (column, start), (column, end), colour, 2)
