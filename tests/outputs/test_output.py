"""Results say themselves in plain values and as a drawing; an output is finished whatever happens."""

from __future__ import annotations

import json

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.outputs.output import Output, Result, StopDetecting, make_folder, printable


def test_rows_and_plain_values(make_result):
    result = make_result()
    assert [(score, label) for _, score, label in result.rows] == [(0.875, 2), (0.5, 0), (0.25, 9)]
    assert result.rows[0][0] == [4.25, 3.0, 40.5, 30.75]
    assert result.as_plain() == {
        "source": "a/street.jpg", "frame": None, "seconds": None, "width": 64, "height": 48,
        "detections": [
            {"class": 2, "name": "a/b", "score": 0.875, "box": [4.25, 3.0, 40.5, 30.75]},
            {"class": 0, "name": "cat", "score": 0.5, "box": [0.0, 0.0, 64.0, 48.0]},
            {"class": 9, "name": "9", "score": 0.25, "box": [50.0, 40.0, 50.4, 40.2]},
        ],
    }  # fmt: skip
    plain = make_result([], index=7).as_plain()
    assert (plain["frame"], plain["seconds"], plain["detections"]) == (7, 0.56, [])
    json.dumps(plain, allow_nan=False)


def test_a_live_frame_says_when_it_was_captured_its_delay_and_what_was_passed_over(make_result):
    recorded, live = (
        make_result([], index=7, **more).as_plain() for more in ({}, {"delay": 0.04217, "passed_over": 3})
    )
    assert {name: live.pop(name) for name in ("captured", "delay", "passed_over")} == {
        "captured": 1000.5, "delay": 0.0422, "passed_over": 3,
    }  # fmt: skip
    assert json.dumps(live) == json.dumps(recorded), "nothing else changes"


def test_numbers_are_rounded_to_what_means_something(make_result):
    (found,) = make_result([([1 / 3, 0.0, 2 / 3, 1.0], 2 / 3, 1)]).as_plain()["detections"]
    assert found["box"] == [0.333, 0.0, 0.667, 1.0] and found["score"] == 0.666667


def test_each_frame_of_a_video_has_files_of_its_own(make_result):
    assert make_result().file_stem == "street"
    assert make_result(index=7).file_stem == "street_000007"


def test_a_drawing_is_a_copy_with_boxes(make_result):
    result = make_result()
    drawn = result.drawn()
    assert drawn.shape == (48, 64, 3) and (drawn != 100).any() and (result.frame.image == 100).all()
    assert (make_result([]).drawn() == 100).all()


def test_names_that_are_not_utf_8_can_be_written_anywhere():
    assert printable("été.jpg") == "été.jpg"
    assert printable("a\udcff.jpg") == "a?.jpg"
    printable("a\udcff.jpg").encode()


def test_a_folder_is_made_once_and_what_is_in_the_way_is_told(tmp_path):
    assert make_folder(tmp_path / "x") == make_folder(tmp_path / "x") == tmp_path / "x"
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "no" / "where"):
        with pytest.raises(UserError, match=rf"^{wrong}: cannot be made: "):
            make_folder(wrong)


class Collected(Output):
    """Keeps results; wants no more after so many."""

    def __init__(self, most: int) -> None:
        self.results: list[Result] = []
        self.most, self.closed = most, 0

    def write(self, result: Result) -> None:
        self.results.append(result)
        if len(self.results) == self.most:
            raise StopDetecting

    def close(self) -> None:
        self.closed += 1


def test_an_output_is_closed_whatever_happens(make_result):
    output = Collected(2)
    with pytest.raises(StopDetecting), output as entered:
        assert entered is output
        for _ in range(5):
            output.write(make_result())
            output.end("street")
    assert len(output.results) == 2 and output.closed == 1
    with pytest.raises(NotImplementedError):
        Output().write(make_result())


def test_a_frame_can_be_as_small_as_a_pixel(make_result):
    result = make_result([([0.0, 0.0, 1.0, 1.0], 0.5, 0)], image=np.zeros((1, 1, 3), np.uint8))
    assert result.drawn().shape == (1, 1, 3) and result.as_plain()["width"] == 1
