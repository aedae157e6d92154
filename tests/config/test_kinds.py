"""Sections know their keys, and those of the sections in them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from yolov3.config.experiment import Experiment, TrainSection
from yolov3.config.kinds import Count, Section, section_of, setting_names


class Inner(Section):
    count: Count = 1
    """how many"""


class Outer(Section):
    word: str | None = None
    """what"""
    inner: Inner = Inner()


def test_the_text_below_a_setting_is_its_description():
    assert Inner.model_fields["count"].description == "how many"


def test_names_have_their_section_before_a_dot():
    assert setting_names(Outer) == ["word", "inner.count"]
    assert setting_names(Inner) == ["count"]


def test_a_section_is_told_from_a_value():
    assert section_of(Outer, "inner") is Inner and section_of(Outer, "word") is None
    assert section_of(Experiment, "train") is TrainSection


def test_a_section_is_strict_and_frozen():
    for wrong in ({"count": "1"}, {"count": 0}, {"counts": 1}):
        with pytest.raises(ValidationError):
            Inner(**wrong)
    with pytest.raises(ValidationError, match="frozen"):
        Inner().count = 2
