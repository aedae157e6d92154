"""What a capture says of itself is believed where it can be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from yolov3.sources.capture import LARGEST_RATE, USUAL_RATE, CaptureSource


@pytest.mark.parametrize(
    ("scale", "rate", "expected"), [(2, 25, 12.5), (1, 60, 60.0), (1, 100_000, USUAL_RATE), (1001, 30_000, 29.97)]
)
def test_a_rate_that_cannot_be_is_replaced_by_the_usual_one(write_avi, scale, rate, expected):
    source = CaptureSource()
    source.take(cv2.VideoCapture(str(write_avi().claim(rate=(scale, rate)))))
    assert source.rate == pytest.approx(expected, abs=0.001) and 0 < source.rate <= LARGEST_RATE
    source.close()


def test_a_length_that_nobody_knows_is_none(tmp_path):
    path = tmp_path / "raw.mjpeg"
    path.write_bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes() * 3)
    source = CaptureSource()
    source.take(cv2.VideoCapture(str(path)))
    assert source.length is None
    assert source.rate > 0


def test_a_frame_is_rgb_and_none_when_it_cannot_be_decoded(write_avi):
    source = CaptureSource()
    source.take(cv2.VideoCapture(str(write_avi(count=3).break_frames(1))))
    images = [source.read() for _ in range(4)]
    assert [image is None for image in images] == [False, True, False, True]
    np.testing.assert_allclose(images[0].mean(axis=(0, 1)), (200, 80, 0), atol=3)


def test_what_is_closed_can_be_written_again(write_avi):
    avi = write_avi(count=3)
    source = CaptureSource()
    capture = cv2.VideoCapture(str(avi.path))
    source.take(capture)
    source.close()
    assert not capture.isOpened() and source.read() is None
