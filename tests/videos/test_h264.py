"""Videos in H.264, written by the real program where it is installed, read back by OpenCV."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.videos import h264
from yolov3.videos.h264 import ENCODERS, H264Writer, even_size, find_encoder

needs_encoder = pytest.mark.skipif(find_encoder() is None, reason="needs ffmpeg with an encoder of H.264")


def frame(number: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A grey that says its number."""
    return np.full((*size, 3), 20 + 8 * (number % 25), np.uint8)


def greys(path: Path) -> list[int]:
    capture, found = cv2.VideoCapture(str(path)), []
    while True:
        done, image = capture.read()
        if not done:
            return found
        found.append(round(float(image.mean())))


@needs_encoder
@pytest.mark.parametrize(("rate", "count"), [(25.0, 60), (12.5, 7), (29.97, 31), (0.5, 3), (1000.0, 20)])
def test_there_and_back(tmp_path, rate, count):
    path = tmp_path / "a.mp4"
    writer = H264Writer(path, rate=rate, size=(48, 64), encoder=find_encoder())
    for number in range(count):
        writer.write(frame(number))
    writer.close()
    writer.close()
    assert np.allclose(greys(path), [20 + 8 * (number % 25) for number in range(count)], atol=5)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(rate, rel=1e-3)
    code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    assert code in (b"h264", b"avc1")
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(count, abs=1)


@needs_encoder
def test_odd_sizes_are_made_even_and_other_sizes_fitted(tmp_path):
    path = tmp_path / "a.mp4"
    assert even_size((49, 65)) == (48, 64) and even_size((1, 1)) == (2, 2)
    writer = H264Writer(path, rate=10, size=(49, 65), encoder=find_encoder())
    for size in ((49, 65), (100, 30), (48, 64)):
        writer.write(frame(3, size))
    writer.close()
    assert len(greys(path)) == 3


@needs_encoder
def test_a_video_without_a_frame_is_none(tmp_path):
    writer = H264Writer(tmp_path / "a.mp4", rate=10, size=(48, 64), encoder=find_encoder())
    writer.close()
    assert not (tmp_path / "a.mp4").exists()


@needs_encoder
def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        H264Writer(tmp_path / "none" / "a.mp4", rate=10, size=(48, 64), encoder=find_encoder())
    program = shutil.which("false")
    writer = H264Writer(tmp_path / "b.mp4", rate=10, size=(48, 64), encoder=(program, "libx264"))
    with pytest.raises(UserError, match=r"b\.mp4: ffmpeg ended with 1 after \d+ frames?: without a word"):
        for number in range(1000):
            writer.write(frame(number, (480, 640)))
    writer.give_up()


FULL = """
import sys
from pathlib import Path
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
import numpy as np
from yolov3.errors import UserError
from yolov3.videos.h264 import H264Writer, find_encoder
writer = H264Writer(Path(sys.argv[1]), rate=25, size=(240, 320), encoder=find_encoder())
chance = np.random.default_rng(0)
try:
    for _ in range(500):
        writer.write(chance.integers(0, 256, (240, 320, 3), np.uint8))
    writer.close()
except UserError as error:
    print(error)
    writer.give_up()
"""


@needs_encoder
def test_a_full_disk_is_told_and_what_was_written_can_be_played(tmp_path):
    path = tmp_path / "a.mp4"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"{path}: ffmpeg ended with " in done.stdout, done
    assert path.stat().st_size <= 60_000


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from yolov3.videos.h264 import H264Writer, find_encoder
writer = H264Writer(Path(sys.argv[1]), rate=10, size=(96, 128), encoder=find_encoder())
for number in range(100):
    writer.write(np.full((96, 128, 3), number, np.uint8))
print("written", flush=True)
time.sleep(60)
"""


@needs_encoder
def test_after_a_kill_all_frames_can_be_played(tmp_path):
    """The program sees the end of its input, and finishes."""
    path = tmp_path / "a.mp4"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(greys(path)) < 100 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(greys(path)) >= 99


def test_without_the_program_there_is_no_encoder(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    find_encoder.cache_clear()
    assert find_encoder() is None
    lying = tmp_path / "ffmpeg"
    lying.write_text(f'#!/bin/sh\n[ "$2" = -encoders ] && echo {" ".join(ENCODERS)} && exit 0\nexit 1\n')
    lying.chmod(0o755)
    find_encoder.cache_clear()
    assert find_encoder() is None, "they are listed, and none works"
    monkeypatch.setattr(h264, "SECONDS", 0.1)
    lying.write_text("#!/bin/sh\nexec sleep 5\n")
    find_encoder.cache_clear()
    assert find_encoder() is None, "it does not answer"
    find_encoder.cache_clear()
