"""A line of text as pixels, in a plain font: OpenCV 5's, which has the letters of most languages; before OpenCV 5 Pillow's,
which has those of English and shows others as question marks."""

from __future__ import annotations

import threading
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

LINE_SHARE = 1.5  # height of a line in shares of the font's size, with room around
BASELINE_SHARE = 1.1  # the letters stand so far below the line's upper edge
MARGIN_SHARE = 0.3  # before and behind the text
OUTLINE_FONT = "uni"  # OpenCV's "sans" strikes its zeros through

_FONTS = threading.Lock()  # they are not made for several threads, and one may write files while another shows a window


@lru_cache(maxsize=512)  # the frames of a video say the same again and again; at 8K some 50 MB
def lettering(text: str, size: int) -> np.ndarray | None:
    """How much of each pixel of a line is covered by ink, (H, W) uint8, for a font of ``size`` pixels; None for a text
    without letters."""
    text = _cleaned(text)
    if not text:
        return None
    height, margin = round(LINE_SHARE * size), round(MARGIN_SHARE * size)
    start = (margin, round(BASELINE_SHARE * size))
    draw = _by_opencv if hasattr(cv2, "FontFace") else _by_pillow
    with _FONTS:
        ink = draw(text, size, height, start)
    ink.setflags(write=False)  # it is shared
    return ink


def _cleaned(text: str) -> str:
    """A text as one line that any font can try: without line breaks, control characters and halves of characters."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _by_opencv(text: str, size: int, height: int, start: tuple[int, int]) -> np.ndarray:
    font = cv2.FontFace(OUTLINE_FONT)
    width = int(cv2.getTextSize((0, 0), text, (0, 0), font, size)[2])
    ink = np.zeros((height, width + 2 * start[0] + size), np.uint8)  # at the end of its room the text would wrap
    cv2.putText(ink, text, start, (255,), font, size)
    return np.ascontiguousarray(ink[:, : width + 2 * start[0]])


def _by_pillow(text: str, size: int, height: int, start: tuple[int, int]) -> np.ndarray:
    font = _pillow_font(size)
    text = text.encode("ascii", "replace").decode()
    image = Image.new("L", (round(font.getlength(text)) + 2 * start[0], height))
    ImageDraw.Draw(image).text(start, text, fill=255, font=font, anchor="ls")
    return np.array(image)


@lru_cache(maxsize=8)  # opening it takes longer than a drawing
def _pillow_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
