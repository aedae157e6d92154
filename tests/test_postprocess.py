"""From predictions to detections: against a slow obvious suppression, at the thresholds, and on broken numbers."""

from __future__ import annotations

import logging

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.boxes import iou_matrix
from yolov3.codec import Predictions
from yolov3.geometry import Geometry
from yolov3.models.yolov3 import YOLOv3
from yolov3.postprocess import Selection, postprocess, select
from yolov3.structures import Preprocessing


def random_predictions(seed: int, *, batch: int = 2, places: int = 60, classes: int = 4) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(batch, places, 2, generator=generator) * 200 - 50  # some reach outside: negative coordinates
    sides = 5 + torch.rand(batch, places, 2, generator=generator) * 120
    return Predictions(
        torch.cat((corners, corners + sides), dim=-1),
        torch.rand(batch, places, generator=generator),
        torch.rand(batch, places, classes, generator=generator),
    )


def slow_diou(a: torch.Tensor, b: torch.Tensor, exponent: float) -> float:
    overlap = float(iou_matrix(a[None].double(), b[None].double()))
    hull = torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])
    distance = ((a[:2] + a[2:] - b[:2] - b[2:]) / 2).square().sum()
    return overlap - float((distance.double() / hull.double().square().sum()) ** exponent)


def slow_select(predictions: Predictions, image: int, rule: Selection) -> list[tuple[float, int, list[float]]]:
    """Darknet's way: per class, best first, one after another."""
    waiting = []
    for place, objectness in enumerate(predictions.objectness[image].tolist()):
        if not objectness > rule.confidence:
            continue
        scores = [(objectness * p, label) for label, p in enumerate(predictions.classes[image, place].tolist())]
        if not rule.multi_label:
            scores = [max(scores)]
        waiting += [(s, label, predictions.boxes[image, place]) for s, label in scores if s > rule.confidence]
    waiting.sort(key=lambda entry: -entry[0])
    kept: list[tuple[float, int, torch.Tensor]] = []
    for score, label, box in waiting:
        rivals = [b for _, other, b in kept if rule.class_agnostic or other == label]
        if rule.nms_kind == "iou":
            beaten = any(float(iou_matrix(box[None].double(), b[None].double())) > rule.nms_threshold for b in rivals)
        else:
            beaten = any(slow_diou(b, box, rule.diou_exponent) > rule.nms_threshold for b in rivals)
        if not beaten:
            kept.append((score, label, box))
    return [(score, label, box.tolist()) for score, label, box in kept[: rule.max_detections]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.sampled_from(["iou", "diou"]))
def test_equals_the_obvious_suppression(seed, multi_label, class_agnostic, kind):
    rule = Selection(
        confidence=0.2, nms_threshold=0.4, nms_kind=kind, multi_label=multi_label, class_agnostic=class_agnostic
    )
    predictions = random_predictions(seed)
    for image, found in enumerate(select(predictions, rule)):
        expected = slow_select(predictions, image, rule)
        assert found.scores.tolist() == pytest.approx([score for score, _, _ in expected])
        assert found.labels.tolist() == [label for _, label, _ in expected]
        assert torch.allclose(found.boxes, torch.tensor([box for _, _, box in expected]).reshape(-1, 4))


def test_thresholds_are_exceeded_strictly():
    box = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 20.0]]])
    predictions = Predictions(box, torch.tensor([[0.5, 0.75]]), torch.ones(1, 2, 1))
    assert len(select(predictions, Selection(confidence=0.5))[0]) == 1
    assert len(select(predictions, Selection(confidence=0.4, nms_threshold=0.5))[0]) == 2  # IoU is exactly 0.5
    assert len(select(predictions, Selection(confidence=0.4, nms_threshold=0.49))[0]) == 1


def test_limits_and_class_filter():
    predictions = random_predictions(3)
    rule = Selection(confidence=0.01, nms_threshold=1.0, multi_label=True)
    everything = select(predictions, rule)[0]
    few = select(predictions, Selection(confidence=0.01, nms_threshold=1.0, multi_label=True, max_detections=5))[0]
    assert torch.equal(few.scores, everything.scores[:5])
    only = select(predictions, Selection(confidence=0.01, multi_label=True, classes=(1, 3)))[0]
    assert set(only.labels.tolist()) <= {1, 3}
    capped = select(predictions, Selection(confidence=0.01, nms_threshold=1.0, multi_label=True, max_candidates=7))[0]
    assert torch.equal(capped.scores, everything.scores[:7])


@pytest.mark.parametrize("kind", ["iou", "diou"])
def test_nothing_found_and_nothing_asked(kind):
    predictions = random_predictions(1)
    for found in select(predictions, Selection(confidence=1.0, nms_kind=kind)):
        assert len(found) == 0 and found.boxes.shape == (0, 4)
    nothing = Predictions(torch.zeros(1, 0, 4), torch.zeros(1, 0), torch.zeros(1, 0, 3))
    assert len(select(nothing, Selection(nms_kind=kind))[0]) == 0


def test_numbers_that_are_not_finite_are_dropped_counted_and_told(caplog):
    predictions = random_predictions(2)
    predictions.boxes[0, 3] = float("nan")
    predictions.boxes[1, 5, 2] = float("inf")
    predictions.objectness[0, 7] = float("nan")
    with caplog.at_level(logging.WARNING):
        found = select(predictions, Selection(confidence=0.0, nms_threshold=1.0))
    assert all(d.boxes.isfinite().all() and d.scores.isfinite().all() for d in found)
    assert [len(d) for d in found] == [58, 59]
    assert "3 predictions were not finite" in caplog.text


def test_a_batch_of_two_is_two_batches_of_one_in_pixels_of_the_images():
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=3).eval()
    images = torch.rand(2, 3, 96, 128)
    preprocessing = Preprocessing(size=(96, 128))
    geometries = [Geometry.fit((300, 500), preprocessing), Geometry.fit((50, 20), preprocessing)]
    rule = Selection(confidence=0.002, multi_label=True, max_detections=20)
    with torch.inference_mode():
        both = postprocess(network(images), network.levels, geometries, rule, ("a", "b", "c"))
        alone = [
            postprocess(network(images[i : i + 1]), network.levels, geometries[i : i + 1], rule)[0] for i in range(2)
        ]
    for together, single, geometry in zip(both, alone, geometries):
        assert len(together) == len(single) > 0
        assert torch.allclose(together.boxes, single.boxes, atol=1e-2)
        height, width = geometry.image_size
        assert together.boxes.min() >= 0
        assert together.boxes[:, 2].max() <= width and together.boxes[:, 3].max() <= height
        assert together.name_of(int(together.labels[0])) in "abc"


def test_impossible_rules_are_refused():
    for wrong in ({"confidence": 1.5}, {"nms_threshold": -0.1}, {"max_detections": 0}):
        with pytest.raises(ValueError, match="must"):
            Selection(**wrong)
