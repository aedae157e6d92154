"""Every frame of a video file that can be decoded, with its time, and the others counted."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

from yolov3.shapes.dataset import write_shapes_video
from yolov3.sources.frames import SourceError
from yolov3.sources.videos import VideoFile


def test_every_frame_comes_once_with_its_number_and_time(write_avi, frame_number):
    avi = write_avi(count=12, rate=12.5)
    with VideoFile(avi.path) as source:
        frames = list(source)
        assert (source.rate, source.length, source.broken, source.live) == (12.5, 12, 0, False)
    assert [frame_number(frame.image) for frame in frames] == [frame.index for frame in frames] == list(range(12))
    assert [frame.seconds for frame in frames] == pytest.approx([number / 12.5 for number in range(12)], abs=0.001)
    assert {frame.source for frame in frames} == {str(avi.path)} and not any(frame.damaged for frame in frames)
    assert frames[0].image.shape == (48, 64, 3) and frames[0].image.dtype == np.uint8


def test_an_mpeg_4_too(tmp_path):
    path = write_shapes_video(tmp_path / "shapes.mp4", frames=13, fps=12.5, seed=1)
    with VideoFile(path) as source:
        frames = list(source)
    assert len(frames) == 13 and source.rate == pytest.approx(12.5)
    assert [frame.seconds for frame in frames] == pytest.approx([number / 12.5 for number in range(13)], abs=0.002)
    capture = cv2.VideoCapture(str(path))
    for frame in frames:
        np.testing.assert_array_equal(frame.image, capture.read()[1][..., ::-1])


def test_a_video_can_be_left_early_and_gone_through_again(write_avi, frame_number):
    source = VideoFile(write_avi().path)
    for _ in range(2):
        with source:
            assert frame_number(next(iter(source)).image) == 0


@pytest.mark.parametrize("broken", [(5,), (3, 4, 5), (1, 7), (0,)])
def test_damaged_frames_in_the_midst_are_passed_over_and_counted(write_avi, frame_number, broken):
    with VideoFile(write_avi(count=12).break_frames(*broken)) as source:
        frames = list(source)
    assert source.broken == len(broken)
    whole = [number for number in range(12) if number not in broken]
    assert [frame_number(frame.image) for frame in frames] == whole
    assert [frame.index for frame in frames] == list(range(len(whole)))
    assert [frame.seconds for frame in frames][1:] == pytest.approx([number / 12.5 for number in whole][1:], abs=0.001)


@pytest.mark.parametrize("claimed", [13, 300, 100_000])
def test_a_wrong_count_is_not_taken_for_damaged_frames(write_avi, claimed):
    with VideoFile(write_avi(count=12).claim(length=claimed)) as source:
        assert len(list(source)) == 12
    assert source.broken == 0


def test_a_stream_of_images_in_a_file_has_no_length(tmp_path):
    images = [cv2.imencode(".jpg", np.full((48, 64, 3), 20 * number, np.uint8))[1].tobytes() for number in range(5)]
    (tmp_path / "raw.mjpeg").write_bytes(b"".join(images))
    with VideoFile(tmp_path / "raw.mjpeg") as source:
        frames = list(source)
    assert source.length is None and source.broken == 0
    assert [round(frame.image.mean() / 20) for frame in frames] == list(range(5))
    times = [frame.seconds for frame in frames]
    assert times == sorted(times) and len(set(times)) == 5


def test_a_cut_off_video_is_used_as_far_as_it_goes(write_avi, frame_number):
    with VideoFile(write_avi(count=12).cut_off(7)) as source:
        numbers = [frame_number(frame.image) for frame in source]
    assert numbers in (list(range(7)), list(range(8)))  # the last one in part


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", r"the file is empty \(0 bytes\)"),
        (b"no video at all", r"not readable as a video \(damaged, cut off or of an unknown kind\)"),
    ],
)
def test_what_is_no_video_is_told(tmp_path, content, message):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=rf"^{path}: {message}$"):
        VideoFile(path).open()


def test_a_folder_is_no_video(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(SourceError, match=r"folder\.mp4: cannot be read: a folder, not a file$"):
        VideoFile(tmp_path / "folder.mp4").open()


def test_a_video_without_a_frame_is_told(write_avi):
    path = write_avi(count=4).break_frames(0, 1, 2, 3)
    with pytest.raises(SourceError, match=r"video\.avi: a video without a single frame"), VideoFile(path) as source:
        list(source)


def test_frames_are_decoded_ahead_and_no_further(write_avi, monkeypatch):
    decoded = []
    read = VideoFile.read
    monkeypatch.setattr(VideoFile, "read", lambda source: decoded.append(threading.current_thread()) or read(source))
    with VideoFile(write_avi(count=12).path, ahead=3) as source:
        frames = iter(source)
        next(frames)
        deadline = time.monotonic() + 10
        while len(decoded) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(decoded) == 5  # one was asked for, three wait, one has no room
        assert threading.main_thread() not in decoded
    assert not any(thread.is_alive() for thread in decoded)


def test_frames_that_broke_behind_the_last_one_asked_for_are_not_counted(write_avi):
    with VideoFile(write_avi(count=12).break_frames(1, 6)) as source:
        frames = iter(source)
        assert [next(frames).index for _ in range(3)] == [0, 1, 2]
        time.sleep(0.2)
        assert source.broken == 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_video_that_ends_long_before_it_should_says_so(tmp_path, share):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for number in range(60):
        writer.write(np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    with VideoFile(path) as source:
        assert len(list(source)) == 60 and source.ended_after is None
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    with VideoFile(path) as source:
        count = len(list(source))
        assert source.ended_after == count < 60 and source.length == 60
    with VideoFile(path) as source:
        for _, _ in zip(source, range(count - 1)):
            pass
        assert source.ended_after is None, "nobody looked so far"
