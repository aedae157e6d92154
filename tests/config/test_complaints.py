"""Wrong values become a complaint per key, with the word that was probably meant."""

from __future__ import annotations

import pytest

from yolov3.config.complaints import Complaint, check
from yolov3.config.experiment import DataSection, Experiment


def lines_of(values: dict, kind: type = Experiment) -> list[str]:
    found = check(kind, values)
    assert isinstance(found, list)
    return [complaint.line() for complaint in found]


def test_right_values_are_a_section():
    assert check(Experiment, {"train": {"epochs": 3}}) == Experiment.model_validate({"train": {"epochs": 3}})


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"epochs": 5}, "unknown key epochs (did you mean train.epochs?)"),
        ({"train": {"epoch": 5}}, "unknown key train.epoch (did you mean train.epochs?)"),
        ({"trian": {"epochs": 5}}, "unknown key trian (did you mean train.epochs?)"),
        ({"trian": {"epochs": 5, "seed": 1}}, "unknown key trian (did you mean train?)"),
        ({"trian": {}}, "unknown key trian (did you mean train?)"),
        ({"batch_size": 8}, "unknown key batch_size (did you mean train.batch_size or evaluate.batch_size?)"),
        (
            {"nonsense": 1},
            "unknown key nonsense; allowed here: recipe, model, data, augment, loss, optimiser, train, evaluate",
        ),
        (
            {"recipe": "drknet"},
            "recipe: found \"drknet\" (did you mean darknet?); input should be 'darknet' or 'modern'",
        ),
        ({"train": 5}, "train: found 5; keys with values are expected"),
        ({"train": {"epochs": 0}}, "train.epochs: found 0; input should be greater than or equal to 1"),
        (
            {"train": {"accumulate": 3}},
            "train.batch_size (=16) must be divisible by train.accumulate (=3)",
        ),
    ],
    ids=str,
)
def test_a_line(values, line):
    assert lines_of(values) == [line]


def test_keys_of_a_section_alone_are_told_without_its_name():
    assert lines_of({"roots": "a"}, DataSection) == ["unknown key roots (did you mean root?)"]
    (line,) = lines_of({"nonsense": "a"}, DataSection)
    assert line.startswith("unknown key nonsense; allowed here: file, root, format, ")


@pytest.mark.parametrize("key", ["a[b", "int", "str", "constrained-x", ""])
def test_a_key_that_looks_like_a_name_of_pydantics_is_told(key):
    for value in (1, {"a": 1}, {"a": 1, "b": 2}):
        (line,) = lines_of({key: value}, DataSection)
        assert line.startswith(f"unknown key {key}")
    assert lines_of({"train": {key: 1}})[0].startswith(f"unknown key train.{key}")


def test_a_value_of_several_kinds_is_told_by_its_key():
    assert all(line.startswith("data.names: ") for line in lines_of({"data": {"names": 5}}))


def test_what_was_said_in_a_word_is_repeated_with_the_right_key():
    complaint = Complaint(("a",), "unknown key a", ("x.a", "y.a"))
    assert complaint.line("[1, 2]") == "unknown key a (did you mean x.a=[1, 2] or y.a=[1, 2]?)"
    assert complaint.line() == "unknown key a (did you mean x.a or y.a?)"


def test_values_that_are_no_json_are_a_complaint():
    assert len(lines_of({"train": {"name": object()}})) == 1


def test_thousands_of_wrong_keys_are_told_in_a_few_lines():
    lines = lines_of({"val": [*range(5000)], "split": 1}, DataSection)
    assert len(lines) == 31
    assert lines[1] == "val.0: found 0; input should be a valid string"
    assert lines[-1] == "and 4972 more keys whose values are wrong"
