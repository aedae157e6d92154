"""A line of json for each frame, at once, in a file or for a program that reads along."""

from __future__ import annotations

import json

import pytest

from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.json_lines import JsonLines, open_output


def test_each_line_is_there_when_its_frame_is(make_result, tmp_path):
    results = [make_result(index=number, source="clip.mp4", names=("猫", "x", "y")) for number in range(3)]
    with open_output(tmp_path, OutputOptions()) as output:
        for count, result in enumerate(results, start=1):
            output.write(result)
            lines = (tmp_path / "detections.jsonl").read_text(encoding="utf-8").splitlines()
            assert [json.loads(line) for line in lines] == [each.as_plain() for each in results[:count]]
    assert "猫" in lines[0]


def test_a_frame_without_objects_is_a_line_and_no_frame_is_an_empty_file(make_result, tmp_path):
    with JsonLines(tmp_path) as output:
        assert (tmp_path / "detections.jsonl").read_text() == ""
        output.write(make_result([]))
    assert json.loads((tmp_path / "detections.jsonl").read_text())["detections"] == []


@pytest.mark.parametrize("darknet", [False, True])
def test_the_standard_output_gets_nothing_but_plain_lines(make_result, capsys, darknet):
    with JsonLines(None, darknet=darknet) as output:
        for _ in range(2):
            output.write(make_result(names=("猫\x1b[2J", "x", "y")))
    out = capsys.readouterr().out
    assert out.isascii() and out.isprintable() is False and "\x1b" not in out and out.count("\n") == 2
    found = [json.loads(line) for line in out.splitlines()]
    assert [each.get("frame_id") for each in found] == ([1, 2] if darknet else [None, None])
