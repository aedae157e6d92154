"""Images as programs have them: a file, its bytes, an array, a Pillow image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from yolov3.errors import UserError
from yolov3.images.files import MAXIMUM_PIXELS, decode_image, read_image

GivenImage = np.ndarray | str | Path | bytes | Image.Image
"""An (H, W, 3) uint8 RGB array, a path, the bytes of an image file, a Pillow image."""


def image_of(given: GivenImage) -> np.ndarray:
    """The image (H, W, 3) uint8 RGB. An array is taken as it is; files, their bytes and Pillow images are upright
    afterwards and of three channels, by the same rules. Raises UserError for what is no image.
    """
    if isinstance(given, str | Path):
        return read_image(Path(given))
    if isinstance(given, bytes | bytearray):
        return decode_image(bytes(given), "image bytes")
    if isinstance(given, np.ndarray):
        return _checked(given)
    if isinstance(given, Image.Image):
        return _from_pillow(given)
    raise _unknown(type(given).__name__)


def _checked(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise _unknown(f"{image.dtype} {image.shape}")
    if min(image.shape[:2]) < 1:
        raise UserError(f"an image must have pixels, found an array of shape {image.shape}")
    return image


def _from_pillow(image: Image.Image) -> np.ndarray:
    if min(image.size) < 1:
        raise UserError(f"an image must have pixels, found a Pillow image of {image.width}x{image.height}")
    if image.width * image.height > MAXIMUM_PIXELS:
        raise UserError(f"a Pillow image of {image.width}x{image.height} pixels; at most {MAXIMUM_PIXELS} are read")
    if image.mode in ("I", "F"):
        raise UserError(f"a Pillow image of mode {image.mode} has no fixed white; convert it to RGB first")
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # Pillow would clip; of 16 bits the high byte is kept, as in files
            grey = (np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        return np.array(upright.convert("RGB"))
    except OSError as error:  # Pillow decodes when the pixels are wanted
        raise UserError(f"the Pillow image cannot be decoded: {error}") from error


def _unknown(found: str) -> UserError:
    return UserError(
        f"an image must be a file, its bytes, a Pillow image or an (H, W, 3) uint8 RGB array, found {found}"
    )
