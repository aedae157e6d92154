"""One list of frames, whole JSON whatever happens on the way."""

from __future__ import annotations

import json

import pytest

from yolov3.outputs.json_file import JsonFile


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
