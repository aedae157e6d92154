"""Images from files and to files: HWC uint8 RGB, upright, three channels, and nothing half read or half written.

What becomes of unusual images: grey is repeated, alpha is dropped, a palette is looked up, CMYK is converted, of 16
bits the high byte is kept, of an animation the first frame. The format is told from the content, not from the name.
Files are read and written by Python, so every name works that the system allows; OpenCV decodes and encodes.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from yolov3.errors import UserError
from yolov3.files.atomic import write_whole
from yolov3.images.header import HeaderError, ImageHeader, read_header
from yolov3.images.jpeg import check_scans
from yolov3.images.png import still_png
from yolov3.images.room import pixels_in_work
from yolov3.images.truncation import complete, is_truncated
from yolov3.structures import Size

MAXIMUM_PIXELS = 100_000_000  # 300 MB decoded
MAXIMUM_SIDE = 65_500  # pixels; JPEG's own limit
MAXIMUM_BYTES = 2**30  # of a file

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"))
WRITTEN_SUFFIXES = IMAGE_SUFFIXES - {".gif"}

# The orientation is applied here, from the very header that gave the size, so the two cannot disagree.
_AS_STORED = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_RGB = getattr(cv2, "IMREAD_COLOR_RGB", None)  # OpenCV 4.11 and later save a pass over the image
_LEFT_BLUE_FIRST = frozenset(("TIFF",))  # they leave 16 bit images of these in the order of the file all the same


class ImageError(UserError):
    """An image that cannot be used. The message is ``PATH: reason``."""


def read_image(path: Path, *, tolerate_truncation: bool = False) -> np.ndarray:
    """The upright image in a file as (H, W, 3) uint8 RGB.

    The header is checked before anything is decoded: type of file, kind of image, size. A JPEG or PNG whose end is
    missing is refused, or with ``tolerate_truncation`` shown as far as it goes. Raises ImageError.
    """
    header, data = _read_file(path, whole=True)
    return _whole_image(path, data, header, tolerate_truncation=tolerate_truncation)


def decode_image(data: bytes, name: str, *, tolerate_truncation: bool = False) -> np.ndarray:
    """The same of the bytes of a file that errors are to call ``name``."""
    if not data:
        raise ImageError(f"{name}: no bytes")
    try:
        header = read_header(io.BytesIO(data))
    except HeaderError as error:
        raise ImageError(f"{name}: {error}") from error
    _check_size(name, header)
    return _whole_image(name, data, header, tolerate_truncation=tolerate_truncation)


def read_image_size(path: Path) -> Size:
    """(height, width) of the upright image, from the header alone. Raises ImageError."""
    return _read_file(path, whole=False)[0].size


def read_thumbnail(path: Path) -> np.ndarray:
    """A small grey copy, (h, w) uint8, of an image as its pixels lie in the file: an eighth of its sides where the format
    allows a quick way. Raises ImageError."""
    header, data = _read_file(path, whole=True)
    how = cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION
    with _decoding(path, header):
        return _pixels(path, _decodable(path, data, header, tolerate_truncation=True), header, how)


def write_image(path: Path, image_rgb: np.ndarray, *, may_change: bool = False) -> None:
    """Write an (H, W, 3) uint8 RGB image in the format of the path's suffix. Whoever does not need it any more says that it
    ``may_change``: then it takes less memory.

    Raises UserError naming the path when the suffix is unknown or not every byte could be written.
    """
    assert image_rgb.dtype == np.uint8 and image_rgb.ndim == 3 and image_rgb.shape[2] == 3, image_rgb.shape
    path = Path(path)
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        allowed = ", ".join(sorted(WRITTEN_SUFFIXES))
        raise UserError(f"{path}: found suffix {path.suffix!r}; images are written as {allowed}")
    write_whole(path, encode_image(image_rgb, path.suffix.lower(), str(path), may_change=may_change))


def encode_image(image_rgb: np.ndarray, suffix: str, name: str, *, may_change: bool = False) -> memoryview:
    """The bytes of a file of an (H, W, 3) uint8 RGB image in the format of a suffix, such as ``.png``, for what errors are to
    call ``name``. Raises UserError."""
    try:
        done, encoded = cv2.imencode(suffix, _bgr(image_rgb, may_change=may_change))
    except cv2.error as error:
        raise UserError(f"{name}: cannot be encoded: {_first_line(error)}") from error
    if not done:
        height, width = image_rgb.shape[:2]
        raise UserError(f"{name}: an image of {width}x{height} cannot be encoded in this format")
    return encoded.data


def _bgr(image_rgb: np.ndarray, *, may_change: bool) -> np.ndarray:
    if not may_change or not image_rgb.flags.writeable:
        return cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    red = image_rgb[..., 0].copy()  # OpenCV's own way to do it in place is a copy of all
    image_rgb[..., 0] = image_rgb[..., 2]
    image_rgb[..., 2] = red
    return image_rgb


def _whole_image(path: Path | str, data: bytes, header: ImageHeader, *, tolerate_truncation: bool) -> np.ndarray:
    with _decoding(path, header):
        data = _decodable(path, data, header, tolerate_truncation=tolerate_truncation)
        return _upright(_decode(path, data, header), header)


@contextmanager
def _decoding(path: Path | str, header: ImageHeader) -> Iterator[None]:
    """Within it an image is decoded, when others leave room for its pixels; what goes wrong is said."""
    height, width = header.stored_size
    try:
        with pixels_in_work(height * width):
            yield
    except (cv2.error, MemoryError) as error:
        raise ImageError(f"{path}: cannot be decoded: {_first_line(error)}") from error


def _decodable(path: Path | str, data: bytes, header: ImageHeader, *, tolerate_truncation: bool) -> bytes:
    """What the decoder is given: a file that has its end, and in which nothing asks for more memory or time than the image
    needs. Raises ImageError."""
    if is_truncated(data, header):
        if not tolerate_truncation:
            raise ImageError(
                f"{path}: the file is cut off ({len(data)} bytes, the end of the {header.format} is missing)"
            )
        data = complete(data, header)
    try:
        if header.format == "PNG":
            return still_png(data)
        if header.format == "JPEG":
            check_scans(data, header.stored_size, header.data_start)
    except ValueError as error:
        raise ImageError(f"{path}: {error}") from error
    return data


def _read_file(path: Path, *, whole: bool) -> tuple[ImageHeader, bytes]:
    """The checked header and, where asked for, all bytes of the file."""
    if "\0" in str(path):
        raise ImageError(f"{str(path)!r}: a file name cannot contain a NUL")
    try:
        # Asked before opening: opening a pipe would wait for its other end.
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path}: {_kind_of(status.st_mode)}, not an image file")
        if status.st_size == 0:
            raise ImageError(f"{path}: the file is empty (0 bytes)")
        if status.st_size > MAXIMUM_BYTES:
            raise ImageError(f"{path}: {status.st_size} bytes; at most {MAXIMUM_BYTES} are read")
        with Path(path).open("rb") as file:
            header = read_header(file)
            _check_size(path, header)
            file.seek(0)
            return header, file.read() if whole else b""
    except HeaderError as error:
        raise ImageError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise ImageError(f"{path}: does not exist") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise ImageError(f"{path}: cannot be read: there is not enough memory for {status.st_size} bytes") from error


def _check_size(path: Path | str, header: ImageHeader) -> None:
    height, width = header.stored_size
    if min(height, width) < 1:
        raise ImageError(f"{path}: its header gives a size of {width}x{height}")
    if height * width > MAXIMUM_PIXELS or max(height, width) > MAXIMUM_SIDE:
        raise ImageError(
            f"{path}: {width}x{height} pixels; at most {MAXIMUM_PIXELS} pixels and {MAXIMUM_SIDE} a side are read"
        )


def _pixels(path: Path | str, data: bytes, header: ImageHeader, how: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if image is None:
        raise ImageError(f"{path}: the {header.format} is damaged, cut off or of a kind that cannot be decoded")
    return image


def _decode(path: Path | str, data: bytes, header: ImageHeader) -> np.ndarray:
    """(H, W, 3) uint8 RGB as OpenCV decodes it: upright for TIFF, as stored for the other formats."""
    order = cv2.IMREAD_COLOR if _RGB is None or header.format in _LEFT_BLUE_FIRST else _RGB
    image = _pixels(path, data, header, order | _AS_STORED)
    if image.dtype == np.uint16:
        np.right_shift(image, 8, out=image)  # in place: half a gigabyte less where an image is large
        image = image.astype(np.uint8)
    if image.dtype != np.uint8:
        raise ImageError(f"{path}: {image.dtype} samples; 8 and 16 bit images are read")
    expected = header.size if header.format == "TIFF" else header.stored_size
    if image.shape[:2] != expected:
        raise ImageError(f"{path}: decoded to {image.shape[:2]}, its header says {expected} (height, width)")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if order == cv2.IMREAD_COLOR else image


def _upright(image: np.ndarray, header: ImageHeader) -> np.ndarray:
    """Undo the way the camera was held (EXIF 2.3, tag Orientation)."""
    if header.orientation == 1 or header.format == "TIFF":
        return image
    if header.orientation >= 5:
        image = cv2.transpose(image)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(header.orientation)
    return image if flip is None else cv2.flip(image, flip)


def _kind_of(mode: int) -> str:
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((name for test, name in kinds.items() if test(mode)), "a device")


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
