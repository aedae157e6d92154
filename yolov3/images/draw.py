"""Boxes and their labels drawn onto an image, a colour per class."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np

from yolov3.images.lettering import lettering

GOLDEN_TURN = 0.618034  # of the colour circle between two classes: neighbours never look alike
LINE_SHARE = 0.0025  # line width in shares of the mean side of the image
TEXT_SHARE = 0.022  # size of the font, likewise
SMALLEST_TEXT = 12  # pixels

Rectangle = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""

Colour = tuple[int, int, int]


def colour_of(label: int) -> Colour:
    """The RGB colour of a class."""
    hue = (0.02 + label * GOLDEN_TURN) % 1
    value = (0.95, 0.75)[label // 12 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_boxes(image_rgb: np.ndarray, boxes: np.ndarray, texts: Sequence[str], labels: Sequence[int]) -> np.ndarray:
    """A copy of an (H, W, 3) uint8 RGB image with boxes (N, 4) xyxy pixels, in the colours of their ``labels``, and a
    text at each. The last are drawn first, so that the first, usually the best, are on top.

    A text stands where it covers none of those before it: above its box, else inside, below, beside it. Where there is no
    such place, it covers as little of them as can be.
    """
    drawn = np.ascontiguousarray(image_rgb).copy()
    side = sum(drawn.shape[:2]) / 2
    thickness = max(1, round(side * LINE_SHARE))
    size = max(SMALLEST_TEXT, round(side * TEXT_SHARE))
    corners = np.rint(np.asarray(boxes, np.float64).reshape(-1, 4)).astype(int).tolist()
    items = list(zip(corners, texts, labels, strict=True))
    for (left, top, right, bottom), _, label in reversed(items):
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), colour_of(label), thickness)
    # Texts after all boxes: no line may cross one.
    inks = [lettering(text, size) for text in texts]
    places = _places_of_labels(drawn, corners, inks, thickness)
    for ink, place, label in reversed(list(zip(inks, places, labels))):
        if ink is not None:
            _draw_label(drawn, place, ink, colour_of(label))
    return drawn


def draw_text(image: np.ndarray, place: tuple[int, int], text: str, size: int, background: Colour) -> None:
    """Write a text onto an (H, W, 3) uint8 RGB image, at a place (x, y) or as near to it as it is inside."""
    ink = lettering(text, size)
    if ink is None:
        return
    height, width = ink.shape[:2]
    left = min(max(0, place[0]), max(0, image.shape[1] - width))
    top = min(max(0, place[1] - height), max(0, image.shape[0] - height))
    _draw_label(image, (left, top, left + width, top + height), ink, background)


def _places_of_labels(
    image: np.ndarray, boxes: Sequence[Sequence[int]], inks: Sequence[np.ndarray | None], thickness: int
) -> list[Rectangle]:
    """Where each label goes, given the sizes of their texts; without a text, an empty rectangle."""
    places: list[Rectangle] = []
    for box, ink in zip(boxes, inks):
        if ink is None:
            places.append((0, 0, 0, 0))
            continue
        candidates = list(_candidates(box, (ink.shape[0], ink.shape[1]), image.shape, thickness))
        places.append(_best_place(candidates, places))
    return places


def _best_place(candidates: Sequence[Rectangle], taken: Sequence[Rectangle]) -> Rectangle:
    """The first place that overlaps none of the ``taken``, else the one that overlaps them least."""
    for place in candidates:
        left, top, right, bottom = place
        if all(it[0] >= right or it[2] <= left or it[1] >= bottom or it[3] <= top for it in taken):
            return place
    others, own = np.array(taken), np.array(candidates)[:, None]
    sides = np.minimum(others[:, 2:], own[..., 2:]) - np.maximum(others[:, :2], own[..., :2])
    return candidates[int(np.maximum(sides, 0).prod(axis=2).sum(axis=1).argmin())]


def _candidates(
    box: Sequence[int], label_size: tuple[int, int], image_shape: tuple[int, ...], thickness: int
) -> Iterator[Rectangle]:
    """The places for a label of (height, width) at a box that lie inside of the image, the preferred first; at least one,
    as far inside as can be."""
    height, width = label_size
    highest, furthest = image_shape[0] - height, image_shape[1] - width
    left, top, right, bottom = box
    half = thickness // 2
    left, top, right, bottom = left - half, top - half, right + half, bottom + half
    found = False
    # Beside the box, a place that had to be moved would lie on it; elsewhere moving along the box is no harm.
    for x, y, movable in (
        (left, top - height, True), (left, top, True), (left, bottom, True), (right, top, False),
        (right - width, top - height, True), (left - width, top, False), (left, bottom - height, True),
        (right, bottom - height, False),
    ):  # fmt: skip
        inside = min(max(0, x), furthest)
        if 0 <= y <= highest and (inside == x or (movable and furthest >= 0)):
            found = True
            yield inside, y, inside + width, y + height
    if not found:
        x, y = min(max(0, left), max(0, furthest)), min(max(0, top), max(0, highest))
        yield x, y, x + width, y + height


def _draw_label(image: np.ndarray, place: Rectangle, ink: np.ndarray, background: Colour) -> None:
    left, top, right, bottom = place
    part = image[top:bottom, left:right]
    part[:] = cv2.applyColorMap(ink[: part.shape[0], : part.shape[1]], _colours_of_ink(background))


@lru_cache(maxsize=512)
def _colours_of_ink(background: Colour) -> np.ndarray:
    """What becomes of a pixel that ink covers so far, (256, 1, 3): the label's colour, towards black or white, whichever
    can be read on it."""
    luminance = np.dot(background, (0.299, 0.587, 0.114))
    letters = 0 if luminance > 140 else 255
    covered = np.linspace(0, 1, 256)[:, None, None]
    return np.rint(covered * letters + (1 - covered) * np.array(background)).astype(np.uint8)
