"""Darknet's json and lines, read as those programs read them that were written for Darknet."""

from __future__ import annotations

import io
import json
import re

import pytest

from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.darknet_form import DarknetLines, lines_as_darknet, plain_as_darknet
from yolov3.outputs.json_file import open_output

# What scripts that read Darknet's output look for.
TITLE = re.compile(r"^(.+): Predicted in (\d+\.\d{6}) milli-seconds\.$")
OBJECT = re.compile(r"^(.+): +(\d+)%\t\(left_x: +(-?\d+)   top_y: +(-?\d+)   width: +(-?\d+)   height: +(-?\d+)\)$")


def test_the_lines_as_darknet_prints_them(make_result):
    rows = [
        ([30.0, 3.0, 40.5, 30.5], 0.875, 2), ([2.5, 0.0, 64.0, 48.0], 0.505, 0), ([30.0, 3.0, 40.5, 30.5], 0.25, 1),
    ]  # fmt: skip
    title, first, second, third = lines_as_darknet(make_result(rows))
    assert TITLE.match(title)[1] == "a/street.jpg"
    assert first == "cat: 50%\t(left_x:    3   top_y:    0   width:   62   height:   48)", "C rounds halves up"
    assert second == "a/b: 88%\t(left_x:   30   top_y:    3   width:   11   height:   28)"
    assert third == "dog: 25%", "the same box as the one before"
    assert OBJECT.match(first) and OBJECT.match(second)


def test_times_are_those_of_the_network_and_what_follows(make_result):
    from dataclasses import replace

    result = make_result([])
    took = replace(result.detections, times={"reading": 100.0, "fitting": 10.0, "network": 2.0, "selecting": 0.5})
    assert lines_as_darknet(replace(result, detections=took)) == ["a/street.jpg: Predicted in 2.500000 milli-seconds."]


def test_names_that_are_not_to_be_shown_are_not(make_result):
    result = make_result(names=("cat", "dog", "dont_show_this"))
    assert len(lines_as_darknet(result)) == 3
    assert [each["name"] for each in plain_as_darknet(result, 1)["objects"]] == ["cat", "9"]


def test_the_file_is_that_of_darknets_out_option(make_result, tmp_path):
    with open_output(tmp_path, OutputOptions(darknet=True)) as output:
        output.write(make_result(index=0, source="clip.mp4"))
        output.write(make_result([], index=1, source="clip.mp4"))
    first, second = json.loads((tmp_path / "detections.json").read_text())
    assert (first["frame_id"], first["filename"], second["frame_id"], second["objects"]) == (1, "clip.mp4", 2, [])
    found = first["objects"][0]
    assert list(found) == ["class_id", "name", "relative_coordinates", "confidence"]
    assert (found["class_id"], found["name"], found["confidence"]) == (2, "a/b", 0.875)
    assert found["relative_coordinates"] == {
        "center_x": pytest.approx(22.375 / 64, abs=1e-6), "center_y": pytest.approx(16.875 / 48, abs=1e-6),
        "width": pytest.approx(36.25 / 64, abs=1e-6), "height": pytest.approx(27.75 / 48, abs=1e-6),
    }  # fmt: skip


def test_lines_go_to_a_stream_with_their_tabs_and_nothing_that_steers(make_result):
    stream = io.StringIO()
    with DarknetLines(stream) as output:
        output.write(make_result(names=("cat\x1b[2J", "x", "y")))
    assert "\t(left_x" in stream.getvalue() and "\x1b" not in stream.getvalue()


def test_the_same_objects_as_the_c_program_found(shared):
    """The boxes and scores of Darknet's run, taken through our form and back."""
    import numpy as np
    import torch

    from yolov3.boxes import cxcywh_to_xyxy
    from yolov3.detections import Detections
    from yolov3.outputs.output import Result
    from yolov3.sources.frames import Frame

    answers = json.loads((shared / "reference" / "darknet_detections.json").read_text())["yolo-fastest-1.1-xl"][
        "stretch"
    ]
    height, width = 576, 768
    found = answers["dog.jpg"]
    shares = np.array([each["box_cxcywh_relative"] for each in found], np.float32)
    boxes = torch.from_numpy(cxcywh_to_xyxy(shares) * np.array([width, height, width, height], np.float32))
    labels = [each["class_id"] for each in found]
    names = [str(number) for number in range(80)]
    for each in found:
        names[each["class_id"]] = each["name"]
    detections = Detections(boxes, torch.tensor([each["score"] for each in found]), torch.tensor(labels), tuple(names))
    plain = plain_as_darknet(Result(Frame(np.zeros((height, width, 3), np.uint8), "dog.jpg"), detections, "dog"), 1)
    assert len(plain["objects"]) == len(found) > 3
    for ours, theirs in zip(plain["objects"], found):
        assert (ours["class_id"], ours["name"]) == (theirs["class_id"], theirs["name"])
        assert ours["confidence"] == pytest.approx(theirs["score"], abs=1e-6)
        assert list(ours["relative_coordinates"].values()) == pytest.approx(theirs["box_cxcywh_relative"], abs=2e-6)
