"""A line for each image."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from yolov3.outputs.lines import LinePerImage, boxes_in_words
from yolov3.tracking.counting import Counted
from yolov3.tracking.following import Followed


def test_a_line_for_each_image_as_it_comes(make_result):
    told: list[str] = []
    with LinePerImage(told.append) as output:
        output.write(make_result())
        output.write(make_result([], source="b/\udcff.jpg"))
        output.write(make_result([([0.0, 0.0, 9.0, 9.0], 0.5, 1)] * 3, source="a.mp4", index=25))
        assert len(told) == 3
        output.write(make_result([], source="rtsp://camera/1", index=25, delay=0.0417))
        output.end("street")
    assert told == [
        "a/street.jpg: 3 boxes: 1 a/b, 1 cat, 1 9",
        "b/?.jpg: 0 boxes",
        "a.mp4, frame 25, 2.00 s: 3 boxes: 3 dog",
        "rtsp://camera/1, frame 25, 2.00 s, delay 42 ms: 0 boxes",
    ]


def test_who_is_followed_has_a_number_and_counts_are_told(make_result):
    result = make_result([([0.0, 0.0, 9.0, 9.0], 0.5, 1), ([0.0, 0.0, 9.0, 9.0], 0.4, 0)] * 2, source="a.mp4", index=2)
    tracks = torch.tensor([7, 4, 12, 2])
    counted = Counted((((), "line 1: 1 cat in, nothing out"),), (((), "zone 1: nothing now, 2 cat in all"),), {})
    result = replace(result, detections=replace(result.detections, tracks=tracks), followed=Followed((), counted))
    told: list[str] = []
    LinePerImage(told.append).write(result)
    assert told == [
        "a.mp4, frame 2, 0.16 s: 4 boxes: 2 dog #7 #12, 2 cat #2 #4; line 1: 1 cat in, nothing out; "
        "zone 1: nothing now, 2 cat in all"
    ]


@pytest.mark.parametrize(
    ("boxes", "most", "text"),
    [
        ({}, None, "0 boxes"),
        ({"cat": 1}, None, "1 box: 1 cat"),
        ({"cat": 5, "dog": 1}, 2, "6 boxes: 5 cat, 1 dog"),
        ({"cat": 5, "dog": 1, "owl": 1}, 2, "7 boxes: 5 cat, 1 dog and 1 more class"),
        ({"cat": 5, "dog": 1, "owl": 1}, 1, "7 boxes: 5 cat and 2 more classes"),
    ],
)
def test_boxes_in_words(boxes, most, text):
    assert boxes_in_words(boxes, most) == text
