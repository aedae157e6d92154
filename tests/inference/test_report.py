"""What a person gets of a detection run besides its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.inference.detect import DetectSummary
from yolov3.inference.report import MOST_CLASSES, summary_lines
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


@pytest.mark.parametrize(("problems", "damaged"), [(("x",), ()), ((), ("y", "z"))])
def test_what_could_not_be_used_is_counted(problems, damaged):
    lines = summary_lines(DetectSummary(1, {}, problems, damaged, TIMES, None))
    files, were = ("file" if len(problems) == 1 else "files"), ("was" if len(damaged) == 1 else "were")
    assert lines[-1] == f"{len(problems)} {files} could not be used, {len(damaged)} {were} damaged"
