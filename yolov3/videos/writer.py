"""Writing a video with OpenCV's traps closed: it says nothing of a full disk, and a file that it did not finish has no
index, so that not one frame can be read. So OpenCV encodes a second at a time, and the file is ours."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np

from yolov3.errors import UserError
from yolov3.files.temporary import discard, temporary_folder
from yolov3.files.unwritable import unwritable
from yolov3.structures import Size
from yolov3.videos.mp4 import Mp4File
from yolov3.videos.packets import PacketEncoder
from yolov3.watching.words import counted

MOST_AT_ONCE = 24  # frames that are encoded together; with fewer than so many a second, a second of them


class VideoWriter:
    """Writes an MPEG-4 video; all frames get the size of the first, made even. The file can be read at every moment, up to
    the last second or up to the last MOST_AT_ONCE frames. Raises UserError when it cannot be written."""

    def __init__(self, path: Path, *, rate: float, size: Size) -> None:
        self.path = path
        self.size = (max(2, size[0] - size[0] % 2), max(2, size[1] - size[1] % 2))
        self.frames = 0
        self._at_once = max(1, min(MOST_AT_ONCE, round(rate)))
        self._encoder: PacketEncoder | None = None
        self._waiting = 0
        self._stack = contextlib.ExitStack()
        try:
            self._folder = self._stack.enter_context(temporary_folder(path))
            self._file = Mp4File(path, size=self.size, rate=rate)
        except OSError as error:
            self._stack.close()
            raise unwritable(path, error) from error
        try:
            self._encoder = self._begin()
        except UserError:
            self.give_up()
            raise

    def write(self, image: np.ndarray) -> None:
        """Add an (H, W, 3) uint8 RGB frame. Raises UserError when it cannot be written; then the file ends before it."""
        if image.shape[:2] != self.size:  # OpenCV would drop the frame without a word
            image = cv2.resize(image, (self.size[1], self.size[0]), interpolation=cv2.INTER_AREA)
        if self._encoder is None:
            self._encoder = self._begin()
        self._encoder.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        self.frames += 1
        self._waiting += 1
        if self._waiting == self._at_once:
            self._append()

    def close(self) -> None:
        """Finish the file. Raises UserError when not all frames are in it."""
        try:
            self._append()
            try:
                self._file.finish()
            except OSError as error:
                raise self._ended(unwritable(self.path, error)) from error
        finally:
            self.give_up()

    def give_up(self) -> None:
        """End as things are; a file without a frame goes."""
        self._file.close()
        self._stack.close()
        if not self._file.frames:
            discard(self.path)

    def _begin(self) -> PacketEncoder:
        encoder = PacketEncoder(self._folder / "part.avi", self.size)
        if not encoder.is_open:
            height, width = self.size
            raise UserError(f"{self.path}: a video of {width}x{height} cannot be written here")
        return encoder

    def _append(self) -> None:
        """Put what was encoded into the file."""
        encoder, self._encoder = self._encoder, None
        waiting, self._waiting = self._waiting, 0
        if encoder is None:
            return
        try:
            packets = encoder.packets()
            self._file.append(packets[:waiting])
            if len(packets) < waiting:
                encoder.require_room()
                raise self._ended(UserError(f"{self.path}: OpenCV encoded {len(packets)} of {waiting} frames"))
        except OSError as error:
            raise self._ended(unwritable(self.path, error)) from error

    def _ended(self, reason: UserError) -> UserError:
        return UserError(f"{reason}; {counted(self._file.frames, 'frame')} of it can be read")
