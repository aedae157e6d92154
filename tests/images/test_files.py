"""Images from files: the unusual ones as they are meant, the broken ones refused by name, before memory is taken."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from yolov3.errors import UserError
from yolov3.images.files import ImageError, read_image, read_image_size, write_image

IMAGE = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
SMOOTH = cv2.resize(IMAGE, (90, 60), interpolation=cv2.INTER_CUBIC)


def save(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "jpg"])
def test_there_and_back(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write_image(path, SMOOTH)
    found = read_image(path)
    assert found.shape == SMOOTH.shape and found.dtype == np.uint8 and read_image_size(path) == (60, 90)
    tolerance = 0 if suffix in ("png", "bmp", "tiff") else 12
    assert np.abs(found.astype(int) - SMOOTH).mean() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_exif_orientation_is_applied_alike_to_image_and_size(tmp_path, orientation, suffix):
    from PIL import ImageOps

    image = Image.fromarray(SMOOTH)
    exif = image.getexif()
    exif[0x0112] = orientation
    options = {"quality": 98} if suffix == "jpg" else {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"a.{suffix}", image, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    found = read_image(path)
    assert found.shape == expected.shape and read_image_size(path) == expected.shape[:2]
    assert np.abs(found.astype(int) - expected).mean() < 3


def test_unusual_images_have_a_defined_meaning(tmp_path):
    grey = Image.fromarray(SMOOTH[..., 0])
    assert (read_image(save(tmp_path / "g.png", grey)) == SMOOTH[..., :1]).all()
    alpha = Image.fromarray(np.dstack((SMOOTH, np.full(SMOOTH.shape[:2], 7, np.uint8))))
    assert (read_image(save(tmp_path / "a.png", alpha)) == SMOOTH).all()
    palette = Image.fromarray(SMOOTH).quantize(64)
    assert (read_image(save(tmp_path / "p.png", palette)) == np.asarray(palette.convert("RGB"))).all()
    one_bit = Image.fromarray(SMOOTH[..., 0] > 127)
    assert set(np.unique(read_image(save(tmp_path / "1.png", one_bit)))) == {0, 255}
    deep = (SMOOTH.astype(np.uint16) << 8) + 200
    cv2.imwrite(str(tmp_path / "16.png"), deep[..., ::-1])
    assert (read_image(tmp_path / "16.png") == SMOOTH).all()
    cmyk = Image.fromarray(SMOOTH).convert("CMYK")
    found = read_image(save(tmp_path / "c.jpg", cmyk, quality=98)).astype(int)
    assert np.abs(found - SMOOTH).mean() < 8
    frames = [Image.fromarray(np.full((20, 20, 3), value, np.uint8)) for value in (10, 200)]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert abs(int(read_image(path).mean()) - 10) < 3


def test_names_and_suffixes_do_not_matter(tmp_path):
    for name in ("ä ö 日本 🚀.jpg", "-dash.png", "x" * 250 + ".png", "lies.jpg", "none"):
        path = tmp_path / name
        Image.fromarray(SMOOTH).save(path, format="PNG")
        assert (read_image(path) == SMOOTH).all()


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_truncated_image_is_refused_or_shown_as_far_as_it_goes(tmp_path, suffix, share):
    path = tmp_path / f"a.{suffix}"
    big = cv2.resize(SMOOTH, (640, 480))
    write_image(path, big)
    data = path.read_bytes()
    path.write_bytes(data[: max(700, int(len(data) * share))])
    with pytest.raises(ImageError, match="cut off"):
        read_image(path)
    shown = read_image(path, tolerate_truncation=True)
    assert shown.shape == big.shape
    if share > 0.5:
        assert np.abs(shown[:100].astype(int) - big[:100]).mean() < 12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p.write_bytes(b""), "the file is empty"),
        (lambda p: p.write_text("hello"), "not a picture"),
        (lambda p: p.write_bytes(b"\xff\xd8\xff"), "header is cut off or damaged"),
        (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40), "header"),
        (lambda p: p.mkdir(), "a folder, not a picture"),
        (lambda p: os.mkfifo(p), "a pipe, not a picture"),
        (lambda p: None, "does not exist"),
        (lambda p: p.symlink_to("/dev/zero"), "a device, not a picture"),
    ],
)
def test_what_is_no_image_is_refused_at_once(tmp_path, make, message):
    path = tmp_path / "a.jpg"
    make(path)
    for read in (read_image, read_image_size):
        with pytest.raises(ImageError, match=message):
            read(path)


def png_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (70_000, 1), (0, 10), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_by_their_header(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(width, height))
    with pytest.raises(ImageError, match=r"pixels; at most|gives a size of|header is cut off or damaged"):
        read_image(path)


def test_the_smallest_image(tmp_path):
    write_image(tmp_path / "1.png", np.full((1, 1, 3), 9, np.uint8))
    assert read_image(tmp_path / "1.png").tolist() == [[[9, 9, 9]]]


def test_damaged_bytes_never_give_another_exception(tmp_path):
    generator = np.random.default_rng(1)
    for suffix in ("jpg", "png", "webp", "bmp", "tiff", "gif"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(SMOOTH).save(path)
        data = path.read_bytes()
        for _ in range(60):
            broken = bytearray(data)
            for place in generator.integers(0, len(data), int(generator.integers(1, 6))):
                broken[place] = int(generator.integers(256))
            path.write_bytes(broken[: int(generator.integers(1, len(broken) + 1))])
            try:
                assert read_image(path, tolerate_truncation=bool(generator.integers(2))).ndim == 3
            except ImageError as error:
                assert str(error).startswith(str(path))


def test_writing_is_checked(tmp_path):
    with pytest.raises(UserError, match=r"found suffix '\.xyz'"):
        write_image(tmp_path / "a.xyz", SMOOTH)
    with pytest.raises(UserError, match="cannot be written"):
        write_image(tmp_path / "none" / "a.png", SMOOTH)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        write_image(_full_disk(tmp_path), SMOOTH)


def _full_disk(folder: Path) -> Path:
    path = folder / "full.png"
    path.symlink_to("/dev/full")
    return path
