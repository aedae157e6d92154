"""Image files in order, read some way ahead, what is wrong with one told in its place."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from yolov3.images.files import read_image
from yolov3.sources.frames import Frame, Unusable
from yolov3.sources.image_files import ImageFiles


@pytest.mark.parametrize("ahead", [1, 2, 8])
def test_images_come_in_their_order(image_paths, ahead):
    order = [*image_paths, *reversed(image_paths)]
    with ImageFiles(order, ahead=ahead) as source:
        frames = list(source)
    assert source.length == 12 and source.rate is None and not source.live
    assert [frame.source for frame in frames] == [str(path) for path in order]
    for frame, path in zip(frames, order):
        assert isinstance(frame, Frame) and (frame.index, frame.seconds, frame.damaged) == (None, None, False)
        np.testing.assert_array_equal(frame.image, read_image(path))


def test_what_cannot_be_used_is_told_in_its_place(image_paths):
    jpeg, empty, text, gone = image_paths[1:5]
    empty.write_bytes(b"")
    text.write_text("no picture")
    gone.unlink()
    content = jpeg.read_bytes()
    jpeg.write_bytes(content[: len(content) - 2])
    found = list(ImageFiles(image_paths, ahead=3))
    assert isinstance(found[0], Frame) and isinstance(found[5], Frame)
    assert isinstance(found[1], Frame) and found[1].damaged and found[1].image.shape == (21, 30, 3)
    assert [each.reason for each in found if isinstance(each, Unusable)] == [
        f"{empty}: the file is empty (0 bytes)",
        f"{text}: not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)",
        f"{gone}: does not exist",
    ]


def test_no_more_is_read_ahead_than_was_said(image_paths):
    source = iter(ImageFiles(image_paths, ahead=3))
    next(source)
    next(source)
    time.sleep(0.2)
    for path in image_paths[4:]:
        path.unlink()
    assert [isinstance(each, Frame) for each in source] == [True, True, False, False]


def test_reading_goes_on_while_nobody_asks(image_paths):
    source = iter(ImageFiles(image_paths, ahead=6))
    next(source)
    time.sleep(1)
    for path in image_paths:
        path.unlink()
    assert all(isinstance(each, Frame) for each in source)


def test_a_source_can_be_left_early(image_paths):
    before = threading.active_count()
    source = iter(ImageFiles(image_paths * 50, ahead=200))
    next(source)
    source.close()
    for thread in threading.enumerate():
        if thread.name == "reader":
            thread.join(10)
    assert threading.active_count() <= before


def test_no_files_are_no_frames():
    assert list(ImageFiles([], ahead=4)) == []
