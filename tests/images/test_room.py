"""How much memory reading images takes: at most twelve bytes for each pixel and 64 megabytes, whatever a small file says and
however many threads read; they share what room there is, in turn, and give it back whatever happens."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from yolov3.images import room
from yolov3.images.room import Room, pixels_in_work

PER_PIXEL, CONSTANT = 12, 64 << 20  # bytes

READ = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from yolov3.images.files import ImageError, read_image, read_thumbnail, write_image
write_image(Path(sys.argv[1]) / "first.png", np.zeros((9, 9, 3), np.uint8))
write_image(Path(sys.argv[1]) / "first.jpg", np.zeros((9, 9, 3), np.uint8))
for name in ("first.png", "first.jpg"):
    read_image(Path(sys.argv[1]) / name)
told, before = {}, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[2:]:
    results, start = [], time.monotonic()
    for read in (read_image, lambda path: read_image(path, tolerate_truncation=True), read_thumbnail):
        try:
            results.append(f"an image of {read(Path(sys.argv[1]) / name).shape}")
        except ImageError as error:
            results.append(str(error))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told[name] = (peak - before) * 1024, time.monotonic() - start, results
    before = max(before, peak)
print(json.dumps(told))
"""


def chunk(kind: bytes, content: bytes, *, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return struct.pack(">I", size) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks: bytes, size: tuple[int, int] = (10, 10), depth: int = 8, colour: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", size[1], size[0], depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks)


def zeros(megabytes: int) -> bytes:
    """So many megabytes, a thousandth of that as zlib packs them."""
    packer = zlib.compressobj(9)
    start = packer.flush(zlib.Z_FULL_FLUSH)
    return start + (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes


def directory(entries: list[tuple[int, int, int, int]], more: bytes = b"") -> bytes:
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4) + more


def tiff(*entries: tuple[int, int, int, int], size: tuple[int, int] = (10, 10), more: bytes = b"") -> bytes:
    own = [(256, 4, 1, size[1]), (257, 4, 1, size[0]), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    kept = [each for each in own if each[0] not in {entry[0] for entry in entries}]
    return directory(sorted([*kept, *entries]), more)


def jpeg(exif: bytes = b"", scans: int = 0, size: tuple[int, int] = (10, 10)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, "JPEG", progressive=bool(scans))
    data = stream.getvalue()
    parts = [exif[start : start + 65_000] for start in range(0, len(exif), 65_000)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", 8 + len(part)) + b"Exif\0\0" + part for part in parts)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:2] + segments + data[2:-2] + last * scans + data[-2:]


END = chunk(b"IEND", b"")
ALIKE = [(tag, 7, 500_000, 8) for tag in range(40_000, 43_000)]  # entries for 1.5 gigabytes, all in the same place
STRIPS = [(273, 4, 1, 8), (278, 4, 1, 10), (279, 4, 1, 100)]
BOMBS = {
    "length of the pixels.png": png(chunk(b"IDAT", bytes(10), length=2**31 - 1), END),
    "length of a text.png": png(chunk(b"IDAT", zlib.compress(bytes(310))), chunk(b"tEXt", b"", length=2**31 - 1), END),
    "length of an animation.png": png(chunk(b"acTL", b"", length=2**31 - 1), chunk(b"IDAT", zlib.compress(bytes(310)))),
    "header elsewhere.png": png(chunk(b"tEXt", bytes(13)))[:8]
    + chunk(b"tEXt", struct.pack(">II", 9, 0) + bytes(5))
    + png(chunk(b"IDAT", zeros(2000)))[8:],
    "cut.png": png(chunk(b"IDAT", zeros(2000))),
    "too long.png": png(chunk(b"IDAT", zeros(2000)), END),
    "text.png": png(chunk(b"zTXt", b"a\0\0" + zeros(1000)), chunk(b"IDAT", zlib.compress(bytes(310))), END),
    "profile.png": png(chunk(b"iCCP", b"a\0\0" + zeros(1000)), chunk(b"IDAT", zlib.compress(bytes(310))), END),
    "frames.png": png(
        chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2**31 - 1, 2**31 - 1, 0, 0, 1, 1, 0, 0)),
        chunk(b"IDAT", zlib.compress(bytes(310))),
        END,
    ),
    "exif.png": png(chunk(b"eXIf", directory(ALIKE, bytes(500_000))), chunk(b"IDAT", zlib.compress(bytes(310))), END),
    "entries.tif": tiff(*ALIKE, *STRIPS, more=bytes(500_000)),
    "tile.tif": tiff((322, 4, 1, 2**14), (323, 4, 1, 2**14), (324, 4, 1, 8), (325, 4, 1, 100)),
    "samples.tif": tiff((277, 3, 1, 60_000), *STRIPS),
    "deep.tif": tiff((258, 3, 1, 64), (339, 3, 1, 3), *STRIPS, size=(5000, 5000)),
    "strip.tif": tiff((273, 4, 1, 8), (278, 4, 1, 2**31 - 1), (279, 4, 1, 2**31 - 1)),
    "circle.tif": tiff(*STRIPS)[:-4] + struct.pack("<I", 8) + bytes(200),
    "exif.jpg": jpeg(exif=directory(ALIKE, bytes(500_000))),
    "scans.jpg": jpeg(scans=5000, size=(3000, 3000)),
    "large.bmp": b"BM" + struct.pack("<IIIIiiHHIIIIII", 100, 0, 54, 40, 9999, 9999, 1, 24, 0, 0, 0, 0, 0, 0),
    "large.gif": b"GIF89a" + struct.pack("<HH", 65_000, 65_000) + bytes(3) + b",",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, float, list[str]]]:
    """By the name of each file: the bytes and the seconds that it took, and what was said."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in BOMBS.items():
        (folder / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, str(folder), *BOMBS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_takes_little_memory_and_time(told, name):
    taken, seconds, results = told[name]
    assert len(BOMBS[name]) < 3_500_000
    assert taken < CONSTANT, results
    assert seconds < 5, results
    assert all(" image of (" in each or f"{name}: " in each for each in results)


def test_what_is_wrong_with_them_is_said(told):
    first = {name: results[0].partition(f"{name}: ")[2] for name, (_, _, results) in told.items()}
    assert first["length of the pixels.png"].startswith("the file is cut off")
    assert "does not begin with it" in first["header elsewhere.png"]
    assert "64 samples" in first["deep.tif"] and "tiles of 16384x16384 pixels" in first["tile.tif"]
    assert "bytes of pixels, which are 310 unpacked" in first["too long.png"]
    assert "scans; of a JPEG of this size at most 277 are decoded" in first["scans.jpg"]
    assert first["exif.png"] == first["exif.jpg"] == first["text.png"] == ""  # they are images all the same


LARGE = """
import resource, sys, threading
from pathlib import Path
from yolov3.images.files import read_image
read_image(Path(sys.argv[1]) / "small.png")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def read():
    read_image(Path(sys.argv[1]) / sys.argv[2])
threads = [threading.Thread(target=read) for _ in range(int(sys.argv[3]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "threads"), [("grey.png", 1), ("deep.png", 1), ("deep.png", 4), ("grey.gif", 1)])
def test_large_images_take_memory_by_their_pixels_however_many_threads_read(tmp_path, name, threads):
    Image.new("RGB", (9, 9)).save(tmp_path / "small.png")
    rows = np.zeros((7000, 1 + 7000 * 8), np.uint8).tobytes()
    (tmp_path / "deep.png").write_bytes(
        png(chunk(b"IDAT", zlib.compress(rows, 1)), END, size=(7000, 7000), depth=16, colour=6)
    )
    Image.new("L", (7000, 7000)).save(tmp_path / "grey.png")
    Image.new("L", (7000, 7000)).save(tmp_path / "grey.gif")
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path), name, str(threads)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Two are decoded at a time: a hundred million pixels in all. What is done stays, at three bytes a pixel.
    in_work = min(threads, 2) * 49_000_000
    assert int(done.stdout) < PER_PIXEL * in_work + CONSTANT


def test_never_more_is_taken_than_there_is():
    own, lock, state = Room(100), threading.Lock(), {"now": 0, "most": 0, "done": 0}

    def work(pixels: int) -> None:
        for _ in range(20):
            with own.taken(pixels):
                with lock:
                    state["now"] += min(pixels, 100)
                    state["most"] = max(state["most"], state["now"])
                time.sleep(0.0002)
                with lock:
                    state["now"] -= min(pixels, 100)
                    state["done"] += 1

    threads = [threading.Thread(target=work, args=(pixels,)) for pixels in (1, 10, 40, 60, 100, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert state["done"] == 120 and 60 <= state["most"] <= 100


def test_who_needs_much_is_not_overtaken_for_ever():
    own, stop, order = Room(100), threading.Event(), []

    def small() -> None:
        while not stop.is_set():
            with own.taken(30):
                time.sleep(0.001)

    threads = [threading.Thread(target=small) for _ in range(4)]
    for thread in threads:
        thread.start()
    with own.taken(100):
        order.append("large")
    stop.set()
    for thread in threads:
        thread.join(20)
    assert order == ["large"]


def test_it_is_given_back_whatever_happens():
    own = Room(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), own.taken(10):
            raise ZeroDivisionError
    with own.taken(10):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_waits_for_nobody_of_its_parent():
    with pixels_in_work(room.MOST_PIXELS):
        child = os.fork()
        if not child:
            with pixels_in_work(room.MOST_PIXELS):
                os._exit(7)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                assert os.waitstatus_to_exitcode(status) == 7
                return
            time.sleep(0.01)
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise AssertionError("the child waited")
