"""Videos that are written can be read, whatever their size and rate."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.outputs.video_writer import VideoWriter
from yolov3.sources.videos import VideoFile


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
    with pytest.raises(UserError, match=r"nowhere/a\.mp4: a video of 64x48 cannot be written here"):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", rate=7.0, size=(48, 64))
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match=r"folder\.mp4: a video of 64x48 cannot be written here"):
        VideoWriter(tmp_path / "folder.mp4", rate=7.0, size=(48, 64))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_size_that_no_video_has_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a\.mp4: a video of 1x1 cannot be written here"):
        VideoWriter(tmp_path / "a.mp4", rate=7.0, size=(1, 1))
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_is_gone_when_it_is_finished_is_told(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", rate=7.0, size=(48, 64))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(UserError, match=r"a\.mp4: the video could not be written \(disk full\?\)"):
        writer.close()


def test_opencv_says_nothing_itself(tmp_path):
    """It writes past Python, so a process is asked."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom yolov3.outputs.video_writer import VideoWriter\n"
        "VideoWriter(Path(sys.argv[1]), rate=7.0, size=(1, 1))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.mp4")], capture_output=True, text=True)
    assert done.returncode == 1 and "cannot be written here" in done.stderr
    assert "OpenCV" not in done.stderr and "VIDEOIO" not in done.stderr and "[" not in done.stderr, done.stderr
