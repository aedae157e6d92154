"""How far two runtimes lie apart: not at all, as far as was put between them, and which detections are the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3.detections import Detections
from yolov3.export.agreement import compare, match
from yolov3.formats.load import load_model
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection
from yolov3.shapes.scene import draw_image

SELECTION = Selection(confidence=0.3)


def images(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    return [draw_image(generator, (120, 160)).image for _ in range(count)]


def runtime(weights, change=None) -> tuple[TorchRuntime, object]:
    model = load_model(weights)
    if change is not None:
        with torch.no_grad():
            change(model.detector())
    return TorchRuntime.of(model.detector(), torch.device("cpu"), torch.float32), model.meaning.preprocessing


def test_a_model_agrees_with_itself(weights):
    (first, preprocessing), (second, _) = runtime(weights), runtime(weights)
    found = compare(first, second, images(2), preprocessing, SELECTION)
    assert (found.images, found.score, found.box, found.gained, found.lost, found.near) == (2, 0, 0, 0, 0, 0)
    assert found.both > 0


def test_a_difference_is_measured_where_it_is(weights):
    """Every x of the coarse level half a cell to the right, if its logistic were a straight line: at most a quarter."""

    def shift(network):
        network.heads[0].predict.bias.view(3, -1)[:, 0] += 0.5

    (first, preprocessing), (second, _) = runtime(weights), runtime(weights, shift)
    found = compare(first, second, images(1), preprocessing, SELECTION)
    assert found.score == 0 and 1 < found.box <= 32 / 8 + 1e-3


def test_what_only_one_finds_is_counted(weights):
    def silence(network):
        for head in network.heads:
            head.predict.bias.view(3, -1)[:, 4] -= 30

    (first, preprocessing), (second, _) = runtime(weights), runtime(weights, silence)
    one_way = compare(first, second, images(1), preprocessing, SELECTION)
    other_way = compare(second, first, images(1), preprocessing, SELECTION)
    assert one_way.both == other_way.both == 0 and one_way.lost == other_way.gained > 0
    assert one_way.gained == other_way.lost == 0 and one_way.score > 0.3


def detections(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    values = torch.tensor([row[:5] for row in rows]).reshape(-1, 5)
    return Detections(values[:, :4], values[:, 4], torch.tensor([row[5] for row in rows], dtype=torch.int64))


BOX = (0.0, 0.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("first", "second", "pairs", "lost", "gained"),
    [
        ([], [], [], [], []),
        ([(*BOX, 0.5, 0)], [], [], [0.5], []),
        ([], [(*BOX, 0.5, 0)], [], [], [0.5]),
        ([(*BOX, 0.5, 0)], [(*BOX, 0.75, 0)], [(0, 0)], [], []),
        ([(*BOX, 0.5, 0)], [(*BOX, 0.75, 1)], [], [0.5], [0.75]),  # another class is another thing
        ([(*BOX, 0.5, 0)], [(0, 0, 10, 30, 0.75, 0)], [], [0.5], [0.75]),  # IoU 1/3
        ([(*BOX, 0.5, 0), (*BOX, 0.25, 0)], [(0, 0, 10, 12, 0.5, 0), (*BOX, 0.5, 0)], [(0, 1), (1, 0)], [], []),
    ],
)
def test_each_is_paired_with_what_overlaps_it_most(first, second, pairs, lost, gained):
    assert match(detections(*first), detections(*second)) == (pairs, lost, gained)
