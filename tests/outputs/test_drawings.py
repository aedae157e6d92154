"""Drawn images in their own format, drawn videos with every frame, several sources in turn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.images.files import read_image
from yolov3.outputs.drawings import Drawings
from yolov3.outputs.output import Result
from yolov3.sources.videos import VideoFile


def looks_like(image: np.ndarray, result: Result) -> bool:
    """Whether an image is nearer to the drawing than the frame without boxes is."""
    drawn = result.drawn().astype(int)
    return np.abs(image - drawn).mean() < 0.5 * np.abs(result.frame.image - drawn).mean()


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("a/street.png", "street.png"),
        ("x.BMP", "street.bmp"),
        ("x.gif", "street.jpg"),
        ("x", "street.jpg"),
        ("x.tif", "street.tif"),
    ],
)
def test_an_image_is_drawn_in_its_own_format_or_as_jpeg(make_result, tmp_path, source, written):
    result = make_result(source=source)
    with Drawings(tmp_path) as drawings:
        drawings.write(result)
    assert [path.name for path in tmp_path.iterdir()] == [written]
    found = read_image(tmp_path / written)
    assert found.shape == (48, 64, 3) and looks_like(found, result)
    if not written.endswith("jpg"):
        np.testing.assert_array_equal(found, result.drawn())


def test_videos_are_written_side_by_side_and_ended_one_by_one(make_result, tmp_path):
    with Drawings(tmp_path) as drawings:
        for index in range(6):
            drawings.write(make_result(index=index, name="first"))
            drawings.write(make_result(index=index, name="second"))
        drawings.end("first")
        with VideoFile(tmp_path / "first.mp4") as source:
            assert len(list(source)) == 6 and source.rate == pytest.approx(12.5)
        drawings.end("first")
        drawings.end("never begun")
        drawings.write(make_result(index=6, name="second"))
    assert cv2.VideoCapture(str(tmp_path / "second.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 7


def test_videos_are_finished_after_an_interruption_too(make_result, tmp_path):
    with pytest.raises(KeyboardInterrupt), Drawings(tmp_path) as drawings:
        drawings.write(make_result(index=0, name="clip"))
        raise KeyboardInterrupt
    with VideoFile(tmp_path / "clip.mp4") as source:
        (frame,) = list(source)
    assert looks_like(frame.image, make_result())


def test_a_place_that_cannot_be_written_is_told(make_result, tmp_path):
    drawings = Drawings(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"street\.jpg: cannot be written"):
        drawings.write(make_result())
    with pytest.raises(UserError, match=r"street\.mp4: cannot be written: No such file"):
        drawings.write(make_result(index=0))


def test_a_video_that_cannot_be_written_is_told_once_and_takes_nothing_from_the_others(make_result, tmp_path):
    wide = np.zeros((8, 9000, 3), np.uint8)
    with Drawings(tmp_path) as drawings:
        with pytest.raises(UserError, match=r"wide\.mp4: a video of 9000x8 cannot be written here"):
            drawings.write(make_result(index=0, name="wide", image=wide))
        for index in range(3):
            drawings.write(make_result(index=index + 1, name="wide", image=wide))
            drawings.write(make_result(index=index, name="clip"))
        drawings.end("wide")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    with VideoFile(tmp_path / "clip.mp4") as source:
        assert len(list(source)) == 3


def test_the_video_of_a_live_source_lasts_as_long_as_what_it_shows(make_result, tmp_path):
    """Frames that were passed over are made up for, those beyond the rate left out, of each video by itself."""
    with Drawings(tmp_path) as drawings:
        for number in range(5):
            drawings.write(make_result(index=4 * number, name="slow", delay=0.1, seconds=0.32 * number + 9))
        for number in range(50):
            drawings.write(make_result(index=number, name="fast", delay=0.1, seconds=number / 50))
        for number in range(5):
            drawings.write(make_result(index=4 * number, name="recorded"))
    for name, count in (("slow", 17), ("fast", 13), ("recorded", 5)):
        with VideoFile(tmp_path / f"{name}.mp4") as video:
            assert video.rate == 12.5 and len(list(video)) == count, name
