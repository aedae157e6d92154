"""A threshold for each class, in a file: there and back, and what is said of files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yolov3.errors import UserError
from yolov3.selecting.postprocess import Selection, select
from yolov3.selecting.thresholds import Thresholds, read_thresholds, write_thresholds
from yolov3.structures import DensePredictions

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
shares = st.floats(0, 1)


@given(
    st.dictionaries(names, shares, min_size=1, max_size=5),
    st.none() | shares,
    st.none() | st.booleans(),
    st.text("ab ", max_size=9),
)
def test_what_was_written_is_read(tmp_path_factory, by_class, iou, multi_label, about):
    path = tmp_path_factory.getbasetemp() / "thresholds.yaml"
    thresholds = Thresholds(by_class, iou, multi_label, about)
    write_thresholds(path, thresholds)
    assert read_thresholds(path) == thresholds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "thresholds must be a class and a number each, found None"),
        ("thresholds: 0.5", "thresholds must be a class and a number each, found 0.5"),
        ("thresholds: {}", "thresholds must be a class and a number each, found {}"),
        ("thresholds: {cat: 2}", r"thresholds.cat must lie in \[0, 1\], found 2"),
        ("thresholds: {cat: true}", r"thresholds.cat must lie in \[0, 1\], found True"),
        ("thresholds: {cat: .nan}", r"thresholds.cat must lie in \[0, 1\], found nan"),
        ("thresholds: {cat: 0.1}\niou: high", r"iou must lie in \[0, 1\], found 'high'"),
        ("thresholds: {cat: 0.1}\nmulti_label: 3", "multi_label must be true or false, found 3"),
        ("thresholds: {cat: 0.1}\nnms: 0.3", "no key 'nms'; there may be about, iou, multi_label, thresholds"),
        ("- 1", "expected keys with values"),
        ("thresholds: [", "line 1"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path, text, message):
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_thresholds(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there():
    with pytest.raises(UserError, match=r"^nowhere.yaml: cannot be read: No such file"):
        read_thresholds(Path("nowhere.yaml"))


def test_each_class_of_a_model_has_its_own():
    thresholds = Thresholds({"dog": 0.2, "cat": 0.1})
    assert thresholds.of(("cat", "dog"), "t.yaml") == (0.1, 0.2)
    with pytest.raises(UserError, match=r"^t.yaml: has a threshold for 'dog'; the model's classes are cat$"):
        thresholds.of(("cat",), "t.yaml")
    with pytest.raises(UserError, match=r"^t.yaml: has no threshold for 'cow'; the model's classes are cat, dog, cow$"):
        thresholds.of(("cat", "dog", "cow"), "t.yaml")
    with pytest.raises(UserError, match="give --names"):
        thresholds.of((), "t.yaml")


@pytest.mark.parametrize("multi_label", [False, True])
def test_boxes_are_chosen_by_the_threshold_of_their_class(multi_label):
    boxes = torch.tensor([[[0.0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]]])
    classes = torch.tensor([[[0.5, 0.4], [0.3, 0.6], [0.3, 0.2]]])
    predictions = DensePredictions(boxes, torch.ones(1, 3), classes)
    (found,) = select(predictions, Selection(thresholds=(0.3, 0.55), multi_label=multi_label))
    assert found.labels.tolist() == [1, 0], "at a threshold is not above it"
    (found,) = select(predictions, Selection(thresholds=(0.25, 0.35), multi_label=multi_label))
    assert found.labels.tolist() == ([1, 0, 1, 0, 0] if multi_label else [1, 0, 0])


def test_equal_thresholds_are_a_confidence():
    generator = torch.Generator().manual_seed(3)
    shape = (2, 50)
    low = torch.rand(*shape, 2, generator=generator) * 90
    predictions = DensePredictions(
        torch.cat((low, low + 20), -1),
        torch.rand(shape, generator=generator),
        torch.rand(*shape, 3, generator=generator),
    )
    for multi_label in (False, True):
        one = select(predictions, Selection(confidence=0.3, multi_label=multi_label))
        each = select(predictions, Selection(confidence=0.9, thresholds=(0.3,) * 3, multi_label=multi_label))
        assert one == each and len(one[0])


def test_thresholds_lie_between_0_and_1():
    with pytest.raises(ValueError, match=r"thresholds must lie in \[0, 1\], found \(0.1, 1.5\)"):
        Selection(thresholds=(0.1, 1.5))
