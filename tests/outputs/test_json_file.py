"""One list of frames, whole JSON whatever happens on the way."""

from __future__ import annotations

import json

import pytest

from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.json_file import JsonFile, JsonLines, open_lines


def content(folder) -> list:
    return json.loads((folder / "detections.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_object_per_frame_in_their_order(make_result, tmp_path, count):
    results = [make_result(index=number, source="clip.mp4") for number in range(count)]
    with JsonFile(tmp_path) as file:
        for result in results:
            file.write(result)
    assert content(tmp_path) == [result.as_plain() for result in results]


def test_it_is_whole_after_an_interruption_too(make_result, tmp_path):
    with pytest.raises(KeyboardInterrupt), JsonFile(tmp_path) as file:
        file.write(make_result())
        raise KeyboardInterrupt
    assert content(tmp_path) == [make_result().as_plain()]


def test_a_frame_is_a_line_and_letters_are_themselves(make_result, tmp_path):
    with JsonFile(tmp_path) as file:
        file.write(make_result(names=("Katze", "x", "鳥"), source="\udcff.jpg"))
        file.write(make_result([]))
    lines = (tmp_path / "detections.json").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4 and "鳥" in lines[1]
    assert content(tmp_path)[0]["source"] == "?.jpg"


def test_each_line_is_there_when_its_frame_is(make_result, tmp_path):
    results = [make_result(index=number, source="clip.mp4", names=("猫", "x", "y")) for number in range(3)]
    with open_lines(tmp_path, OutputOptions()) as output:
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
