"""Images as programs have them: whichever way an image is given, its pixels are the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from yolov3.errors import UserError
from yolov3.images.files import read_image
from yolov3.images.given import image_of

PIXELS = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)


@pytest.fixture(params=["RGB", "L", "RGBA", "P", "1", "LA"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A PNG of some mode that lies on its side, as its EXIF says."""
    image = Image.fromarray(PIXELS).convert("RGBA").convert(request.param)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "photo.png", exif=exif)
    return tmp_path / "photo.png"


def test_a_path_a_text_bytes_and_a_pillow_image_give_the_same(path: Path) -> None:
    expected = read_image(path)
    assert expected.shape == (9, 6, 3)
    for given in (path, str(path), path.read_bytes(), Image.open(path), expected):
        found = image_of(given)
        assert found.dtype == np.uint8 and (found == expected).all()


def test_an_array_is_taken_as_it_is() -> None:
    assert image_of(PIXELS) is PIXELS


def test_of_16_bits_the_high_byte_is_kept_as_in_files(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), (PIXELS[..., 0].astype(np.uint16) << 8) + 200)
    deep = Image.open(tmp_path / "deep.png")
    assert deep.mode == "I;16"
    assert (image_of(deep) == read_image(tmp_path / "deep.png")).all()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\)"),
        (np.zeros((4, 4, 3)), r"float64 \(4, 4, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 \(4, 4, 4\)"),
        (7, "int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_image_is_told_by_what_it_is(given: object, found: str) -> None:
    allowed = r"an image must be a file, its bytes, a Pillow image or an \(H, W, 3\) uint8 RGB array"
    with pytest.raises(UserError, match=f"^{allowed}, found {found}$"):
        image_of(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [np.zeros((0, 4, 3), np.uint8), Image.new("RGB", (0, 4))])
def test_an_image_without_pixels(given: np.ndarray | Image.Image) -> None:
    with pytest.raises(UserError, match="an image must have pixels"):
        image_of(given)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_without_a_white_are_refused(mode: str) -> None:
    with pytest.raises(UserError, match=f"a Pillow image of mode {mode} has no fixed white; convert it to RGB first"):
        image_of(Image.new(mode, (3, 3)))


def test_a_pillow_image_that_cannot_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(PIXELS).resize((400, 300)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(UserError, match="the Pillow image cannot be decoded"):
        image_of(image)


def test_a_pillow_image_of_too_many_pixels_is_refused():
    image = Image.new("1", (12_000, 12_000))
    with pytest.raises(UserError, match="a Pillow image of 12000x12000 pixels; at most 100000000 are read"):
        image_of(image)
