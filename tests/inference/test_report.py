"""What a person gets of a detection run besides its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.inference.detect import DetectSummary
from yolov3.inference.report import MOST_CLASSES, result_lines, stream_table, summary_lines
from yolov3.streams.counts import StreamSummary
from yolov3.watching.stage_times import StageTimes

TIMES = StageTimes(reading=0.1, fitting=0.2, network=2.0, selecting=0.4, writing=0.3, images=10)


def test_a_whole_run_is_three_lines():
    summary = DetectSummary(10, {"cat": 7, "dog": 2}, (), (), TIMES, Path("runs/detect"))
    assert summary_lines(summary) == [
        "10 images, 9 boxes: 7 cat, 2 dog",
        "milliseconds per image: reading 10.0, preprocessing 20.0, network 200.0, post-processing 40.0, "
        "drawing and writing 30.0",
        "written: runs/detect",
    ]


def test_nothing_found_and_nothing_written():
    lines = summary_lines(DetectSummary(1, {}, (), (), StageTimes(images=1), None))
    assert lines[0] == "1 image, 0 boxes" and len(lines) == 2


@pytest.mark.parametrize(("count", "more"), [(MOST_CLASSES, ""), (MOST_CLASSES + 5, " and 5 more classes")])
def test_of_many_classes_the_most_frequent_are_named(count, more):
    boxes = {f"class {number}": 100 - number for number in range(count)}
    (line, *_) = summary_lines(DetectSummary(1, boxes, (), (), TIMES, None))
    named = ", ".join(f"{100 - number} class {number}" for number in range(MOST_CLASSES))
    assert line == f"1 image, {sum(boxes.values())} boxes: {named}{more}"


@pytest.mark.parametrize(
    ("problems", "damaged", "line"),
    [
        (("x",), (), "1 file could not be used, 0 were damaged"),
        ((), ("y", "z"), "0 files could not be used, 2 were damaged"),
        (("x", "y"), ("z",), "2 files could not be used, 1 was damaged"),
    ],
)
def test_what_could_not_be_used_is_counted(problems, damaged, line):
    assert summary_lines(DetectSummary(1, {}, problems, damaged, TIMES, None))[-1] == line


def test_one_is_one():
    lines = summary_lines(DetectSummary(1, {"cat": 1}, (), (), TIMES, None))
    assert lines[0] == "1 image, 1 box: 1 cat"


def test_the_result_alone():
    summary = DetectSummary(2, {"cat": 3}, ("x",), (), TIMES, Path("runs/detect"))
    assert result_lines(summary) == ["2 images, 3 boxes: 3 cat", "written: runs/detect"]
    assert result_lines(DetectSummary(2, {}, (), (), TIMES, None)) == ["2 images, 0 boxes"]


def test_what_could_not_be_written_is_counted():
    for lost, words in ((("a",), "1 file"), (("a", "b"), "2 files")):
        summary = DetectSummary(2, {}, (), (), TIMES, Path("runs/detect"), lost)
        assert not summary.is_whole
        for lines in (result_lines(summary), summary_lines(summary)):
            assert lines[-1] == f"written: runs/detect, without {words} that could not be"
        assert not any("could not be used" in line for line in lines)


def test_streams_are_a_table():
    nan = float("nan")
    stages = {"waiting": 0.0101, "fitting": 0.002, "network": 0.0304, "selecting": 0.001}
    streams = (
        StreamSummary("rtsp://camera/1", 101, 10.0, 7, 2, 1, 0.0412, 0.0633, stages),
        StreamSummary("0", 0, 0.0, 0, 0, 0, nan, nan, dict.fromkeys(stages, nan)),
    )
    table = stream_table(DetectSummary(101, {}, (), (), TIMES, None, streams=streams))
    assert table.headings == (
        "stream", "frames", "a second", "passed over", "reconnects", "frozen", "delay, ms", "95 %", "waiting", "preprocessing",
        "network", "post-processing",
    )  # fmt: skip
    assert table.rows == (
        ("rtsp://camera/1", "101", "10.0", "7", "2", "1", "41.2", "63.3", "10.1", "2.0", "30.4", "1.0"),
        ("0", "0", "0.0", "0", "0", "0", "-", "-", "-", "-", "-", "-"),
    )
    assert table.columns_within(80)[:2] == [0, 1] and stream_table(DetectSummary(1, {}, (), (), TIMES, None)) is None
