"""What the place of a box costs: by slow arithmetic, the least at the goal, finite at the border."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from yolov3.box_losses import BOX_LOSSES, BoxTask, darknet_box_loss, overlap_loss
from yolov3.boxes import iou_matrix, paired_iou
from yolov3.codec import encode
from yolov3.structures import Level

ANCHORS = torch.tensor([[30.0, 61.0], [62.0, 45.0], [59.0, 119.0]], dtype=torch.float64)
LEVEL = Level(16, ((30.0, 61.0), (62.0, 45.0), (59.0, 119.0)))
NETWORK_SIZE = (320, 416)


def random_task(count: int = 20, level: Level = LEVEL) -> BoxTask:
    """Predictions about goals whose centres lie in their cells."""
    generator = torch.Generator().manual_seed(0)

    def uniform(low: float, high: float, columns: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, columns, generator=generator, dtype=torch.float64)

    cells = torch.stack([torch.randint(0, high, (count,), generator=generator) for high in (26, 20)], dim=1).double()
    centres = (cells + uniform(0.05, 0.95, 2)) * level.stride
    sides = uniform(10, 150, 2)
    raw = uniform(0.2, 0.8, 4) if level.new_coordinates else uniform(-1.5, 1.5, 4)
    anchors = ANCHORS[torch.randint(0, 3, (count,), generator=generator)]
    goals = torch.cat((centres - sides / 2, centres + sides / 2), dim=1)
    return BoxTask(raw, goals, cells, anchors, level, NETWORK_SIZE)


def perfect(task: BoxTask) -> BoxTask:
    """The task whose predictions are the goals."""
    wanted = encode(task.goals, task.cells, task.anchors, task.level)
    if not task.level.new_coordinates:
        wanted = torch.cat((torch.logit(wanted[:, :2]), wanted[:, 2:]), dim=1)
    return replace(task, raw=wanted)


def slow_darknet(task: BoxTask, place: int) -> list[float]:
    x1, y1, x2, y2 = task.goals[place].tolist()
    column, row = task.cells[place].tolist()
    width, height = task.anchors[place].tolist()
    weight = 2 - (x2 - x1) / task.network_size[1] * (y2 - y1) / task.network_size[0]
    raw = task.raw[place].tolist()
    goals = ((x1 + x2) / 2 / task.level.stride - column, (y1 + y2) / 2 / task.level.stride - row)
    costs = []
    for value, goal in zip(raw[:2], goals):
        probability = 1 / (1 + math.exp(-value))
        costs.append(-goal * math.log(probability) - (1 - goal) * math.log(1 - probability))
    for value, goal in zip(raw[2:], (math.log((x2 - x1) / width), math.log((y2 - y1) / height))):
        costs.append((value - goal) ** 2 / 2)
    return [weight * cost for cost in costs]


def test_darknets_loss_by_slow_arithmetic():
    task = random_task()
    found = darknet_box_loss(task)
    assert found.shape == (20, 4)
    for place in range(20):
        assert found[place].tolist() == pytest.approx(slow_darknet(task, place))


def test_darknets_gradient_is_the_difference_times_the_size_weight():
    task = random_task()
    task.raw.requires_grad_()
    darknet_box_loss(task).sum().backward()
    goals = encode(task.goals, task.cells, task.anchors, task.level)
    sides = task.goals[:, 2:] - task.goals[:, :2]
    weight = 2 - sides.prod(dim=1, keepdim=True) / (320 * 416)
    raw = task.raw.detach()
    predicted = torch.cat((raw[:, :2].sigmoid(), raw[:, 2:]), dim=1)
    torch.testing.assert_close(task.raw.grad, weight * (predicted - goals))


def test_a_small_object_weighs_nearly_two_and_one_that_fills_the_image_one():
    height, width = NETWORK_SIZE
    middle = torch.tensor([[width / 2, height / 2] * 2])
    half = torch.tensor([[0.5, 0.5], [width / 2, height / 2]])
    goals = torch.cat((middle[:, :2] - half, middle[:, 2:] + half), dim=1)
    cells = torch.tensor([[13.0, 10.0]]).expand(2, 2)
    anchors = half * 2  # so that w and h are right, and only x and y cost
    task = BoxTask(torch.zeros(2, 4), goals, cells, anchors, LEVEL, NETWORK_SIZE)
    small, large = darknet_box_loss(task)[:, 0].tolist()
    assert small / large == pytest.approx((2 - 1 / (width * height)) / 1)


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
def test_overlap_losses_are_one_minus_the_overlap(kind):
    task = random_task()
    found = overlap_loss(task, kind)
    assert found.shape == (20, 1)
    torch.testing.assert_close(found[:, 0], 1 - paired_iou(task.predicted(), task.goals, kind))
    torch.testing.assert_close(found, BOX_LOSSES[kind](task))
    if kind == "iou":
        torch.testing.assert_close(found[:, 0], 1 - iou_matrix(task.predicted(), task.goals).diagonal())


@pytest.mark.parametrize("kind", BOX_LOSSES)
@pytest.mark.parametrize("level", [LEVEL, replace(LEVEL, xy_scale=1.2)], ids=["yolov3", "sensitive grid"])
def test_the_goal_costs_least_and_nothing_pulls_there(kind, level):
    task = random_task(level=level)
    best = perfect(task)
    best.raw.requires_grad_()
    least = BOX_LOSSES[kind](best)
    torch.testing.assert_close(best.predicted(), best.goals)
    if kind == "darknet":  # cross entropy has a floor
        least.sum().backward()
        assert best.raw.grad.abs().max() < 1e-9
    else:
        assert least.abs().max() < 1e-9
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        shift = torch.randn(best.raw.shape, generator=generator, dtype=torch.float64) * 0.3
        other = BOX_LOSSES[kind](replace(best, raw=best.raw.detach() + shift))
        assert (other.sum(dim=1) > least.detach().sum(dim=1)).all()


@pytest.mark.parametrize("kind", [kind for kind in BOX_LOSSES if kind != "ciou"])  # its weight is held constant
def test_gradients_are_those_of_small_differences(kind):
    task = random_task(8)
    assert torch.autograd.gradcheck(lambda raw: BOX_LOSSES[kind](replace(task, raw=raw)), (task.raw.requires_grad_(),))


@pytest.mark.parametrize("kind", BOX_LOSSES)
def test_flat_goals_and_absurd_predictions_have_finite_gradients(kind):
    goals = torch.tensor([[5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 16.0, 0.0], [0.0, 0.0, 416.0, 320.0]])
    raw = torch.tensor([[0.0, 0.0, 0.0, 0.0], [40.0, -40.0, 30.0, -30.0], [-90.0, 90.0, -90.0, 14.0]])
    task = BoxTask(raw.requires_grad_(), goals, torch.zeros(3, 2), ANCHORS.float(), LEVEL, NETWORK_SIZE)
    costs = BOX_LOSSES[kind](task)
    costs.sum().backward()
    assert costs.isfinite().all() and raw.grad.isfinite().all()


@pytest.mark.parametrize("kind", BOX_LOSSES)
def test_no_places_cost_nothing(kind):
    task = random_task(0)
    task.raw.requires_grad_()
    total = BOX_LOSSES[kind](task).sum()
    total.backward()
    assert total == 0 and task.raw.grad.shape == (0, 4)


def test_centres_outside_of_the_cell_ask_for_its_border():
    task = random_task(4)
    away = replace(task, goals=task.goals + 500)
    task.raw.requires_grad_()
    darknet_box_loss(away)[:, :2].sum().backward()
    sides = task.goals[:, 2:] - task.goals[:, :2]
    weight = 2 - sides.prod(dim=1, keepdim=True) / (320 * 416)
    torch.testing.assert_close(task.raw.grad[:, :2], weight * (task.raw.detach()[:, :2].sigmoid() - 1))
