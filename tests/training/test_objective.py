"""A batch divided into parts whose losses add up to that of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from yolov3.assign import assign
from yolov3.batches.classification import LabelledImages
from yolov3.config.learning import LossSection
from yolov3.loss import detection_loss
from yolov3.models.yolov3 import YOLOv3
from yolov3.processes.world import World
from yolov3.structures import Batch, Sample, Targets
from yolov3.training.objective import ClassificationObjective, DetectionObjective

SIDE = 64


def batch_of(*boxes_each: int, seed: int = 0) -> Batch:
    """Images of noise with so many random boxes each."""
    generator = torch.Generator().manual_seed(seed)
    total, count = sum(boxes_each), len(boxes_each)
    corners = torch.rand(total, 2, generator=generator) * SIDE / 2
    sides = torch.rand(total, 2, generator=generator) * SIDE / 2 + 4
    targets = Targets(
        torch.cat((corners, corners + sides), dim=1).clamp(max=SIDE),
        torch.randint(3, (total,), generator=generator),
        torch.arange(count).repeat_interleave(torch.tensor(boxes_each)),
        torch.rand(total, generator=generator) < 0.2,
        torch.rand(total, generator=generator),
    )
    nothing = np.zeros(0)
    sample = Sample(Path("noise.jpg"), (SIDE, SIDE), np.zeros((0, 4)), nothing, nothing, nothing, 0)
    return Batch(torch.rand(count, 3, SIDE, SIDE, generator=generator), targets, (sample,) * count)


@pytest.fixture(scope="module")
def network() -> YOLOv3:
    torch.manual_seed(0)
    return YOLOv3(variant="yolov3-tiny", width=0.125, num_classes=3).eval()


@pytest.mark.parametrize(
    ("count", "parts", "sizes"),
    [
        (8, 1, [8]),
        (8, 2, [4, 4]),
        (8, 3, [3, 3, 2]),
        (8, 8, [1] * 8),
        (3, 8, [1, 1, 1]),
        (5, 4, [2, 2, 1]),
        (1, 1, [1]),
    ],
)
def test_a_batch_in_at_most_so_many_equal_parts(network, count, parts, sizes):
    batch = batch_of(*[2] * count)
    labels = LabelledImages(batch.images, torch.zeros(count, dtype=torch.int64), ())
    for objective, given in ((DetectionObjective(network, LossSection()), batch), (ClassificationObjective(), labels)):
        divided = objective.divide(given, batch.images, parts=parts, world=World())
        assert [len(part.images) for part in divided] == sizes
        assert torch.equal(torch.cat([part.images for part in divided]), batch.images)


@pytest.mark.parametrize("normaliser", ["batch", "positives"])
@pytest.mark.parametrize("boxes_each", [(3, 0, 5, 1, 2), (0, 0, 0, 0, 0), (0, 9, 0, 0, 0)])
def test_the_parts_add_up_to_the_loss_of_the_whole(network, boxes_each, normaliser):
    batch, settings = batch_of(*boxes_each), LossSection(normaliser=normaliser, assigner="multi_anchor")
    with torch.no_grad():
        raw = network(batch.images)
    whole = assign(batch.targets, network.levels, settings, network_size=batch.size, num_classes=3)
    places = sum(float(level.weights.sum()) for level in whole.levels)  # of mixed images they count in part
    divisor = float(len(batch)) if normaliser == "batch" else max(1.0, places)
    expected = detection_loss(raw, network.levels, whole, settings, divisor=divisor).detached()
    for parts in (1, 2, 5):
        divided = DetectionObjective(network, settings).divide(batch, batch.images, parts=parts, world=World())
        with torch.no_grad():
            found = [part.loss(network(part.images)).detached() for part in divided]
        torch.testing.assert_close(torch.stack(found).sum(dim=0), expected, atol=1e-4, rtol=1e-4)


def test_the_names_of_the_terms_are_those_of_the_loss(network):
    batch = batch_of(2, 1)
    objective = DetectionObjective(network, LossSection(objectness_weight=0.0, class_weight=0.0))
    (part,) = objective.divide(batch, batch.images, parts=1, world=World())
    terms = dict(zip(objective.term_names, part.loss(network(part.images)).detached().tolist(), strict=True))
    assert terms["box"] > 0 and terms["objectness"] == terms["classes"] == 0


class Crowd(World):
    """Two processes of which the other one has so many answering places."""

    others = 0.0

    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        return (tensor + self.others) / 2


@pytest.mark.parametrize(("normaliser", "asks"), [("positives", True), ("batch", False)])
def test_places_that_answer_are_counted_over_all_processes(network, normaliser, asks):
    """Each process divides by its mean, so that the mean of their gradients is the gradient of all."""
    batch, settings = batch_of(3, 4), LossSection(normaliser=normaliser)
    world = Crowd(size=2)
    with torch.no_grad():
        raw = network(batch.images)
        whole = assign(batch.targets, network.levels, settings, network_size=batch.size, num_classes=3)
        own = float(whole.count_positives())
        assert own > 1
        losses = []
        for others in (own, 3 * own):
            Crowd.others = others
            (part,) = DetectionObjective(network, settings).divide(batch, batch.images, parts=1, world=world)
            losses.append(float(part.loss(raw).total))
    assert losses[1] == pytest.approx(losses[0] / 2 if asks else losses[0], rel=1e-6)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_the_cross_entropies_of_the_parts_add_up_to_the_mean(parts):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 5, generator=generator).double().requires_grad_()
    labels = torch.randint(5, (7,), generator=generator)
    images = torch.arange(7.0)[:, None, None, None].expand(7, 3, 1, 1)  # each image is its number
    batch = LabelledImages(images, labels, ())
    divided = ClassificationObjective().divide(batch, images, parts=parts, world=World())
    terms = [part.loss(logits[part.images[:, 0, 0, 0].long()]) for part in divided]
    total = torch.stack([term.total for term in terms]).sum()
    expected = functional.cross_entropy(logits.float(), labels)
    torch.testing.assert_close(total, expected)
    assert [tuple(term.detached().shape) for term in terms] == [(1,)] * len(terms)
    assert ClassificationObjective.term_names == ("cross entropy",)
    (found,), (right,) = (torch.autograd.grad(loss, logits, retain_graph=True) for loss in (total, expected))
    torch.testing.assert_close(found, right)


def test_logits_of_half_precision_are_summed_in_full(network):
    logits = torch.full((4, 2), 11.0).half()
    logits[:, 0] = 0
    batch = LabelledImages(torch.zeros(4, 3, 1, 1), torch.zeros(4, dtype=torch.int64), ())
    (part,) = ClassificationObjective().divide(batch, batch.images, parts=1, world=World())
    loss = part.loss(logits).total
    assert loss.dtype == torch.float32 and float(loss) == pytest.approx(np.log1p(np.exp(11.0)), rel=1e-6)
