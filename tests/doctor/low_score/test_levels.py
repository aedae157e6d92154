"""Maps that are read in the wrong way, on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yolov3.anchors import TINY_ANCHORS, YOLOV3_ANCHORS, make_levels
from yolov3.doctor.low_score.explain import explain_low_score
from yolov3.doctor.low_score.levels import anchor_ladder, other_readings
from yolov3.formats.darknet_files import RELEASED_TINY_ANCHORS
from yolov3.structures import Level


def scaled(level: Level, factor: float) -> Level:
    return replace(level, anchors=tuple((width * factor, height * factor) for width, height in level.anchors))


MISTAKES = {
    "in cells": (lambda level: scaled(level, 1 / level.stride), "anchors", "in cells instead of pixels"),
    "the stride twice": (
        lambda level: scaled(level, level.stride),
        "anchors",
        "multiplied by the stride once too often",
    ),
    "as shares": (lambda level: scaled(level, 1 / 128), "anchors", "as shares of the input's side"),
    "for 608": (lambda level: scaled(level, 608 / 128), "anchors", "in pixels of an input of 608"),
    "for 416": (lambda level: scaled(level, 416 / 128), "anchors", "in pixels of an input of 416"),
    "scale_x_y": (lambda level: replace(level, xy_scale=2.0), "boxes", "another scale_x_y: 1"),
    "new_coords": (lambda level: replace(level, new_coordinates=True), "boxes", "not meant with new_coords"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_levels_that_say_something_else(model, data, spoilt, mistake):
    change, kind, words = MISTAKES[mistake]
    explanation = explain_low_score(spoilt(model, levels=change), data, device="cpu")
    assert explanation.best is not None and explanation.best.kind == kind, explanation.verdict
    assert words in explanation.best.words and explanation.best.ap50 > 0.9


def test_anchors_of_the_other_level(model, data, spoilt):
    anchors = iter([level.anchors for level in reversed(model.levels)])
    explanation = explain_low_score(
        spoilt(model, levels=lambda level: replace(level, anchors=next(anchors))), data, device="cpu"
    )
    assert explanation.best is not None and explanation.best.kind == "masks", explanation.verdict
    assert explanation.best.ap50 > 0.9
    assert "35,37 43,44 55,54 at stride 32; anchors 21,26 26,21 28,29 at stride 16" in explanation.best.fix


def test_the_list_of_the_anchors():
    ladder = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))
    assert anchor_ladder(make_levels(TINY_ANCHORS, (32, 16))) == ladder
    assert anchor_ladder(make_levels(RELEASED_TINY_ANCHORS, (32, 16))) == ladder  # which lack the smallest
    assert anchor_ladder((Level(32, ((8, 8), (9, 9))), Level(16, ((3, 4), (4, 3))))) == ((3, 4), (4, 3), (8, 8), (9, 9))


@pytest.mark.parametrize(
    ("anchors", "strides", "side"), [(TINY_ANCHORS, (32, 16), 416), (YOLOV3_ANCHORS, (32, 16, 8), 608)]
)
def test_each_reading_is_another_one(anchors, strides, side):
    own = make_levels(anchors, strides)
    readings = [reading.levels for reading in other_readings(own, side)]
    assert own not in readings and len(set(readings)) == len(readings) > 20
    assert all([level.stride for level in levels] == list(strides) for levels in readings)


def test_the_right_masks_are_among_the_readings_of_the_wrong_ones():
    wrong, right = (make_levels(anchors, (32, 16)) for anchors in (TINY_ANCHORS, RELEASED_TINY_ANCHORS))
    (found,) = [reading for reading in other_readings(wrong, 416) if reading.levels == right]
    assert found.kind == "masks" and "mask 1,2,3" in found.words
    (back,) = [reading for reading in other_readings(right, 416) if reading.levels == wrong]
    assert back.words == "the network was trained with the anchors of YOLOv3-tiny"


def test_a_single_level_with_one_anchor():
    readings = other_readings((Level(16, ((20, 30),)),), 416)
    assert {reading.kind for reading in readings} == {"anchors", "boxes"}


def test_scales_of_yolov4():
    own = make_levels(YOLOV3_ANCHORS, (32, 16, 8))
    assert any([level.xy_scale for level in each.levels] == [1.05, 1.1, 1.2] for each in other_readings(own, 416))
