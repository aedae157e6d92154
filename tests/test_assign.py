"""Which place answers for which object: Darknet's own answers, a slow obvious way, and the cases at the border."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3 import assign as assigning
from yolov3.assign import Assignment, LevelAssignment, assign, assign_best_anchor, assign_multi_anchor, ignore_mask
from yolov3.boxes import coverage_matrix, iou_matrix
from yolov3.codec import decode_boxes
from yolov3.config.learning import LossSection
from yolov3.structures import Level, Targets

Row = tuple[int, int, float, float, float, float]
"""Image, label, x1, y1, x2, y2."""

LEVELS = (Level(32, ((116.0, 90.0), (156.0, 198.0))), Level(16, ((30.0, 61.0), (62.0, 45.0))))
GRIDS = [(4, 4), (8, 8)]
SIZE = (128, 128)

quarter = 0.25  # of a pixel: numbers that float32 holds exactly, so that ties are ties in both ways
rows_of_objects = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 3),
        *[st.integers(-40, 480).map(lambda number: number * quarter)] * 2,
        *[st.integers(2, 512).map(lambda number: number * quarter)] * 2,
        st.booleans(),
        st.sampled_from([1.0, 0.5, 0.25]),
    ),
    max_size=12,
)


def make_targets(rows: list[Row], ignore: tuple[int, ...] = ()) -> Targets:
    """Targets from rows; ``ignore`` lists ignored ones."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    flags = torch.zeros(len(table), dtype=torch.bool)
    flags[list(ignore)] = True
    return Targets(table[:, 2:], table[:, 1].long(), table[:, 0].long(), flags, torch.ones(len(table)))


def drawn_targets(rows: list[tuple]) -> Targets:
    """Targets from what ``rows_of_objects`` draws."""
    found = make_targets([(image, label, x, y, x + w, y + h) for image, label, x, y, w, h, _, _ in rows])
    ignored = torch.tensor([bool(row[6]) for row in rows], dtype=torch.bool)
    return replace(found, ignore=ignored, weights=torch.tensor([row[7] for row in rows], dtype=torch.float32))


def random_maps(batch: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, 2, *grid, 8, generator=generator) for grid in GRIDS]


Answers = list[dict[tuple[int, int, int, int], tuple[list[float], set[int], float]]]
"""Per level, what stands at each answering place (image, anchor, row, column): the box, the labels, the weight."""


def read_answers(found: list[LevelAssignment]) -> Answers:
    answers: Answers = []
    for level in found:
        places = torch.stack(level.place, dim=1).tolist()
        labels = [set(row.nonzero().flatten().tolist()) for row in level.classes]
        assert level.classes.unique().tolist() in ([], [0, 1], [1])
        assert level.cells.tolist() == [[column, row] for _, _, row, column in places]
        assert len(set(map(tuple, places))) == len(level), "each place is there once"
        answers.append(dict(zip(map(tuple, places), zip(level.boxes.tolist(), labels, level.weights.tolist()))))
    return answers


def sides_of(box: list[float]) -> tuple[np.float32, np.float32]:
    return np.float32(box[2] - box[0]), np.float32(box[3] - box[1])


def shape_iou(box: list[float], anchor: tuple[float, float]) -> float:
    (w, h), (width, height) = sides_of(box), map(np.float32, anchor)
    shared = min(w, width) * min(h, height)
    return float(shared / (w * h + width * height - shared))


def home_cell(box: list[float], level: Level, grid: tuple[int, int]) -> tuple[int, int]:
    """Row and column."""
    x, y = (box[0] + box[2]) / 2 / level.stride, (box[1] + box[3]) / 2 / level.stride
    return min(max(int(y), 0), grid[0] - 1), min(max(int(x), 0), grid[1] - 1)


def slow_best_anchor(targets: Targets) -> Answers:
    """Darknet's way: object by object, all anchors of the network in the order of the .cfg, the first of equals wins."""
    answers: Answers = [{} for _ in LEVELS]
    order = [(index, anchor) for index in reversed(range(len(LEVELS))) for anchor in range(len(LEVELS[index].anchors))]
    for number, box in enumerate(targets.boxes.tolist()):
        if targets.ignore[number]:
            continue
        overlaps = [shape_iou(box, LEVELS[index].anchors[anchor]) for index, anchor in order]
        index, anchor = order[overlaps.index(max(overlaps))]
        row, column = home_cell(box, LEVELS[index], GRIDS[index])
        place = (int(targets.image_index[number]), anchor, row, column)
        labels = answers[index].get(place, (None, set(), None))[1] | {int(targets.labels[number])}
        answers[index][place] = (box, labels, float(targets.weights[number]))
    return answers


def slow_multi_anchor(targets: Targets, levels: tuple[Level, ...], anchor_ratio: float) -> Answers:
    """Object by object: each anchor that fits or is the best one, in each cell whose reach holds the centre."""
    answers: Answers = [{} for _ in levels]
    for number, box in enumerate(targets.boxes.tolist()):
        if targets.ignore[number]:
            continue
        best = max(shape_iou(box, anchor) for level in levels for anchor in level.anchors)
        for index, (level, grid) in enumerate(zip(levels, GRIDS)):
            centre = ((box[1] + box[3]) / 2 / level.stride, (box[0] + box[2]) / 2 / level.stride)
            home = home_cell(box, level, grid)
            reach = (level.xy_scale - 1) / 2
            cells = [home]
            for axis in (0, 1):
                for step in (-1, 1):
                    cell = [*home]
                    cell[axis] += step
                    inside = centre[axis] - home[axis]
                    near = inside < reach if step < 0 else inside > 1 - reach
                    if near and 0 <= cell[axis] < grid[axis]:
                        cells.append((cell[0], cell[1]))
            for anchor, (width, height) in enumerate(level.anchors):
                ratios = [side / np.float32(anchor_side) for side, anchor_side in zip(sides_of(box), (width, height))]
                fits = max(max(ratio, 1 / ratio) for ratio in ratios) < anchor_ratio
                if not fits and shape_iou(box, (width, height)) != best:
                    continue
                for row, column in cells:
                    place = (int(targets.image_index[number]), anchor, row, column)
                    labels = answers[index].get(place, (None, set(), None))[1] | {int(targets.labels[number])}
                    answers[index][place] = (box, labels, float(targets.weights[number]))
    return answers


@settings(max_examples=60, deadline=None)
@given(rows_of_objects)
def test_best_anchor_equals_the_obvious_way(rows):
    targets = drawn_targets(rows)
    assert read_answers(assign_best_anchor(targets, LEVELS, GRIDS, 4)) == slow_best_anchor(targets)


@settings(max_examples=60, deadline=None)
@given(rows_of_objects, st.sampled_from([1.5, 4.0]), st.sampled_from([1.0, 1.5, 2.0]))
def test_multi_anchor_equals_the_obvious_way(rows, anchor_ratio, xy_scale):
    targets = drawn_targets(rows)
    levels = tuple(replace(level, xy_scale=xy_scale) for level in LEVELS)
    found = assign_multi_anchor(targets, levels, GRIDS, 4, anchor_ratio=anchor_ratio)
    assert read_answers(found) == slow_multi_anchor(targets, levels, anchor_ratio)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["80_classes", "3_classes", "1_class"])
def test_places_and_shields_are_darknets(shared, name):
    """Darknet stores a delta of the classes at answering places only, and none of objectness where it leaves one alone."""
    data = np.load(shared / "reference" / f"yolo_layer_{name}.npz")
    height, width = np.broadcast_to(data["image_size"], 2).tolist()
    rows: list[Row] = []
    for image, truths in enumerate(data["truth"].tolist()):
        for cx, cy, w, h, label in truths:
            if cx == 0:
                break
            corners = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
            rows.append((image, int(label), *corners))
    targets = make_targets(rows)
    anchors = [data["anchors"][mask] for mask in data["masks"]]
    deltas, maps = (
        [
            torch.tensor(data[f"{kind}_{index}"]).unflatten(1, (len(own), -1)).permute(0, 1, 3, 4, 2)
            for index, own in enumerate(anchors)
        ]
        for kind in ("delta", "logits")
    )
    levels = [Level(width // delta.shape[3], tuple(map(tuple, own.tolist()))) for delta, own in zip(deltas, anchors)]
    found = assign(targets, levels, LossSection(), network_size=(height, width), num_classes=int(data["classes"]))
    assert sum(map(len, found.levels)) > 0
    shielded = 0
    for delta, level_maps, level, places in zip(deltas, maps, levels, found.levels):
        answering = torch.zeros(delta.shape[:4], dtype=torch.bool)
        answering[places.place] = True
        assert torch.equal(answering, (delta[..., 5:] != 0).any(dim=-1))
        assert torch.equal(places.classes > 0, delta[places.place][:, 5:] > 0)
        mask = ignore_mask(decode_boxes(level_maps[..., :4], level), targets, float(data["ignore_threshold"]))
        assert torch.equal(mask & ~answering, (delta[..., 4] == 0) & ~answering)
        shielded += int((mask & ~answering).sum())
    assert shielded > 0


def test_best_anchor_answers_in_the_cell_of_the_centre():
    targets = make_targets([(1, 2, 20, 10, 52, 70)])  # 32 x 60 around (36, 40): like the anchor 30 x 61 of stride 16
    coarse, fine = assign_best_anchor(targets, LEVELS, GRIDS, 3)
    assert len(coarse) == 0
    assert [index.tolist() for index in fine.place] == [[1], [0], [2], [2]]
    assert fine.classes.tolist() == [[0, 0, 1]]


def test_of_equal_anchors_the_first_of_the_cfg_answers():
    levels = (Level(32, ((50.0, 50.0),)), Level(16, ((50.0, 50.0), (50.0, 50.0))))
    coarse, fine = assign_best_anchor(make_targets([(0, 0, 0, 0, 50, 50)]), levels, GRIDS, 1)
    assert len(coarse) == 0 and fine.anchor.tolist() == [0]


def test_two_objects_in_one_place_give_the_last_box_and_both_classes():
    targets = make_targets([(0, 0, 20, 10, 52, 70), (0, 2, 21, 10, 53, 70)])
    _, fine = assign_best_anchor(targets, LEVELS, GRIDS, 3)
    assert len(fine) == 1
    assert fine.boxes[0].tolist() == [21, 10, 53, 70]
    assert fine.classes.tolist() == [[1, 0, 1]]


def test_a_centre_on_the_far_border_stays_inside():
    targets = make_targets([(0, 0, 100, 100, 156, 156)])  # centre (128, 128) of a 128 x 128 input
    for level in assign_best_anchor(targets, LEVELS, GRIDS, 1):
        assert (level.row < 8).all() and (level.column < 8).all()


def test_multi_anchor_gives_every_object_a_place_and_reaches_neighbours():
    targets = make_targets([(0, 0, 20, 10, 52, 70), (1, 1, 0, 0, 2, 1)])  # the second is like no anchor at all
    plain = assign_multi_anchor(targets, LEVELS, GRIDS, 2, anchor_ratio=4.0)
    assert {int(image) for level in plain for image in level.image} == {0, 1}
    wide = [Level(level.stride, level.anchors, 2.0) for level in LEVELS]
    more = assign_multi_anchor(targets, wide, GRIDS, 2, anchor_ratio=4.0)
    assert sum(map(len, more)) > sum(map(len, plain))
    for places, level in zip(more, wide):
        centre = (places.boxes[:, :2] + places.boxes[:, 2:]) / 2 / level.stride
        offset = centre - places.cells
        assert ((offset >= -0.5) & (offset <= 1.5)).all()


@pytest.mark.parametrize("assigner", ["best_anchor", "multi_anchor"])
def test_the_settings_name_the_assigner_and_the_size_gives_the_grids(assigner):
    targets = make_targets([(0, 0, 20, 10, 52, 70), (1, 1, 0, 0, 100, 90)])
    rules = LossSection(assigner=assigner, anchor_ratio=3.0)
    found = assign(targets, LEVELS, rules, network_size=SIZE, num_classes=2)
    expected = (
        assign_best_anchor(targets, LEVELS, GRIDS, 2)
        if assigner == "best_anchor"
        else assign_multi_anchor(targets, LEVELS, GRIDS, 2, anchor_ratio=3.0)
    )
    assert read_answers(list(found.levels)) == read_answers(expected)
    assert found.targets is targets and found.network_size == SIZE


@settings(max_examples=40, deadline=None)
@given(rows_of_objects, st.sampled_from(["best_anchor", "multi_anchor"]))
def test_a_part_of_a_batch_is_assigned_as_it_would_be_alone(rows, assigner):
    targets, rules = drawn_targets(rows), LossSection(assigner=assigner)

    def assigned(own: Targets) -> Assignment:
        return assign(own, LEVELS, rules, network_size=SIZE, num_classes=4)

    whole = assigned(targets)
    for start, stop in ((0, 1), (1, 3), (0, 3)):
        part, alone = whole.of_images(start, stop), assigned(targets.of_images(start, stop))
        assert read_answers(list(part.levels)) == read_answers(list(alone.levels))
        assert torch.equal(part.targets.boxes, alone.targets.boxes)
        assert torch.equal(part.targets.image_index, alone.targets.image_index)
    parts = sum(whole.of_images(image, image + 1).count_positives() for image in range(3))
    assert float(parts) == float(whole.count_positives())


def test_faint_objects_count_as_much_as_they_weigh():
    targets = make_targets([(0, 0, 20, 10, 52, 70), (0, 1, 60, 60, 120, 110)])
    whole = assign(targets, LEVELS, LossSection(), network_size=SIZE, num_classes=2)
    assert whole.count_positives() == 2
    faint = assign(
        replace(targets, weights=torch.tensor([1.0, 0.25])), LEVELS, LossSection(), network_size=SIZE, num_classes=2
    )
    assert faint.count_positives() == 1.25


def test_nothing_to_assign():
    found = assign(make_targets([]), LEVELS, LossSection(), network_size=SIZE, num_classes=3)
    assert [len(level) for level in found.levels] == [0, 0] and found.count_positives() == 0
    assert all(level.classes.shape == (0, 3) and level.boxes.shape == (0, 4) for level in found.levels)
    assert not ignore_mask(torch.rand(2, 2, 4, 4, 4), make_targets([]), 0.5).any()


def slow_mask(boxes: torch.Tensor, targets: Targets, image: int, threshold: float) -> torch.Tensor:
    flat, own = boxes[image].reshape(-1, 4), targets.image_index == image
    mask = torch.zeros(len(flat), dtype=torch.bool)
    for truth, ignored in zip(targets.boxes[own], targets.ignore[own]):
        mask |= iou_matrix(flat, truth[None])[:, 0] > threshold
        if ignored:
            mask |= coverage_matrix(flat, truth[None])[:, 0] >= 0.5
    return mask


def test_ignore_mask_equals_the_obvious_one():
    targets = make_targets([(0, 0, 0, 0, 90, 80), (1, 1, 30, 30, 60, 95), (1, 0, 5, 5, 120, 120)])
    for level_maps, level in zip(random_maps(), LEVELS):
        boxes = decode_boxes(level_maps[..., :4], level)
        mask = ignore_mask(boxes, targets, 0.3)
        for image in range(2):
            assert torch.equal(mask[image].flatten(), slow_mask(boxes, targets, image, 0.3))
        assert mask.any() and not mask.all()


def test_ignore_mask_does_not_mind_the_order_nor_how_much_it_takes_at_once(monkeypatch):
    rows = [(2, 0, 0, 0, 90, 80), (0, 1, 30, 30, 60, 95), (2, 0, 5, 5, 120, 120), (0, 0, 8, 70, 40, 120)]
    targets = make_targets(rows, ignore=(1,))  # images in no order, none for image 1
    boxes = decode_boxes(random_maps(batch=3)[1][..., :4], LEVELS[1])
    mask = ignore_mask(boxes, targets, 0.3)
    for image in range(3):
        assert torch.equal(mask[image].flatten(), slow_mask(boxes, targets, image, 0.3))
    assert mask[0].any() and not mask[1].any() and mask[2].any()
    monkeypatch.setattr(assigning, "LARGEST_OVERLAP_TABLE", 1)
    assert torch.equal(ignore_mask(boxes, targets, 0.3), mask)


def test_ignored_objects_answer_nowhere_and_shield_what_lies_inside():
    maps = random_maps()
    crowd = make_targets([(0, 0, 0, 0, 128, 128)], ignore=(0,))
    assert all(len(level) == 0 for level in assign_best_anchor(crowd, LEVELS, GRIDS, 3))
    assert all(len(level) == 0 for level in assign_multi_anchor(crowd, LEVELS, GRIDS, 3, anchor_ratio=4.0))
    boxes = decode_boxes(maps[1][..., :4], LEVELS[1])
    mask = ignore_mask(boxes, crowd, 0.7)
    assert mask[0].float().mean() > 0.5 and not mask[1].any()


def test_half_inside_a_crowd_is_enough():
    crowd = make_targets([(0, 0, 0, 0, 100, 100)], ignore=(0,))
    boxes = torch.tensor([[[[[-10.0, 0, 10, 10], [-11.0, 0, 10, 10]]]]])  # one half inside, and a little less
    assert ignore_mask(boxes, crowd, 0.7).flatten().tolist() == [True, False]
