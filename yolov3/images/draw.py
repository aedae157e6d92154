"""Boxes and their labels drawn onto an image, a colour per class."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

GOLDEN_TURN = 0.618034  # of the colour circle between two classes: neighbours never look alike
LINE_SHARE = 0.0025  # line width in shares of the mean side of the image
TEXT_SHARE = 0.022  # height of the letters, likewise
SMALLEST_TEXT, LARGEST_TEXT = 11, 48  # pixels
PADDING_SHARE = 0.3  # around the text, in shares of its height

Colour = tuple[int, int, int]


def colour_of(label: int) -> Colour:
    """The RGB colour of a class."""
    hue = (0.02 + label * GOLDEN_TURN) % 1
    value = (0.95, 0.75)[label // 12 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_boxes(image_rgb: np.ndarray, boxes: np.ndarray, texts: Sequence[str], labels: Sequence[int]) -> np.ndarray:
    """A copy of an (H, W, 3) uint8 RGB image with boxes (N, 4) xyxy pixels, in the colours of their ``labels``, and a
    text at each. The last are drawn first, so that the first, usually the best, are on top."""
    drawn = np.ascontiguousarray(image_rgb).copy()
    side = sum(drawn.shape[:2]) / 2
    thickness = max(1, round(side * LINE_SHARE))
    text_height = int(np.clip(side * TEXT_SHARE, SMALLEST_TEXT, LARGEST_TEXT))
    items = list(zip(np.asarray(boxes, np.float64).reshape(-1, 4), texts, labels, strict=True))
    for box, _, label in reversed(items):
        left, top, right, bottom = np.rint(box).astype(int).tolist()
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), colour_of(label), thickness)
    # Texts after all boxes: no line may cross one.
    for box, text, label in reversed(items):
        if text:
            _draw_label(drawn, box, text, colour_of(label), text_height, thickness)
    return drawn


def _draw_label(
    image: np.ndarray, box: np.ndarray, text: str, background: Colour, text_height: int, thickness: int
) -> None:
    """A text on a bar above the box, or inside of it where there is no room above."""
    height, width = image.shape[:2]
    padding = max(1, round(PADDING_SHARE * text_height))
    bar_height, bar_width = text_height + 2 * padding, _text_width(text, text_height) + 2 * padding
    left = int(np.clip(round(box[0] - thickness / 2), 0, max(0, width - bar_width)))
    top = round(box[1]) - bar_height
    if top < 0:
        top = min(max(0, round(box[1])), max(0, height - bar_height))
    cv2.rectangle(image, (left, top), (left + bar_width, top + bar_height), background, cv2.FILLED)
    luminance = np.dot(background, (0.299, 0.587, 0.114))
    ink: Colour = (0, 0, 0) if luminance > 140 else (255, 255, 255)
    _put_text(image, text, (left + padding, top + padding + text_height), text_height, ink)


def _font() -> Any:
    """OpenCV 5's outline font, which has the letters of most languages; None in OpenCV 4."""
    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def _text_width(text: str, text_height: int) -> int:
    font = _font()
    if font is not None:
        box = cv2.getTextSize((0, 0), text, (0, text_height), font, text_height)
        return max(1, int(box[2]))
    return cv2.getTextSize(_as_ascii(text), cv2.FONT_HERSHEY_SIMPLEX, text_height / 22, 1)[0][0]


def _put_text(image: np.ndarray, text: str, origin: tuple[int, int], text_height: int, ink: Colour) -> None:
    font = _font()
    if font is not None:
        # The origin is the base line; letters like g reach below it.
        cv2.putText(image, text, (origin[0], origin[1] - round(0.12 * text_height)), ink, font, text_height)
    else:
        scale, weight = text_height / 22, max(1, text_height // 14)
        cv2.putText(image, _as_ascii(text), origin, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, weight, cv2.LINE_AA)


def _as_ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
