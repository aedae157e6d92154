"""Images from files: the unusual ones as they are meant, the broken ones refused by name, before memory is taken."""

from __future__ import annotations

import json
import os
import random
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from yolov3.errors import UserError
from yolov3.images import files
from yolov3.images.files import (
    IMAGE_SUFFIXES,
    WRITTEN_SUFFIXES,
    ImageError,
    decode_image,
    read_image,
    read_image_size,
    read_thumbnail,
    write_image,
)

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


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "jpg", "gif"])
def test_red_is_first_whatever_order_opencv_decodes_to(tmp_path, monkeypatch, suffix, channels, depth):
    if depth == np.uint16 and suffix not in ("png", "tiff"):
        pytest.skip("a format of 8 bits")
    image = np.dstack([SMOOTH, SMOOTH[..., :1]])[..., :channels].astype(depth) * (257 if depth == np.uint16 else 1)
    path = tmp_path / f"a.{suffix}"
    if suffix == "gif":
        Image.fromarray(SMOOTH).save(path)
    else:
        assert cv2.imwrite(str(path), image)
    found = read_image(path)
    monkeypatch.setattr(files, "_RGB", None)  # as with an OpenCV that decodes to BGR only
    assert np.array_equal(found, read_image(path))
    if channels > 1 and suffix in ("png", "bmp", "tiff"):
        assert np.array_equal(found, SMOOTH[..., ::-1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_exif_orientation_is_applied_alike_to_image_and_size(tmp_path, orientation, suffix):
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


@pytest.mark.parametrize(("suffix", "kind"), [("gif", "GIF"), ("png", "PNG"), ("webp", "WEBP"), ("tiff", "TIFF")])
def test_of_several_images_in_a_file_the_first_is_read(tmp_path, suffix, kind):
    first, *others = (Image.fromarray(np.full((20, 30, 3), value, np.uint8)) for value in (10, 120, 240))
    path = tmp_path / f"a.{suffix}"
    first.save(path, format=kind, save_all=True, append_images=others)
    with Image.open(path) as opened:
        assert getattr(opened, "n_frames", 1) == 3
    found = read_image(path)
    assert found.shape == (20, 30, 3) and abs(int(found.mean()) - 10) < 3
    assert read_image_size(path) == (20, 30)


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff", "jpg"])
def test_bytes_are_read_as_their_file_is(tmp_path, suffix):
    image = Image.fromarray(SMOOTH)
    exif = image.getexif()
    exif[0x0112] = 6
    path = save(tmp_path / f"a.{suffix}", image, exif=exif)
    assert (decode_image(path.read_bytes(), "photo") == read_image(path)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"", "photo: no bytes"),
        (lambda data: b"<html>" + data, "photo: not an image"),
        (lambda data: data[: len(data) // 2], "photo: the file is cut off"),
        (lambda data: data[:16] + struct.pack(">II", 60_000, 60_000) + data[24:], "photo: "),
    ],
)
def test_bytes_that_are_no_image_are_refused_by_their_name(tmp_path, change, message):
    write_image(tmp_path / "a.png", SMOOTH)
    data = change((tmp_path / "a.png").read_bytes())
    with pytest.raises(ImageError, match=f"^{message}"):
        decode_image(data, "photo")


def test_bytes_that_are_cut_off_are_shown_as_far_as_they_go(tmp_path):
    write_image(tmp_path / "a.png", SMOOTH)
    data = (tmp_path / "a.png").read_bytes()
    assert decode_image(data[: len(data) * 3 // 4], "photo", tolerate_truncation=True).shape == SMOOTH.shape


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
        (lambda p: p.write_text("hello"), "not an image"),
        (lambda p: p.write_bytes(b"\xff\xd8\xff"), "header is cut off or damaged"),
        (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40), "header"),
        (lambda p: p.mkdir(), "a folder, not an image"),
        (lambda p: os.mkfifo(p), "a pipe, not an image"),
        (lambda p: None, "does not exist"),
        (lambda p: p.symlink_to("/dev/zero"), "a device, not an image"),
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


MUTATED = """
import io, json, resource, struct, sys, zlib
from pathlib import Path

import numpy as np
from PIL import Image

from yolov3.images.files import ImageError, read_image

COUNT, MEMORY = 2000, 512 << 20
folder = Path(sys.argv[1])
generator = np.random.default_rng(1)
smooth = Image.open(folder / "smooth.png").convert("RGB")
exif = smooth.getexif()
exif[0x0112], exif[0x010F] = 6, "maker"
turned = smooth.rotate(9)
frames = {"save_all": True, "append_images": [turned]}
KINDS = {
    "JPEG": [(smooth, {}), (smooth, {"exif": exif}), (smooth, {"progressive": True}), (smooth.convert("CMYK"), {})],
    "PNG": [(smooth, {"exif": exif}), (smooth.quantize(16), {}), (smooth.convert("RGBA"), {}), (smooth.convert("1"), {}),
            (smooth.convert("L").convert("I;16"), {})],
    "WEBP": [(smooth, {"exif": exif}), (smooth, {"lossless": True}), (smooth.convert("RGBA"), {}), (smooth, frames)],
    "BMP": [(smooth, {}), (smooth.quantize(16), {}), (smooth.convert("1"), {})],
    "TIFF": [(smooth, {"exif": exif}), (smooth.convert("I;16"), {}), (smooth.convert("F"), {}), (smooth, frames)]
            + [(smooth, {"compression": each}) for each in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")],
    "GIF": [(smooth, {}), (smooth, frames)],
}

def encoded(image, format, options):
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()

def with_checksums(data):
    # so that a PNG's decoder goes on to what was changed
    place = 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        if place + 12 + length > len(data):
            break
        struct.pack_into(">I", data, place + 8 + length, zlib.crc32(data[place + 4 : place + 8 + length]))
        place += 12 + length
    return data

def mutated(data):
    data = bytearray(data)
    span = len(data) if generator.random() < 0.5 else min(len(data), 120)  # everywhere, or in the header
    for place in generator.integers(0, span, int(generator.integers(1, 5))):
        data[place] = int(generator.choice([0, 1, 127, 128, 255, int(generator.integers(256))]))
    if data[1:4] == b"PNG" and generator.random() < 0.8:
        data = with_checksums(data)
    return data[: int(generator.integers(1, len(data) + 1))] if generator.random() < 0.3 else data

originals = {format: [encoded(*kind[:1], format, kind[1]) for kind in kinds] for format, kinds in KINDS.items()}
_, hard = resource.getrlimit(resource.RLIMIT_AS)
told = {"large": []}
for megabytes in range(4, 100, 4):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20), hard))
    try:
        told["large"].append(str(read_image(folder / "large.png").shape))
    except ImageError as error:
        told["large"].append(str(error))
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
for format, files in originals.items():
    path = folder / f"mutated.{format}"
    found = {"images": 0, "refused": 0, "others": []}
    for number in range(COUNT):
        path.unlink(missing_ok=True)  # to write over a file would wait for the disk
        path.write_bytes(mutated(files[number % len(files)]))
        try:
            image = read_image(path, tolerate_truncation=bool(number % 2))
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3, image.shape
            found["images"] += 1
        except ImageError as error:
            assert str(error).startswith(f"{path}: ") and "\\n" not in str(error), str(error)
            found["refused"] += 1
        except Exception as error:
            found["others"].append(f"{number}: {type(error).__name__}: {error}")
    told[format] = found
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def mutated(tmp_path_factory) -> dict[str, dict]:
    """What becomes of 2,000 mutated files of each format where half a gigabyte of memory is left, and of a large image where
    there is less and less."""
    folder = tmp_path_factory.mktemp("mutated")
    write_image(folder / "smooth.png", SMOOTH)
    cv2.imwrite(str(folder / "large.png"), np.zeros((1500, 2000, 3), np.uint16))
    command = [sys.executable, "-W", "ignore", "-c", MUTATED, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs Linux's size of a process")
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_mutated_files_give_an_image_or_are_refused_by_name(mutated, format):
    found = mutated[format]
    assert found["others"] == []
    assert found["images"] + found["refused"] == 2000 and min(found["images"], found["refused"]) > 50


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs Linux's size of a process")
def test_an_image_that_memory_does_not_hold_is_refused_wherever_it_ends(mutated):
    """18 megabytes decoded, then again with the high bytes moved down, then half of it in two more steps."""
    told = mutated["large"]
    refused = [line for line in told if "large.png: cannot be decoded: " in line]
    assert set(told) - set(refused) == {"(1500, 2000, 3)"} and len(told) == 24 and len(refused) > 1


def test_every_suffix_that_is_written_is_read_as_an_image():
    assert WRITTEN_SUFFIXES < IMAGE_SUFFIXES


@pytest.mark.parametrize("suffix", sorted(WRITTEN_SUFFIXES))
def test_suffixes_in_capitals_are_the_same(tmp_path, suffix):
    path = tmp_path / f"a{suffix.upper()}"
    write_image(path, SMOOTH)
    with Image.open(path) as found:
        assert found.size == (90, 60) and read_image_size(path) == (60, 90)


def test_writing_is_checked(tmp_path):
    with pytest.raises(UserError, match=r"found suffix '\.xyz'"):
        write_image(tmp_path / "a.xyz", SMOOTH)
    with pytest.raises(UserError, match=r"found suffix '\.gif'; images are written as \.bmp, \.jpeg"):
        write_image(tmp_path / "a.gif", SMOOTH)
    with pytest.raises(UserError, match="found suffix ''"):
        write_image(tmp_path / "none", SMOOTH)
    with pytest.raises(UserError, match="cannot be written"):
        write_image(tmp_path / "none" / "a.png", SMOOTH)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        write_image(_full_disk(tmp_path), SMOOTH)


def test_what_a_format_cannot_hold_is_told_and_nothing_stays(tmp_path):
    for suffix, shape in ((".webp", (1, 20_000, 3)), (".jpg", (1, 70_000, 3)), (".png", (0, 5, 3))):
        path = tmp_path / f"a{suffix}"
        with pytest.raises(UserError, match="encoded") as caught:
            write_image(path, np.zeros(shape, np.uint8))
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)], ids=str
)
def test_only_rgb_bytes_are_written(tmp_path, image):
    with pytest.raises(AssertionError):
        write_image(tmp_path / "a.png", image)


def test_what_is_read_is_the_users_file_and_stays(tmp_path):
    path = tmp_path / "a.jpg"
    write_image(path, SMOOTH)
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    path.chmod(stat.S_IRUSR)
    read_image(path, tolerate_truncation=True)
    assert path.read_bytes() == data[:-40] and [each.name for each in tmp_path.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("name", ["a\0.jpg", "n" * 300 + ".jpg", "a.jpg/b.jpg"])
def test_impossible_names_are_refused_in_one_line(tmp_path, name):
    (tmp_path / "a.jpg").write_bytes(b"x")
    for read in (read_image, read_image_size):
        with pytest.raises(ImageError) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value) and "\0" not in str(caught.value)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.jpg"
    write_image(path, SMOOTH)
    os.truncate(path, 2**30 + 1)  # as a hole
    with pytest.raises(ImageError, match="1073741825 bytes; at most 1073741824 are read"):
        read_image(path)


def test_a_socket_is_no_image(tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as server:
        path = Path(folder) / "a.jpg"
        server.bind(str(path))
        with pytest.raises(ImageError, match=r"a\.jpg: a socket, not an image"):
            read_image(path)


def test_many_threads_read_at_once(tmp_path):
    paths = []
    for number in range(8):
        image = Image.fromarray(np.full((40, 30, 3), 20 * number, np.uint8))
        exif = image.getexif()
        exif[0x0112] = number + 1
        paths.append(save(tmp_path / f"{number}.png", image, exif=exif))
    wrong = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(60):
            number = chance.randrange(8)
            image = read_image(paths[number])
            if image.shape[:2] != ((40, 30) if number < 4 else (30, 40)) or (image != 20 * number).any():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.shared
def test_real_photographs_are_those_that_pillow_and_opencv_see(shared):
    paths = sorted(path for path in (shared / "images").iterdir() if path.suffix in IMAGE_SUFFIXES)
    assert paths
    for path in paths:
        found = read_image(path)
        assert np.array_equal(found, cv2.imread(str(path))[..., ::-1])
        assert (
            np.abs(found.astype(int) - np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))).mean() < 2
        )


def _full_disk(folder: Path) -> Path:
    path = folder / "full.png"
    path.symlink_to("/dev/full")
    return path


def test_a_thumbnail_is_small_and_grey(tmp_path):
    image = np.zeros((160, 240, 3), np.uint8)
    image[:, 120:] = 200
    for name in ("a.jpg", "a.png"):
        write_image(tmp_path / name, image)
        thumbnail = read_thumbnail(tmp_path / name)
        assert thumbnail.shape == (20, 30) and thumbnail.dtype == np.uint8
        assert thumbnail[:, :14].max() < 10 and abs(int(thumbnail[:, 16:].min()) - 200) < 10
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:30])
    with pytest.raises(ImageError, match=r"b\.jpg: "):
        read_thumbnail(tmp_path / "b.jpg")


def test_bytes_that_are_cut_off_are_refused_or_shown_as_far_as_they_go(tmp_path):
    write_image(tmp_path / "a.jpg", np.full((64, 64, 3), 90, np.uint8))
    data = (tmp_path / "a.jpg").read_bytes()[:-20]
    with pytest.raises(ImageError, match="from afar: the file is cut off"):
        decode_image(data, "from afar")
    assert decode_image(data, "from afar", tolerate_truncation=True).shape == (64, 64, 3)


def test_bytes_of_too_many_pixels_are_refused_by_their_header():
    chunks = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", struct.pack(">II5B", 60_000, 60_000, 8, 2, 0, 0, 0)), (b"IDAT", b"x")):
        chunks += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    with pytest.raises(ImageError, match="from afar: 60000x60000 pixels; at most"):
        decode_image(chunks, "from afar")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_an_image_that_may_change_is_written_as_any_other(tmp_path, name):
    """Also one that nobody may change."""
    image = np.random.default_rng(0).integers(0, 255, (30, 41, 3)).astype(np.uint8)
    fixed = np.broadcast_to(image[:1], image.shape)
    for number, pixels in enumerate((image, fixed)):
        kept, path = tmp_path / f"kept{number}{name}", tmp_path / f"{number}{name}"
        write_image(kept, pixels)
        before = pixels.copy()
        write_image(kept, pixels)
        assert np.array_equal(pixels, before), "otherwise it stays as it is"
        write_image(path, pixels, may_change=True)
        assert path.read_bytes() == kept.read_bytes()
