"""Anchor sets: the published ones are Darknet's, a set is spread over the levels of a network or refused, and sets are
found where boxes are, compared by a slow obvious overlap."""

from __future__ import annotations

import configparser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from yolov3.anchors import (
    TINY_ANCHORS,
    YOLOV3_ANCHORS,
    AnchorMatch,
    AnchorSet,
    anchors_text,
    cluster_anchors,
    make_levels,
    measure_anchors,
    shape_iou,
)
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


def random_sides(count: int, seed: int = 0) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).uniform(np.log(4), np.log(400), (count, 2)))


def slow_shape_iou(side: np.ndarray, anchor: np.ndarray) -> float:
    shared = min(side[0], anchor[0]) * min(side[1], anchor[1])
    return shared / (side[0] * side[1] + anchor[0] * anchor[1] - shared)


def test_shape_iou_is_that_of_boxes_on_one_corner():
    sides, anchors = np.array([[10.0, 20.0], [4.0, 4.0]]), np.array([[10.0, 20.0], [20.0, 10.0]])
    np.testing.assert_allclose(shape_iou(sides, anchors), [[1, 100 / 300], [16 / 200, 16 / 200]])


def test_the_match_by_slow_arithmetic():
    sides = random_sides(200)
    anchors = [np.array(anchor, float) for level in YOLOV3_ANCHORS for anchor in level]
    best = [max(slow_shape_iou(side, anchor) for anchor in anchors) for side in sides]
    found = measure_anchors(sides, YOLOV3_ANCHORS)
    assert found.mean_iou == pytest.approx(np.mean(best))
    assert found.recall == pytest.approx(np.mean(np.array(best) > 0.5))


def test_clusters_are_found_and_spread_over_the_levels_by_size():
    generator = np.random.default_rng(0)
    true = np.array([[8, 12], [20, 18], [30, 60], [100, 50], [120, 150], [300, 280]], float)
    sides = np.concatenate([centre * generator.uniform(0.9, 1.1, (200, 2)) for centre in true])
    anchors = cluster_anchors(sides, num_levels=2, per_level=3)
    found = np.array([anchor for level in reversed(anchors) for anchor in level])
    np.testing.assert_allclose(found, true, rtol=0.05)
    fit = measure_anchors(sides, anchors)
    assert fit.recall == 1 and fit.mean_iou > 0.85
    assert cluster_anchors(sides, num_levels=2, per_level=3) == anchors  # the seed decides


@pytest.mark.parametrize("seed", range(4))
def test_anchors_of_the_data_match_it_better_than_the_published_ones(seed):
    sides = random_sides(400, seed)
    anchors = cluster_anchors(sides, num_levels=3, per_level=3, seed=seed)
    assert measure_anchors(sides, anchors).mean_iou > measure_anchors(sides, YOLOV3_ANCHORS).mean_iou
    areas = [width * height for level in reversed(anchors) for width, height in level]
    assert [len(level) for level in anchors] == [3, 3, 3] and all(small <= large for small, large in pairwise(areas))
    assert all(side == round(side) >= 1 for level in anchors for anchor in level for side in anchor)


def test_a_shape_that_comes_often_has_an_anchor_of_its_own():
    sides = np.concatenate([np.tile([[40.0, 60.0]], (300, 1)), random_sides(60)])
    anchors = cluster_anchors(sides, num_levels=2, per_level=3)
    nearest = max(slow_shape_iou(np.array([40.0, 60.0]), np.array(anchor)) for level in anchors for anchor in level)
    assert nearest > 0.95


def test_as_many_boxes_as_anchors_are_their_own_anchors():
    sides = np.array([[3.0, 5.0], [40.0, 50.0], [7.0, 300.0], [200.0, 200.0]])
    anchors = cluster_anchors(sides, num_levels=2, per_level=2)
    assert sorted(anchor for level in anchors for anchor in level) == sorted(map(tuple, sides.tolist()))
    assert measure_anchors(sides, anchors) == AnchorMatch(1.0, 1.0)


def test_tiny_boxes_have_anchors_of_a_pixel():
    sides = np.random.default_rng(1).uniform(0.01, 0.4, (50, 2))
    assert set(cluster_anchors(sides, num_levels=1, per_level=3)[0]) == {(1.0, 1.0)}


def test_a_perfect_fit_and_too_few_boxes():
    sides = np.array([[float(w), float(h)] for level in TINY_ANCHORS for w, h in level])
    assert measure_anchors(sides, TINY_ANCHORS) == AnchorMatch(1.0, 1.0)
    with pytest.raises(ValueError, match="6 anchors cannot be fitted to 2 different boxes"):
        cluster_anchors(np.array([[1.0, 2.0], [1, 2], [3, 4]]), num_levels=2, per_level=3)
    with pytest.raises(ValueError, match="6 anchors cannot be fitted to 0 different boxes"):
        cluster_anchors(np.zeros((0, 2)), num_levels=2, per_level=3)
