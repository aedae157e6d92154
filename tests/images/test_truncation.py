"""Is the end missing, wherever a file was cut; and what arrived before the cut can still be seen."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from yolov3.images.header import HeaderError, read_header
from yolov3.images.truncation import complete, is_truncated

SMOOTH = cv2.resize(np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8), (90, 60))
IMAGE = Image.fromarray(SMOOTH)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


def with_thumbnail() -> bytes:
    """A JPEG whose EXIF holds another whole JPEG, its end marker included."""
    thumbnail = encoded(IMAGE.resize((16, 16)), "JPEG")
    assert thumbnail.endswith(b"\xff\xd9")
    return encoded(IMAGE, "JPEG", exif=b"Exif\0\0" + thumbnail)


CUTTABLE = {
    "JPEG": encoded(IMAGE, "JPEG"),
    "progressive JPEG": encoded(IMAGE, "JPEG", progressive=True),
    "JPEG with restart markers": encoded(IMAGE, "JPEG", restart_marker_blocks=1),
    "JPEG with a thumbnail": with_thumbnail(),
    "PNG": encoded(IMAGE, "PNG"),
    "PNG of many chunks": encoded(Image.effect_noise((300, 300), 90), "PNG", compress_level=0),
}


def truncated(data: bytes) -> bool:
    return is_truncated(data, read_header(io.BytesIO(data)))


def completed(data: bytes) -> bytes:
    return complete(data, read_header(io.BytesIO(data)))


@pytest.mark.parametrize("name", CUTTABLE)
def test_cut_anywhere_the_end_is_missing(name):
    data = CUTTABLE[name]
    assert not truncated(data)
    lengths = range(1, len(data)) if len(data) < 10_000 else random.Random(0).sample(range(1, len(data)), 500)
    judged = 0
    for length in lengths:
        try:
            header = read_header(io.BytesIO(data[:length]))
        except HeaderError:
            continue  # cut off before the pixels
        judged += 1
        assert is_truncated(data[:length], header), length
    assert judged > 100


@pytest.mark.parametrize("name", CUTTABLE)
@pytest.mark.parametrize("more", [b"\0" * 100, b"appended text", b"\r\n"])
def test_what_follows_the_end_does_not_matter(name, more):
    assert not truncated(CUTTABLE[name] + more)


@pytest.mark.parametrize("format", ["WEBP", "BMP", "GIF", "TIFF"])
def test_other_formats_are_left_to_the_decoder(format):
    data = encoded(IMAGE, format)
    header = read_header(io.BytesIO(data))
    assert not is_truncated(data, header) and not is_truncated(data[: len(data) // 2], header)


@pytest.mark.parametrize("name", [name for name in CUTTABLE if "JPEG" in name])
def test_a_completed_jpeg_decodes_and_its_first_rows_are_those_that_arrived(name):
    data = CUTTABLE[name]
    header = read_header(io.BytesIO(data))
    middle = header.data_start + (len(data) - header.data_start) * 3 // 4
    cut = data[: data.rindex(b"\xff\xda", 0, middle) + 20] if "progressive" in name else data[:middle]  # in a scan
    ended = completed(cut)
    assert ended.startswith(cut) and not truncated(ended)
    whole, found = (cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR) for each in (data, ended))
    assert found.shape == whole.shape
    if "progressive" not in name:  # which comes coarse first instead of from the top
        assert np.array_equal(found[:16], whole[:16])


PNG_KINDS = {
    "RGB": IMAGE,
    "RGBA": Image.fromarray(np.dstack((SMOOTH, SMOOTH[..., :1]))),
    "grey": IMAGE.convert("L"),
    "grey with alpha": IMAGE.convert("LA"),
    "palette": IMAGE.quantize(200),
    "palette of 4 bits": IMAGE.quantize(16),
    "palette of 2 bits": IMAGE.quantize(4),
    "one bit": IMAGE.convert("1"),
    "16 bits": Image.fromarray(SMOOTH[..., 0].astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", PNG_KINDS)
@pytest.mark.parametrize("share", [0.5, 0.8, 0.99])
def test_a_completed_png_decodes_and_its_first_rows_are_those_that_arrived(name, share):
    image = PNG_KINDS[name]
    data = encoded(image, "PNG")
    cut = data[: data.index(b"IDAT") + 4 + int((len(data) - data.index(b"IDAT")) * share)]
    ended = completed(cut)
    assert not truncated(ended)
    expected = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    found = Image.open(io.BytesIO(ended))
    found.load()  # every checksum agrees
    found = np.asarray(found.convert("RGB") if image.mode == "P" else found)
    assert found.shape == expected.shape
    rows = int(len(expected) * share * 0.6)
    assert rows > 5 and np.array_equal(found[:rows], expected[:rows])


def test_a_16_bit_rgb_png_too():
    deep = SMOOTH.astype(np.uint16) * 257
    done, data = cv2.imencode(".png", deep)
    assert done
    ended = completed(data.tobytes()[: len(data) * 3 // 4])
    found = cv2.imdecode(np.frombuffer(ended, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16 and np.array_equal(found[:20], deep[:20])


def test_a_png_that_is_cut_before_its_pixels_is_black():
    data = encoded(IMAGE, "PNG")
    found = Image.open(io.BytesIO(completed(data[: data.index(b"IDAT") + 10])))
    assert np.asarray(found).shape == SMOOTH.shape and not np.asarray(found).any()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, pixels: bytes, *, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    """A PNG without its end."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels)


@pytest.mark.parametrize(
    "data",
    [
        png(20, 10, zlib.compress(b"\0" * 10), interlaced=1),
        png(20, 10, b"not zlib's"),
        png(20, 10, zlib.compress(b"\0" * 10), colour=5),
    ],
    ids=["interlaced", "damaged", "unknown colours"],
)
def test_a_png_whose_pixels_cannot_be_unpacked_gets_its_end_behind_what_is_there(data):
    header = read_header(io.BytesIO(png(20, 10, zlib.compress(b"\0"))))
    assert is_truncated(data, header) and complete(data, header) == data + chunk(b"IEND", b"")


def test_a_cut_png_whose_header_stands_elsewhere_is_not_unpacked():
    """The numbers in the header's place would be those of another image: none high, so without a limit."""
    shifted = png(100, 100, zlib.compress(bytes(100_000)))
    shifted = shifted[:8] + chunk(b"tEXt", struct.pack(">II", 100, 0) + bytes(5)) + shifted[8:]
    with pytest.raises(HeaderError, match="does not begin with it"):
        read_header(io.BytesIO(shifted))
    header = read_header(io.BytesIO(png(20, 10, zlib.compress(b"\0"))))
    assert len(complete(shifted, header)) < len(shifted) + 100


LIMITED = """
import io, resource, sys
from pathlib import Path
from yolov3.images.header import read_header
from yolov3.images.truncation import complete

files = [Path(name).read_bytes() for name in sys.argv[1:]]
headers = [read_header(io.BytesIO(data)) for data in files]
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), used + (200 << 20)))
print([complete(data, header) == data for data, header in zip(files, headers)])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs Linux's size of a process")
def test_bombs_take_no_more_memory_than_the_image_they_promise(tmp_path):
    compressor = zlib.compressobj(9)
    start = compressor.flush(zlib.Z_FULL_FLUSH)
    megabyte = compressor.compress(b"\0" * (1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    bomb = start + 2000 * megabyte
    assert len(bomb) < 3_000_000
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    small.write_bytes(png(100, 100, bomb))  # two gigabytes in a hundred pixels a side
    large.write_bytes(png(10_000, 10_000, bomb, depth=16, colour=6))  # for which there is no memory
    command = [sys.executable, "-c", LIMITED, str(small), str(large)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[False, False]\n"), done.stderr[-2000:]
