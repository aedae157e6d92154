"""The loss: Darknet's own gradients, a slow obvious assignment, and the cases at the border."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3.assign import assign_best_anchor, assign_multi_anchor, ignore_mask
from yolov3.boxes import iou_matrix
from yolov3.codec import decode_boxes
from yolov3.config.experiment import LossSection
from yolov3.loss import detection_loss
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Level, Targets


def make_targets(rows: list[tuple[int, int, float, float, float, float]], ignore: tuple[int, ...] = ()) -> Targets:
    """Targets from (image, label, x1, y1, x2, y2) rows; ``ignore`` lists ignored rows."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    flags = torch.zeros(len(table), dtype=torch.bool)
    flags[list(ignore)] = True
    return Targets(table[:, 2:], table[:, 1].long(), table[:, 0].long(), flags, torch.ones(len(table)))


LEVELS = (Level(32, ((116.0, 90.0), (156.0, 198.0))), Level(16, ((30.0, 61.0), (62.0, 45.0))))
GRIDS = [(4, 4), (8, 8)]


def random_maps(batch: int = 2, classes: int = 3, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, 2, *grid, 5 + classes, generator=generator).requires_grad_() for grid in GRIDS]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["80_classes", "3_classes", "1_class"])
def test_gradient_is_minus_darknets_delta(shared, name):
    data = np.load(shared / "reference" / f"yolo_layer_{name}.npz")
    height, width = np.broadcast_to(data["image_size"], 2).tolist()
    rows = []
    for image, truths in enumerate(data["truth"].tolist()):
        for cx, cy, w, h, label in truths:
            if cx == 0:
                break
            corners = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
            rows.append((image, int(label), *corners))
    levels, maps = [], []
    for index, mask in enumerate(data["masks"]):
        logits = torch.tensor(data[f"logits_{index}"])
        batch, _, rows_in_map, columns = logits.shape
        levels.append(Level(width // columns, tuple(map(tuple, data["anchors"][mask].tolist()))))
        split = logits.view(batch, len(mask), -1, rows_in_map, columns).permute(0, 1, 3, 4, 2)
        maps.append(split.clone().requires_grad_())
    settings = LossSection(ignore_threshold=float(data["ignore_threshold"]))
    terms = detection_loss(maps, levels, make_targets(rows), settings, network_size=(height, width), images_per_step=1)
    terms.total.backward()
    for index, level_maps in enumerate(maps):
        delta = torch.tensor(data[f"delta_{index}"])
        gradient = level_maps.grad.permute(0, 1, 4, 2, 3).reshape(delta.shape)
        assert (gradient + delta).abs().max() < 1e-4


def test_best_anchor_answers_in_the_cell_of_the_centre():
    targets = make_targets([(1, 2, 20, 10, 52, 70)])  # 32 x 60 around (36, 40): like the anchor 30 x 61 of stride 16
    coarse, fine = assign_best_anchor(targets, LEVELS, GRIDS, 3)
    assert len(coarse) == 0
    assert [index.tolist() for index in fine.place] == [[1], [0], [2], [2]]
    assert fine.classes.tolist() == [[0, 0, 1]]


def test_two_objects_in_one_place_give_the_last_box_and_both_classes():
    targets = make_targets([(0, 0, 20, 10, 52, 70), (0, 2, 21, 10, 53, 70)])
    _, fine = assign_best_anchor(targets, LEVELS, GRIDS, 3)
    assert len(fine) == 1
    assert fine.boxes[0].tolist() == [21, 10, 53, 70]
    assert fine.classes.tolist() == [[1, 0, 1]]


def test_a_centre_on_the_far_border_stays_inside():
    targets = make_targets([(0, 0, 100, 100, 156, 156)])  # centre (128, 128) of a 128 x 128 input
    for assignment in assign_best_anchor(targets, LEVELS, GRIDS, 1):
        assert (assignment.row < 8).all() and (assignment.column < 8).all()


def test_multi_anchor_gives_every_object_a_place_and_reaches_neighbours():
    targets = make_targets([(0, 0, 20, 10, 52, 70), (1, 1, 0, 0, 2, 1)])  # the second is like no anchor at all
    plain = assign_multi_anchor(targets, LEVELS, GRIDS, 2, anchor_ratio=4.0)
    assert {int(image) for assignment in plain for image in assignment.image} == {0, 1}
    wide = [Level(level.stride, level.anchors, 2.0) for level in LEVELS]
    more = assign_multi_anchor(targets, wide, GRIDS, 2, anchor_ratio=4.0)
    assert sum(map(len, more)) > sum(map(len, plain))
    for assignment, level in zip(more, wide):
        centre = (assignment.boxes[:, :2] + assignment.boxes[:, 2:]) / 2 / level.stride
        offset = centre - assignment.cells
        assert ((offset >= -0.5) & (offset <= 1.5)).all()


def test_ignore_mask_equals_the_obvious_one():
    maps = random_maps()
    targets = make_targets([(0, 0, 0, 0, 90, 80), (1, 1, 30, 30, 60, 95), (1, 0, 5, 5, 120, 120)])
    for level_maps, level in zip(maps, LEVELS):
        boxes = decode_boxes(level_maps[..., :4], level)
        mask = ignore_mask(boxes, targets, 0.3)
        for image in range(2):
            truths = targets.boxes[targets.image_index == image]
            slow = iou_matrix(boxes[image].reshape(-1, 4), truths).amax(dim=1) > 0.3
            assert torch.equal(mask[image].flatten(), slow)
        assert mask.any() and not mask.all()


def test_ignored_objects_answer_nowhere_and_shield_what_lies_inside():
    maps = random_maps()
    crowd = make_targets([(0, 0, 0, 0, 128, 128)], ignore=(0,))
    assert all(len(a) == 0 for a in assign_best_anchor(crowd, LEVELS, GRIDS, 3))
    boxes = decode_boxes(maps[1][..., :4], LEVELS[1])
    mask = ignore_mask(boxes, crowd, 0.7)
    assert mask[0].float().mean() > 0.5 and not mask[1].any()


@pytest.mark.parametrize("box_kind", ["darknet", "iou", "giou", "diou", "ciou"])
@pytest.mark.parametrize("assigner", ["best_anchor", "multi_anchor"])
@pytest.mark.parametrize("normaliser", ["batch", "positives"])
def test_every_switch_gives_finite_gradients_with_and_without_objects(box_kind, assigner, normaliser):
    settings = LossSection(
        box_kind=box_kind, assigner=assigner, normaliser=normaliser, objectness_target="iou", label_smoothing=0.1
    )
    for rows in ([], [(0, 0, 3, 3, 3, 3), (1, 2, 20, 10, 52, 70), (1, 1, 20, 10, 52, 70)]):
        maps = random_maps()
        terms = detection_loss(maps, LEVELS, make_targets(rows), settings, network_size=(128, 128))
        terms.total.backward()
        assert all(m.grad.isfinite().all() for m in maps)
        assert terms.objectness > 0
        if not rows:
            assert terms.box == 0 and terms.classes == 0


def test_a_batch_is_the_mean_of_its_images():
    maps = [m.detach() for m in random_maps()]
    targets = make_targets([(0, 0, 20, 10, 52, 70), (1, 1, 0, 0, 100, 95)])
    whole = detection_loss(maps, LEVELS, targets, LossSection(), network_size=(128, 128)).total
    parts = []
    for image in range(2):
        own = targets.select(targets.image_index == image)
        alone = Targets(own.boxes, own.labels, own.image_index - image, own.ignore, own.weights)
        part = [m[image : image + 1] for m in maps]
        parts.append(detection_loss(part, LEVELS, alone, LossSection(), network_size=(128, 128)).total)
    assert whole.item() == pytest.approx(sum(p.item() for p in parts) / 2, rel=1e-5)


def test_a_few_steps_learn_one_image():
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=2)
    images = torch.rand(1, 3, 96, 96)
    targets = make_targets([(0, 1, 10, 20, 60, 80)])
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(30):
        terms = detection_loss(network(images), network.levels, targets, LossSection(), network_size=(96, 96))
        optimiser.zero_grad()
        terms.total.backward()
        optimiser.step()
        losses.append(terms.total.item())
    assert losses[-1] < 0.3 * losses[0]


def test_wrong_number_of_level_weights_is_refused():
    with pytest.raises(ValueError, match=r"loss\.level_weights needs 2"):
        settings = LossSection(level_weights=(1.0, 2.0, 3.0))
        detection_loss(random_maps(), LEVELS, make_targets([]), settings, network_size=(128, 128))
