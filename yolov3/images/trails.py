"""What is drawn beside boxes where things are followed: their ways, and the lines and zones at which they are counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from yolov3.images.draw import LINE_SHARE, SMALLEST_TEXT, TEXT_SHARE, colour_of, draw_text

Points = Sequence[tuple[float, float]]
COUNTING = (255, 210, 0)  # RGB, of lines and zones


def draw_trails(image: np.ndarray, trails: Iterable[tuple[int, Points]]) -> None:
    """Draw ways, each of a label in its colour, onto an (H, W, 3) uint8 RGB image; the older the fainter."""
    thickness = _thickness(image)
    for label, points in trails:
        colour = np.array(colour_of(label), np.float64)
        places = _rounded(points)
        for number in range(1, len(places)):
            share = number / len(places)
            start, end = tuple(places[number - 1].tolist()), tuple(places[number].tolist())
            shade = tuple(int(part) for part in share * colour + (1 - share) * 128)
            cv2.line(image, start, end, shade, max(1, round(share * thickness)), cv2.LINE_AA)


def draw_shapes(image: np.ndarray, shapes: Iterable[tuple[Points, str]], *, closed: bool) -> None:
    """Draw lines, or with ``closed`` polygons, each with a text at its first point."""
    size = max(SMALLEST_TEXT, round(sum(image.shape[:2]) / 2 * TEXT_SHARE))
    for points, text in shapes:
        places = _rounded(points)
        cv2.polylines(image, [places.reshape(-1, 1, 2)], closed, COUNTING, _thickness(image), cv2.LINE_AA)
        draw_text(image, tuple(places[0].tolist()), text, size, COUNTING)


def _rounded(points: Points) -> np.ndarray:
    """As whole pixels, none so far away that OpenCV cannot hold it."""
    return np.clip(np.rint(np.asarray(points, np.float64)), -30_000, 30_000).astype(np.int32)


def _thickness(image: np.ndarray) -> int:
    return max(1, round(sum(image.shape[:2]) / 2 * LINE_SHARE))
