"""Anchor sets: the published ones are Darknet's, and a set is spread over the levels of a network or refused."""

from __future__ import annotations

import configparser
from itertools import pairwise
from pathlib import Path

import pytest

from yolov3.anchors import TINY_ANCHORS, YOLOV3_ANCHORS, AnchorSet, anchors_text, make_levels
from yolov3.structures import Level

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def anchors_in_cfg(path: Path) -> AnchorSet:
    """The anchors of each [yolo] section, read with nothing of ours."""
    sections = ["[yolo]" + text.split("\n[")[0] for text in path.read_text().split("[yolo]")[1:]]
    levels = []
    for text in sections:
        parser = configparser.ConfigParser(inline_comment_prefixes=("#",))
        parser.read_string(text)
        numbers = [int(number) for number in parser["yolo"]["anchors"].split(",")]
        pairs = list(zip(numbers[::2], numbers[1::2]))
        levels.append(tuple(pairs[int(index)] for index in parser["yolo"]["mask"].split(",")))
    return tuple(levels)


@pytest.mark.parametrize(
    ("name", "anchors"), [("yolov3", YOLOV3_ANCHORS), ("yolov3-spp", YOLOV3_ANCHORS), ("yolov3-tiny", TINY_ANCHORS)]
)
def test_the_published_sets_are_those_of_the_shipped_cfgs(name, anchors):
    (path,) = CONFIGS.rglob(f"{name}.cfg")
    assert anchors_in_cfg(path) == anchors


@pytest.mark.shared
def test_the_tiny_set_is_that_of_the_official_cfg(shared):
    assert anchors_in_cfg(shared / "darknet" / "official" / "yolov3-tiny.cfg") == TINY_ANCHORS


@pytest.mark.parametrize("anchors", [YOLOV3_ANCHORS, TINY_ANCHORS])
def test_the_coarsest_level_has_the_largest_anchors(anchors):
    areas = [[width * height for width, height in level] for level in anchors]
    for coarse, fine in pairwise(areas):
        assert min(coarse) > max(fine)


def test_levels_of_a_set():
    levels = make_levels([[[116, 90], [156, 198]], [[30, 61], [62, 45]]], (32, 16), xy_scale=1.05)
    assert levels == (
        Level(32, ((116.0, 90.0), (156.0, 198.0)), 1.05),
        Level(16, ((30.0, 61.0), (62.0, 45.0)), 1.05),
    )
    assert make_levels(YOLOV3_ANCHORS, (32, 16, 8))[2].anchors == ((10.0, 13.0), (16.0, 30.0), (33.0, 23.0))
    assert make_levels((), ()) == ()


@pytest.mark.parametrize(
    ("anchors", "strides", "message"),
    [
        (YOLOV3_ANCHORS, (32, 16), "anchors for 3 levels were given, the network has 2"),
        ([[[1, 2]], [[1, 2], [3, 4]]], (32, 16), r"the same number of anchors, found \[1, 2\]"),
        ([[[1, 2]], [[1, -2]]], (32, 16), r"positive \(width, height\) pairs"),
        ([[], []], (32, 16), "positive stride and anchors"),
    ],
)
def test_a_set_that_does_not_fit_is_refused(anchors, strides, message):
    with pytest.raises(ValueError, match=message):
        make_levels(anchors, strides)


def test_anchors_are_told_as_a_cfg_writes_them():
    assert anchors_text(((116.0, 90.0), (1.5, 198.0))) == "116,90 1.5,198"
    assert anchors_text(()) == ""
