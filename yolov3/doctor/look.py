"""A look at each image: its file is read once, decoded once and small, and what the checks ask of it is kept."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from yolov3.catalogue.look_alikes import DECODERS, hash_of
from yolov3.images.files import MAXIMUM_PIXELS, MAXIMUM_SIDE, ImageError, read_image_size
from yolov3.images.header import HeaderError, ImageHeader, read_header
from yolov3.images.truncation import is_truncated
from yolov3.structures import Size
from yolov3.watching.watcher import Watcher

MINIATURE = 32  # pixels of a side: enough to tell two scenes apart, 1 KB for each image of a large data set

Fault = Literal["missing-image", "broken-image", "truncated-image", "huge-image"]


@dataclass(frozen=True)
class Look:
    """What was seen of an image.

    ``fault`` and ``problem`` say why it cannot be used, None and empty where it can. ``size`` upright and ``stored_size``
    (height, width), None where no header could be read. ``modes`` are what is unusual of its pixels (grey, 16 bits,
    alpha, CMYK). ``digest`` is that of its bytes, ``hash`` that of what it shows (None for a plain one), ``miniature``
    (32, 32) uint8 grey, ``spread`` the grey levels between its darkest and its brightest place.
    """

    path: Path
    fault: Fault | None = None
    problem: str = ""
    format: str = ""
    size: Size | None = None
    stored_size: Size | None = None
    orientation: int = 1
    modes: tuple[str, ...] = ()
    digest: bytes = b""
    hash: int | None = None
    miniature: np.ndarray | None = None
    spread: int = 255


def look_at_all(paths: Iterable[Path], watcher: Watcher) -> dict[Path, Look]:
    """A look at each of the images, several at once."""
    wanted = list(dict.fromkeys(paths))
    looks = {}
    pool = ThreadPoolExecutor(DECODERS)
    try:
        for done, look in enumerate(pool.map(look_at, wanted), start=1):
            looks[look.path] = look
            watcher.advance(done, len(wanted), text="looking at images")
    finally:  # who is stopped does not look at the thousands that wait
        pool.shutdown(cancel_futures=True)
    return looks


def look_at(path: Path) -> Look:
    """A look at an image, whatever it is."""
    try:
        read_image_size(path)  # refuses what is no file, no image or too large
        data = path.read_bytes()
        header = read_header(io.BytesIO(data))
    except (ImageError, HeaderError, OSError) as error:
        return _faulty(path, str(error))
    look = Look(
        path,
        format=header.format,
        size=header.size,
        stored_size=header.stored_size,
        orientation=header.orientation,
        modes=modes_of(data, header),
        digest=hashlib.sha256(data).digest(),
    )
    if is_truncated(data, header):
        problem = f"{path}: the file is cut off (the end of the {header.format} is missing)"
        return replace(look, fault="truncated-image", problem=problem)
    grey = _decode_small(data)
    if grey is None:
        problem = f"{path}: the {header.format} cannot be decoded"
        return replace(look, fault="broken-image", problem=problem)
    miniature = cv2.resize(grey, (MINIATURE, MINIATURE), interpolation=cv2.INTER_AREA)
    spread = int(grey.max()) - int(grey.min())
    return replace(look, hash=hash_of(grey), miniature=miniature, spread=spread)


def modes_of(data: bytes, header: ImageHeader) -> tuple[str, ...]:
    """What is unusual of the pixels of an image file."""
    if header.format == "PNG":  # Pillow does not tell 16 bits of colours
        depth, colour = data[24], data[25]
        found = [("16 bits", depth == 16), ("grey", colour in (0, 4)), ("alpha", colour in (4, 6))]
        return tuple(name for name, holds in found if holds)
    try:
        with Image.open(io.BytesIO(data)) as image:
            mode = image.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ()
    if mode.startswith("I;16"):
        return ("16 bits", "grey")
    return {"L": ("grey",), "1": ("grey",), "LA": ("grey", "alpha"), "RGBA": ("alpha",), "CMYK": ("CMYK",)}.get(
        mode, ()
    )


def _decode_small(data: bytes) -> np.ndarray | None:
    """A grey copy (h, w) uint8, an eighth of the sides where the format allows that quickly."""
    try:
        return cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except (cv2.error, MemoryError):
        return None


def _faulty(path: Path, problem: str) -> Look:
    """The look at what cannot be read."""
    if not path.exists():
        return Look(path, "missing-image", problem)
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except (OSError, HeaderError):
        return Look(path, "broken-image", problem)
    height, width = header.stored_size
    huge = height * width > MAXIMUM_PIXELS or max(height, width) > MAXIMUM_SIDE
    return Look(path, "huge-image" if huge else "broken-image", problem)
