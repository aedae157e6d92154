"""Videos that are written can be read, whatever their size and rate."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.sources.videos import VideoFile
from yolov3.videos.writer import MOST_AT_ONCE, VideoWriter
from yolov3.watching.words import counted


def read(path):
    with VideoFile(path) as source:
        return list(source), source.rate


def test_frames_come_back_in_their_order_and_colours(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", rate=12.5, size=(48, 64))
    for number in range(10):
        writer.write(np.full((48, 64, 3), (20 * number, 40, 200), np.uint8))
    writer.close()
    frames, rate = read(tmp_path / "a.mp4")
    assert rate == pytest.approx(12.5) and writer.frames == len(frames) == 10
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(frame.image.mean(axis=(0, 1)), (20 * number, 40, 200), atol=8)


@pytest.mark.parametrize("size", [(49, 65), (3, 3), (2, 300), (33, 32)])
@pytest.mark.parametrize("rate", [7.0, 29.97])
def test_odd_sizes_and_rates(tmp_path, size, rate):
    writer = VideoWriter(tmp_path / "odd.mp4", rate=rate, size=size)
    for _ in range(3):
        writer.write(np.full((*size, 3), 90, np.uint8))
    writer.close()
    frames, found = read(tmp_path / "odd.mp4")
    assert len(frames) == 3 and found == pytest.approx(rate, abs=0.01)
    assert all(abs(a - b) <= 1 for a, b in zip(frames[0].image.shape[:2], size))


def test_frames_of_another_size_get_that_of_the_first(tmp_path):
    writer = VideoWriter(tmp_path / "odd.mp4", rate=7.0, size=(49, 65))
    for size in ((49, 65), (49, 65), (80, 33)):
        writer.write(np.full((*size, 3), 90, np.uint8))
    writer.close()
    frames, rate = read(tmp_path / "odd.mp4")
    assert len(frames) == 3 and rate == pytest.approx(7)
    assert abs(frames[2].image.mean() - 90) < 4


def test_a_place_that_cannot_be_written_is_told_and_nothing_stays(tmp_path):
    with pytest.raises(UserError, match=r"nowhere/a\.mp4: cannot be written: No such file or directory$"):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", rate=7.0, size=(48, 64))
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match=r"folder\.mp4: cannot be written: Is a directory$"):
        VideoWriter(tmp_path / "folder.mp4", rate=7.0, size=(48, 64))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_size_that_no_video_has_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a\.mp4: a video of 9000x48 cannot be written here"):
        VideoWriter(tmp_path / "a.mp4", rate=7.0, size=(48, 9000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "rate"), [((1, 1), 25.0), ((1, 40), 0.001), ((48, 64), 0.001), ((48, 64), 1000.0)])
def test_unusual_sizes_and_rates_become_videos(tmp_path, size, rate):
    writer = VideoWriter(tmp_path / "a.mp4", rate=rate, size=size)
    for value in (20, 120, 220):
        writer.write(np.full((*size, 3), value, np.uint8))
    writer.close()
    frames, found = read(tmp_path / "a.mp4")
    assert found == pytest.approx(rate)
    assert [round(float(frame.image.mean()), -1) for frame in frames] == [20, 120, 220]


def test_a_video_without_a_frame_leaves_no_file(tmp_path):
    VideoWriter(tmp_path / "a.mp4", rate=7.0, size=(48, 64)).close()
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from yolov3.errors import UserError
from yolov3.videos.writer import VideoWriter

folder = Path(sys.argv[1])
images = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
for most in map(int, sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    message = None
    try:
        writer = VideoWriter(folder / f"{most}.mp4", rate=25.0, size=(48, 64))
        try:
            for image in images:
                writer.write(image)
            writer.close()
        finally:
            writer.give_up()
    except UserError as error:
        message = error
    print(most, message, sep="\t", flush=True)
"""


def test_on_a_full_disk_it_is_told_how_much_can_be_read_and_so_much_can(tmp_path):
    limits = [0, 1, 500, *range(5000, 260_000, 5000), 10**9]
    command = [sys.executable, "-c", LIMITED, str(tmp_path), *map(str, limits)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    assert len(told) == len(limits) and told["1000000000"] == "None"
    counts = set()
    for limit, message in told.items():
        path = tmp_path / f"{limit}.mp4"
        frames = len(read(path)[0]) if path.exists() else 0
        if message == "None":
            assert frames == 60
        else:
            end = f"; {counted(frames, 'frame')} of it can be read"
            assert message == f"{path}: cannot be written: File too large{end}"
        counts.add(frames)
    assert counts >= {0, 60} and len(counts) > 5
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from yolov3.videos.writer import VideoWriter

images = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
writer = VideoWriter(Path(sys.argv[1]), rate=25.0, size=(48, 64))
for number in range(1, 10**6):
    writer.write(images[number % 60])
    print(number, flush=True)
"""


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_can_be_read_up_to_the_last_second(tmp_path, kills):
    chance = random.Random(kills)
    for kill in range(kills):
        path = tmp_path / f"{kill}.mp4"
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(30, 400)):
                last = process.stdout.readline()
            process.kill()
            last = (process.stdout.read().splitlines() or [last])[-1]
        assert len(read(path)[0]) >= int(last) - MOST_AT_ONCE


def test_opencv_says_nothing_itself(tmp_path):
    """It writes past Python, so a process is asked."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom yolov3.videos.writer import VideoWriter\n"
        "VideoWriter(Path(sys.argv[1]), rate=7.0, size=(9000, 10))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.mp4")], capture_output=True, text=True)
    assert done.returncode == 1 and "cannot be written here" in done.stderr
    assert "OpenCV" not in done.stderr and "VIDEOIO" not in done.stderr and "[" not in done.stderr, done.stderr
