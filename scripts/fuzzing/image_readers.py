"""Readers of images and videos."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

from fuzzing.containers import change_png
from fuzzing.mutations import Mutation, change_bytes
from fuzzing.reader import MIB, Reader

IMAGE_ROOM = 768 * MIB
"""An image of a hundred megapixels, the most that is read, as it is decoded and in the order of its colours."""

VIDEO_ROOM = 256 * MIB
MOST_FRAMES = 40


def _pixels(number: int) -> object:
    import cv2
    import numpy as np

    chance = np.random.default_rng(number)
    return cv2.resize(chance.integers(0, 255, (6, 8, 3), dtype=np.uint8), (64, 48), interpolation=cv2.INTER_CUBIC)


def _saved(format: str, **options: object) -> Callable[[int], bytes]:
    def save(number: int) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        image = Image.fromarray(_pixels(number))  # type: ignore[arg-type]
        if number % 2:
            exif = Image.Exif()
            exif[0x0112] = 6
            if format in ("JPEG", "PNG", "WEBP", "TIFF"):
                options["exif"] = exif
        image.convert(str(options.pop("mode", "RGB"))).save(out, format, **options)
        return out.getvalue()

    return save


def _seeds(*makers: Callable[[int], bytes]) -> Callable[[Path], list[bytes]]:
    return lambda _: [make(number) for number, make in enumerate(makers)]


def _read_image(path: Path) -> None:
    from yolov3.errors import UserError
    from yolov3.images.files import read_image, read_image_size, read_thumbnail

    for read in (read_image_size, read_thumbnail):
        try:
            read(path)
        except UserError:
            continue
    with contextlib.suppress(UserError):
        read_image(path, tolerate_truncation=True)
    read_image(path)


def _videos(suffix: str, code: str) -> Callable[[Path], list[bytes]]:
    def prepare(folder: Path) -> list[bytes]:
        import cv2

        path = folder / f"seed{suffix}"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (64, 48))
        assert writer.isOpened(), code
        for number in range(8):
            writer.write(_pixels(number))  # type: ignore[arg-type]
        writer.release()
        return [path.read_bytes()]

    return prepare


def _read_video(path: Path) -> None:
    from yolov3.sources.videos import VideoFile

    source = VideoFile(path)
    source.open()
    try:
        for number, _ in enumerate(source):
            if number > MOST_FRAMES:
                break
    finally:
        source.close()


def _look(path: Path) -> None:
    """As the doctor does, who refuses nothing."""
    from yolov3.doctor.look import look_at

    look_at(path)


def _image(name: str, suffix: str, *makers: Callable[[int], bytes], change: Mutation = change_bytes) -> Reader:
    return Reader(name, f"x{suffix}", _seeds(*makers), _read_image, change, IMAGE_ROOM, 50)


def _video(name: str, suffix: str, code: str) -> Reader:
    return Reader(name, f"x{suffix}", _videos(suffix, code), _read_video, change_bytes, VIDEO_ROOM, 50)


JPEGS = (_saved("JPEG"), _saved("JPEG", progressive=True), _saved("JPEG", mode="L"), _saved("JPEG", mode="CMYK"))
PNGS = (_saved("PNG"), _saved("PNG", mode="RGBA"), _saved("PNG", mode="P"), _saved("PNG", mode="L"))
WEBPS = (_saved("WEBP"), _saved("WEBP", lossless=True))
TIFFS = (_saved("TIFF"), _saved("TIFF", compression="tiff_lzw"), _saved("TIFF", compression="tiff_adobe_deflate"))
BMPS = (_saved("BMP"), _saved("BMP", mode="L"), _saved("BMP", mode="P"))
GIFS = (_saved("GIF"), _saved("GIF", mode="P"))

READERS = [
    _image("jpeg", ".jpg", *JPEGS),
    _image("png", ".png", *PNGS, change=change_png),
    _image("webp", ".webp", *WEBPS),
    _image("tiff", ".tif", *TIFFS),
    _image("bmp", ".bmp", *BMPS),
    _image("gif", ".gif", *GIFS),
    Reader("look", "x.jpg", _seeds(*JPEGS, *PNGS, *WEBPS, *TIFFS, *BMPS, *GIFS), _look, change_bytes, IMAGE_ROOM, 50),
    _video("mp4", ".mp4", "mp4v"),
    _video("avi", ".avi", "MJPG"),
    _video("mkv", ".mkv", "mp4v"),
]
