"""Real images and real videos whose every frame says by its grey which one it is."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

GREY_STEP = 6


class Avi:
    """A Motion-JPEG video, as bytes that can be damaged in one place."""

    def __init__(self, path: Path, *, count: int = 12, rate: float = 12.5) -> None:
        self.path = path
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
        assert writer.isOpened()
        for number in range(count):
            writer.write(np.full((48, 64, 3), (GREY_STEP * number, 80, 200), np.uint8))  # BGR
        writer.release()

    def break_frames(self, *numbers: int) -> Path:
        """Put zeros in place of these frames."""
        content = bytearray(self.path.read_bytes())
        for number in numbers:
            place = self._place_of(number)
            (length,) = struct.unpack_from("<I", content, place + 4)
            content[place + 8 : place + 8 + length] = bytes(length)
        self.path.write_bytes(content)
        return self.path

    def cut_off(self, number: int) -> Path:
        """End the file in the midst of this frame."""
        self.path.write_bytes(self.path.read_bytes()[: self._place_of(number) + 100])
        return self.path

    def _place_of(self, number: int) -> int:
        content = self.path.read_bytes()
        place = content.find(b"movi")
        for _ in range(number + 1):
            place = content.find(b"00dc", place + 4)
        return place

    def claim(self, *, rate: tuple[int, int] | None = None, length: int | None = None) -> Path:
        """Let the header say another rate (scale, rate) or another number of frames."""
        content = bytearray(self.path.read_bytes())
        header = content.find(b"strh") + 8
        if rate is not None:
            struct.pack_into("<II", content, header + 20, *rate)
        if length is not None:
            struct.pack_into("<I", content, header + 32, length)
            struct.pack_into("<I", content, content.find(b"avih") + 8 + 16, length)
        self.path.write_bytes(content)
        return self.path


def number_of(image: np.ndarray) -> int:
    """Which frame of an Avi an image (H, W, 3) RGB is."""
    assert image.shape[2] == 3 and abs(int(image[..., 0].mean()) - 200) < 4
    return round(float(image[..., 2].mean()) / GREY_STEP)


@pytest.fixture
def write_avi(tmp_path):
    """Writes a video of so many frames at a rate."""
    return lambda name="video.avi", **settings: Avi(tmp_path / name, **settings)


@pytest.fixture(scope="session")
def frame_number():
    """Which frame of such a video an image is."""
    return number_of


@pytest.fixture
def image_paths(tmp_path) -> list[Path]:
    """Six images of one grey each, in files of several kinds."""
    paths = [
        tmp_path / f"{number}.{suffix}" for number, suffix in enumerate(("png", "jpg", "bmp", "png", "webp", "tif"))
    ]
    for number, path in enumerate(paths):
        assert cv2.imwrite(str(path), np.full((20 + number, 30, 3), 40 * number, np.uint8))
    return paths
