"""Image files as frames, decoded some way ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from yolov3.images.files import ImageError, decode_image, read_image
from yolov3.sources.frames import Frame, FrameSource, Unusable
from yolov3.sources.read_ahead import read_ahead


class ImageFiles(FrameSource):
    """The images of files, in order. Of a file that is cut off comes what there is, as damaged."""

    name = "images"

    def __init__(self, paths: Sequence[Path], *, ahead: int) -> None:
        self.paths, self.ahead = paths, ahead
        self.length = len(paths)

    def __iter__(self) -> Iterator[Frame | Unusable]:
        return read_ahead(frame_of_file, self.paths, ahead=self.ahead)


class ReadImages(FrameSource):
    """Images that others read."""

    name = "images"

    def __init__(self, frames: Iterator[Frame | Unusable]) -> None:
        self.frames = frames

    def __iter__(self) -> Iterator[Frame | Unusable]:
        return self.frames


def frame_of_file(path: Path) -> Frame | Unusable:
    """The image in a file."""
    return _frame(partial(read_image, path), str(path))


def frame_of_bytes(data: bytes, name: str) -> Frame | Unusable:
    """The image in the bytes of a file that is called ``name``."""
    return _frame(partial(decode_image, data, name), name)


def _frame(read: Callable[..., np.ndarray], name: str) -> Frame | Unusable:
    try:
        return Frame(read(), name)
    except ImageError as first:
        try:
            return Frame(read(tolerate_truncation=True), name, damaged=True)
        except ImageError:
            return Unusable(str(first))
