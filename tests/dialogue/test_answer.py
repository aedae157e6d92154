"""An answer for programs stands alone on the standard output."""

from __future__ import annotations

import argparse
import json

import pytest

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json


def test_the_option_is_off_by_default():
    parser = argparse.ArgumentParser()
    add_json_option(parser)
    assert parser.parse_args([]).json is False and parser.parse_args(["--json"]).json is True


def test_what_is_printed_meanwhile_goes_to_the_error_output(capsys):
    with output_kept_free(True):
        print("a note")
    print_json({"a": [1, None, "ä"]})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": [1, None, "ä"]} and "ä" in out and err == "a note\n"


def test_for_people_nothing_is_moved(capsys):
    with output_kept_free(False):
        print("a note")
    assert capsys.readouterr() == ("a note\n", "")


def test_numbers_that_json_has_not_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json([float("nan")])
