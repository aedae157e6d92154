"""A script is filled with what belongs into it."""

from __future__ import annotations

from yolov3.dialogue.script import filled, indented


def test_places_are_filled_and_others_stay():
    script = "case $1 in\n@CASES@\nesac # @OTHER@ me@CASES"
    assert (
        filled(script, {"CASES": indented(["a) ;;", "b) ;;"], 4)})
        == "case $1 in\n    a) ;;\n    b) ;;\nesac # @OTHER@ me@CASES"
    )
    assert indented([], 4) == ""
