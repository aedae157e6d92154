"""Which way a video is encoded: H.264 where it can be, MPEG-4 part 2 elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from yolov3.errors import UserError
from yolov3.files.unwritable import unwritable
from yolov3.structures import Size
from yolov3.videos.h264 import LEAST_SIDE, H264Writer, find_encoder
from yolov3.videos.writer import VideoWriter

Codec = Literal["auto", "h264", "mp4v"]
"""``auto`` is H.264 where there is an encoder."""

WITHOUT = (
    "videos are MPEG-4 part 2 (mp4v), which browsers do not play: there is no ffmpeg with an encoder of H.264 here"
)


class OpenVideo(Protocol):
    """A video that is being written: frames (H, W, 3) uint8 RGB; every verb raises UserError when it cannot."""

    def write(self, image: np.ndarray) -> None:
        """Add a frame."""

    def close(self) -> None:
        """Finish the file."""

    def give_up(self) -> None:
        """End as things are."""


def open_video(
    path: Path, *, rate: float, size: Size, codec: Codec = "auto", tell: Callable[[str], None] | None = None
) -> OpenVideo:
    """A new video of frames of ``size`` (height, width), ``rate`` a second. ``tell`` takes a line where H.264 is missing.
    Raises UserError, also where it is wanted and missing."""
    if codec == "mp4v" or (codec == "auto" and min(size) < LEAST_SIDE):
        return VideoWriter(path, rate=rate, size=size)
    encoder = find_encoder()
    if encoder is None:
        if codec == "h264":
            raise UserError(f"{path}: H.264 needs the program ffmpeg with an encoder of it, and there is none here")
        if tell is not None:
            tell(WITHOUT)
        return VideoWriter(path, rate=rate, size=size)
    try:
        return H264Writer(path, rate=rate, size=size, encoder=encoder)
    except OSError as error:
        raise unwritable(path, error) from error
