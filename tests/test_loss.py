"""The loss: Darknet's own gradients, slow arithmetic beside the fast way, batches in parts, cases at the border."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov3.assign import assign, ignore_mask
from yolov3.box_losses import BOX_LOSSES, BoxTask
from yolov3.boxes import iou_matrix
from yolov3.codec import combine, decode_boxes
from yolov3.config.learning import LossSection
from yolov3.loss import LossTerms, detection_loss, loss_divisor
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Level, Size, Targets


def make_targets(rows: list[tuple[int, int, float, float, float, float]], ignore: tuple[int, ...] = ()) -> Targets:
    """Targets from (image, label, x1, y1, x2, y2) rows; ``ignore`` lists ignored rows."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    flags = torch.zeros(len(table), dtype=torch.bool)
    flags[list(ignore)] = True
    return Targets(table[:, 2:], table[:, 1].long(), table[:, 0].long(), flags, torch.ones(len(table)))


LEVELS = (Level(32, ((116.0, 90.0), (156.0, 198.0))), Level(16, ((30.0, 61.0), (62.0, 45.0))))
GRIDS = [(4, 4), (8, 8)]
SIZE = (128, 128)
OBJECTS = [(0, 0, 20, 10, 52, 70), (0, 2, 21, 10, 53, 70), (1, 1, 3, 5, 120, 95), (1, 0, 64, 64, 90, 120)]


def random_maps(batch: int = 2, classes: int = 3, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, 2, *grid, 5 + classes, generator=generator).requires_grad_() for grid in GRIDS]


def loss_of(
    maps: Sequence[torch.Tensor],
    levels: Sequence[Level],
    targets: Targets,
    settings: LossSection,
    *,
    network_size: Size = SIZE,
    divisor: float | None = None,
) -> LossTerms:
    """The loss of objects that are assigned first; by default divided as a batch of its own is."""
    num_classes = maps[0].shape[-1] - 5
    assignment = assign(targets, levels, settings, network_size=network_size, num_classes=num_classes)
    own = loss_divisor(settings, num_images=len(maps[0]), num_positives=assignment.count_positives())
    return detection_loss(maps, levels, assignment, settings, divisor=own if divisor is None else divisor)


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
    terms = loss_of(maps, levels, make_targets(rows), settings, network_size=(height, width), divisor=1.0)
    terms.total.backward()
    for index, level_maps in enumerate(maps):
        delta = torch.tensor(data[f"delta_{index}"])
        gradient = level_maps.grad.permute(0, 1, 4, 2, 3).reshape(delta.shape)
        assert (gradient + delta).abs().max() < 1e-4


def cross_entropy(logit: float, goal: float) -> float:
    probability = 1 / (1 + math.exp(-logit))
    return -goal * math.log(probability) - (1 - goal) * math.log(1 - probability)


def slow_loss(maps: list[torch.Tensor], targets: Targets, settings: LossSection, divisor: float) -> list[float]:
    """Box, objectness and classes, place by place."""
    assignment = assign(targets, LEVELS, settings, network_size=SIZE, num_classes=3)
    box = objectness = classes = 0.0
    for index, (level_maps, level) in enumerate(zip(maps, LEVELS)):
        places = assignment.levels[index]
        answering = {tuple(place): number for number, place in enumerate(torch.stack(places.place, dim=1).tolist())}
        shielded = ignore_mask(decode_boxes(level_maps[..., :4], level), targets, settings.ignore_threshold)
        level_weight = settings.level_weights[index] if settings.level_weights else 1.0
        for place in np.ndindex(level_maps.shape[:4]):
            raw = level_maps[place].tolist()
            number = answering.get(place)
            if number is None:
                objectness += 0.0 if shielded[place] else level_weight * cross_entropy(raw[4], 0.0)
                continue
            weight = float(places.weights[number])
            anchor = torch.tensor([level.anchors[place[1]]])
            cell = torch.tensor([[float(place[3]), float(place[2])]])
            goal_box = places.boxes[number, None]
            task = BoxTask(level_maps[place][None, :4], goal_box, cell, anchor, level, SIZE)
            box += weight * float(BOX_LOSSES[settings.box_kind](task).sum())
            goal = 1.0
            if settings.objectness_target == "iou":
                goal = float(iou_matrix(combine(level_maps[place][None, :4], cell, anchor, level), goal_box))
            objectness += level_weight * cross_entropy(raw[4], goal * weight)
            for value, seen in zip(raw[5:], places.classes[number].tolist()):
                smooth = seen * (1 - settings.label_smoothing) + settings.label_smoothing / 2
                classes += weight * cross_entropy(value, smooth)
    return [
        settings.box_weight * box / divisor,
        settings.objectness_weight * objectness / divisor,
        settings.class_weight * classes / divisor,
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ignore_threshold": 0.2},
        {"box_kind": "giou", "assigner": "multi_anchor"},
        {"objectness_target": "iou"},
        {"label_smoothing": 0.2, "level_weights": (4.0, 0.5)},
        {"box_weight": 2.0, "objectness_weight": 0.5, "class_weight": 3.0, "normaliser": "positives"},
    ],
    ids=lambda changes: " ".join(changes) or "defaults",
)
def test_the_terms_by_slow_arithmetic(changes):
    settings = LossSection(**changes)
    maps = [level.detach() for level in random_maps()]
    targets = make_targets([*OBJECTS, (0, 0, 60, 60, 128, 128)], ignore=(4,))
    targets = replace(targets, weights=torch.tensor([1.0, 0.25, 0.5, 1.0, 1.0]))
    assignment = assign(targets, LEVELS, settings, network_size=SIZE, num_classes=3)
    divisor = loss_divisor(settings, num_images=2, num_positives=assignment.count_positives())
    terms = detection_loss(maps, LEVELS, assignment, settings, divisor=divisor)
    expected = slow_loss(maps, targets, settings, float(divisor))
    assert terms.detached().tolist() == pytest.approx(expected, rel=1e-4)
    assert float(terms.total) == pytest.approx(sum(expected), rel=1e-4)


@pytest.mark.parametrize("box_kind", ["darknet", "iou", "giou", "diou", "ciou"])
@pytest.mark.parametrize("assigner", ["best_anchor", "multi_anchor"])
@pytest.mark.parametrize("normaliser", ["batch", "positives"])
def test_every_switch_gives_finite_gradients_with_and_without_objects(box_kind, assigner, normaliser):
    settings = LossSection(
        box_kind=box_kind, assigner=assigner, normaliser=normaliser, objectness_target="iou", label_smoothing=0.1
    )
    for rows in ([], [(0, 0, 3, 3, 3, 3), (1, 2, 20, 10, 52, 70), (1, 1, 20, 10, 52, 70)]):
        maps = random_maps()
        terms = loss_of(maps, LEVELS, make_targets(rows), settings)
        terms.total.backward()
        assert all(m.grad.isfinite().all() for m in maps)
        assert terms.objectness > 0
        if not rows:
            assert terms.box == 0 and terms.classes == 0


def test_a_batch_is_the_mean_of_its_images():
    maps = [m.detach() for m in random_maps()]
    targets = make_targets([(0, 0, 20, 10, 52, 70), (1, 1, 0, 0, 100, 95)])
    whole = loss_of(maps, LEVELS, targets, LossSection()).total
    parts = []
    for image in range(2):
        part = [m[image : image + 1] for m in maps]
        parts.append(loss_of(part, LEVELS, targets.of_images(image, image + 1), LossSection()).total)
    assert whole.item() == pytest.approx(sum(p.item() for p in parts) / 2, rel=1e-5)


@pytest.mark.parametrize("normaliser", ["batch", "positives"])
@pytest.mark.parametrize("assigner", ["best_anchor", "multi_anchor"])
def test_the_parts_of_a_batch_add_up_to_it(normaliser, assigner):
    """Assigned once, divided by what the whole batch is divided by: the terms and the gradient are those of the whole."""
    settings = LossSection(normaliser=normaliser, assigner=assigner, objectness_target="iou")
    rows = [*OBJECTS, (2, 1, 30, 40, 100, 90)]
    maps = random_maps(batch=4)  # nothing in the last image
    assignment = assign(make_targets(rows), LEVELS, settings, network_size=SIZE, num_classes=3)
    divisor = loss_divisor(settings, num_images=4, num_positives=assignment.count_positives())
    whole = detection_loss(maps, LEVELS, assignment, settings, divisor=divisor)
    whole.total.backward()
    expected = [level.grad.clone() for level in maps]
    parts = [level.detach().clone().requires_grad_() for level in maps]
    terms = torch.zeros(3)
    for start, stop in ((0, 1), (1, 4)):
        own = assignment.of_images(start, stop)
        part = detection_loss([level[start:stop] for level in parts], LEVELS, own, settings, divisor=divisor)
        part.total.backward()
        terms += part.detached()
    torch.testing.assert_close(terms, whole.detached())
    for level, gradient in zip(parts, expected):
        torch.testing.assert_close(level.grad, gradient)


def test_what_the_sums_are_divided_by():
    positives = torch.tensor(7.5)
    assert loss_divisor(LossSection(), num_images=4, num_positives=positives) == 4.0
    assert loss_divisor(LossSection(normaliser="positives"), num_images=4, num_positives=positives) == 7.5
    assert loss_divisor(LossSection(normaliser="positives"), num_images=4, num_positives=torch.tensor(0.0)) == 1


def test_terms_are_handed_on_without_their_graphs():
    terms = loss_of(random_maps(), LEVELS, make_targets(OBJECTS), LossSection())
    told = terms.detached()
    assert not told.requires_grad and terms.total.requires_grad
    assert told.tolist() == [terms.box.item(), terms.objectness.item(), terms.classes.item()]
    assert told.sum().item() == pytest.approx(terms.total.item())


def test_new_coordinates_are_taken_as_the_probabilities_that_they_are():
    """Of a network with logistics of its own, objectness and classes cost what their logits would cost elsewhere."""
    targets = make_targets(OBJECTS)
    plain = [level.detach() for level in random_maps()]
    levels = tuple(replace(level, new_coordinates=True) for level in LEVELS)
    settings = LossSection(ignore_threshold=1.0)  # the boxes differ, and with them what is left alone
    activated = [level.sigmoid().requires_grad_() for level in plain]
    found = loss_of(activated, levels, targets, settings)
    expected = loss_of(plain, LEVELS, targets, settings)
    torch.testing.assert_close(found.detached()[1:], expected.detached()[1:], rtol=1e-4, atol=0)
    found.total.backward()
    assert all(level.grad.isfinite().all() for level in activated)
    sure = [torch.full_like(level, 1.0) for level in plain]
    assert loss_of(sure, levels, targets, settings).total.isfinite()


def test_half_precision_maps_cost_what_float32_ones_cost():
    maps = [level.detach().bfloat16() for level in random_maps()]
    found = loss_of(maps, LEVELS, make_targets(OBJECTS), LossSection())
    expected = loss_of([level.float() for level in maps], LEVELS, make_targets(OBJECTS), LossSection())
    assert torch.equal(found.detached(), expected.detached())


def test_a_few_steps_learn_one_image():
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=2)
    images = torch.rand(1, 3, 96, 96)
    targets = make_targets([(0, 1, 10, 20, 60, 80)])
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(30):
        terms = loss_of(network(images), network.levels, targets, LossSection(), network_size=(96, 96))
        optimiser.zero_grad()
        terms.total.backward()
        optimiser.step()
        losses.append(terms.total.item())
    assert losses[-1] < 0.3 * losses[0]


def test_wrong_number_of_level_weights_is_refused():
    settings = LossSection(level_weights=(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match=r"loss\.level_weights needs 2 numbers for this network, found 3"):
        loss_of(random_maps(), LEVELS, make_targets([]), settings)


def test_levels_and_maps_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        loss_of(random_maps()[:1], LEVELS, make_targets([]), LossSection())
