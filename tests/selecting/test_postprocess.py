"""From predictions to detections: against a slow obvious suppression, at the thresholds, and on broken numbers."""

from __future__ import annotations

import logging

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.codec import decode
from yolov3.geometry import Geometry
from yolov3.models.yolov3 import YOLOv3
from yolov3.selecting.postprocess import Selection, postprocess, select
from yolov3.structures import DensePredictions, Preprocessing, Suppression

DIOU = Suppression("diou", 0.6)


def random_predictions(seed: int, *, batch: int = 2, places: int = 60, classes: int = 4) -> DensePredictions:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(batch, places, 2, generator=generator) * 200 - 50  # some reach outside: negative coordinates
    sides = 5 + torch.rand(batch, places, 2, generator=generator) * 120
    return DensePredictions(
        torch.cat((corners, corners + sides), dim=-1),
        torch.rand(batch, places, generator=generator),
        torch.rand(batch, places, classes, generator=generator),
    )


def slow_iou(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union > 0 else 0.0


def slow_diou(a: list[float], b: list[float], exponent: float) -> float:
    hull = [max(a[i + 2], b[i + 2]) - min(a[i], b[i]) for i in (0, 1)]
    distance = [(a[i] + a[i + 2] - b[i] - b[i + 2]) / 2 for i in (0, 1)]
    return slow_iou(a, b) - (sum(d * d for d in distance) / sum(h * h for h in hull)) ** exponent


def slow_select(predictions: DensePredictions, image: int, rule: Selection) -> list[tuple[float, int, list[float]]]:
    """Darknet's way: per class, best first, one after another."""
    waiting = []
    for place, objectness in enumerate(predictions.objectness[image].tolist()):
        if not objectness > rule.confidence:
            continue
        scores = [(objectness * p, label) for label, p in enumerate(predictions.classes[image, place].tolist())]
        if not rule.multi_label:
            scores = [max(scores)]
        box = predictions.boxes[image, place].tolist()
        waiting += [(s, label, box) for s, label in scores if s > rule.confidence]
    waiting.sort(key=lambda entry: -entry[0])
    kept: list[tuple[float, int, list[float]]] = []
    for score, label, box in waiting:
        rivals = [b for _, other, b in kept if rule.class_agnostic or other == label]
        if rule.suppression.kind == "iou":
            beaten = any(slow_iou(box, b) > rule.nms_threshold for b in rivals)
        else:
            beaten = any(slow_diou(b, box, rule.suppression.exponent) > rule.nms_threshold for b in rivals)
        if not beaten:
            kept.append((score, label, box))
    return kept[: rule.max_detections]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.booleans(),
    st.booleans(),
    st.sampled_from([Suppression(), DIOU, Suppression("diou", 1.0)]),
)
def test_equals_the_obvious_suppression(seed, multi_label, class_agnostic, suppression):
    rule = Selection(
        confidence=0.2,
        nms_threshold=0.4,
        suppression=suppression,
        multi_label=multi_label,
        class_agnostic=class_agnostic,
    )
    predictions = random_predictions(seed)
    for image, found in enumerate(select(predictions, rule)):
        expected = slow_select(predictions, image, rule)
        assert found.scores.tolist() == pytest.approx([score for score, _, _ in expected])
        assert found.labels.tolist() == [label for _, label, _ in expected]
        assert torch.allclose(found.boxes, torch.tensor([box for _, _, box in expected]).reshape(-1, 4))


def test_thresholds_are_exceeded_strictly():
    box = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 20.0]]])
    predictions = DensePredictions(box, torch.tensor([[0.5, 0.75]]), torch.ones(1, 2, 1))
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


@pytest.mark.parametrize("suppression", [Suppression(), DIOU], ids=["iou", "diou"])
def test_nothing_found_and_nothing_asked(suppression):
    predictions = random_predictions(1)
    for found in select(predictions, Selection(confidence=1.0, suppression=suppression)):
        assert len(found) == 0 and found.boxes.shape == (0, 4)
    nothing = DensePredictions(torch.zeros(1, 0, 4), torch.zeros(1, 0), torch.zeros(1, 0, 3))
    assert len(select(nothing, Selection(suppression=suppression))[0]) == 0
    assert (
        postprocess(DensePredictions(torch.zeros(0, 9, 4), torch.zeros(0, 9), torch.zeros(0, 9, 3)), [], Selection())
        == []
    )


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
    caplog.clear()
    select(random_predictions(2), Selection())
    assert not caplog.records


def test_a_batch_of_two_is_two_batches_of_one_in_pixels_of_the_images():
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=3).eval()
    images = torch.rand(2, 3, 96, 128)
    preprocessing = Preprocessing(size=(96, 128))
    geometries = [Geometry.fit((300, 500), preprocessing), Geometry.fit((50, 20), preprocessing)]
    rule = Selection(confidence=0.002, multi_label=True, max_detections=20)
    with torch.inference_mode():
        both = postprocess(decode(network(images), network.levels), geometries, rule, ("a", "b", "c"))
        alone = [
            postprocess(decode(network(images[i : i + 1]), network.levels), geometries[i : i + 1], rule)[0]
            for i in range(2)
        ]
    for together, single, geometry in zip(both, alone, geometries):
        assert len(together) == len(single) > 0
        assert torch.allclose(together.boxes, single.boxes, atol=1e-2)
        assert torch.equal(together.labels, single.labels) and torch.allclose(together.scores, single.scores)
        height, width = geometry.image_size
        assert together.boxes.min() >= 0
        assert together.boxes[:, 2].max() <= width and together.boxes[:, 3].max() <= height
        assert together.name_of(int(together.labels[0])) in "abc"


def test_the_best_come_first_and_equals_in_the_order_of_their_places():
    boxes = torch.tensor([[[float(20 * i), 0, 20 * i + 10, 10] for i in range(4)]])
    predictions = DensePredictions(boxes, torch.tensor([[0.5, 0.9, 0.5, 0.9]]), torch.ones(1, 4, 1))
    for suppression in (Suppression(), DIOU):
        found = select(predictions, Selection(suppression=suppression))[0]
        assert found.boxes[:, 0].tolist() == [20, 60, 0, 40]


def test_classes_are_apart_unless_told_otherwise():
    box = torch.tensor([[[-60.0, -60.0, -10.0, -10.0]] * 2])  # at negative coordinates too
    predictions = DensePredictions(box, torch.tensor([[0.9, 0.8]]), torch.eye(2)[None])
    for suppression in (Suppression(), DIOU):
        assert select(predictions, Selection(suppression=suppression))[0].labels.tolist() == [0, 1]
        together = Selection(suppression=suppression, class_agnostic=True)
        assert select(predictions, together)[0].labels.tolist() == [0]


def test_what_lies_in_the_border_is_left_out_and_the_rest_clipped():
    geometry = Geometry.fit((100, 200), Preprocessing(size=(416, 416)))  # 208 rows of the image, 104 above and below
    boxes = torch.tensor([[[10.0, 5, 60, 100], [10, 60, 60, 204], [0, 104, 416, 312], [-90, 200, -5, 250]]])
    predictions = DensePredictions(boxes, torch.tensor([[0.9, 0.8, 0.7, 0.6]]), torch.ones(1, 4, 1))
    (found,) = postprocess(predictions, [geometry], Selection())
    assert torch.allclose(found.scores, torch.tensor([0.8, 0.7]))
    assert torch.allclose(found.boxes, torch.tensor([[10 / 2.08, 0, 60 / 2.08, 100 / 2.08], [0, 0, 200, 100]]))


def test_diou_compares_boxes_relative_to_the_image():
    """Stretched to a square, boxes side by side in a wide image are as far apart as boxes one below the other."""
    boxes = torch.tensor([[[0.0, 0, 40, 40], [12, 0, 52, 40]]])
    predictions = DensePredictions(boxes, torch.tensor([[0.9, 0.8]]), torch.ones(1, 2, 1))
    scales = [(400.0, 40.0)]
    relative = boxes[0].double() / torch.tensor([400.0, 40.0] * 2)
    plain, scaled = slow_diou(*boxes[0].tolist(), 0.6), slow_diou(*relative.tolist(), 0.6)
    assert scaled - plain > 0.05
    rule = Selection(nms_threshold=(plain + scaled) / 2, suppression=DIOU)
    assert len(select(predictions, rule)[0]) == 2
    assert len(select(predictions, rule, scales=scales)[0]) == 1
    wide = Geometry.fit((40, 400), Preprocessing(size=(416, 416)))  # as wide as the input and 41 pixels high
    inside = DensePredictions(
        torch.from_numpy(wide.boxes_to_network(boxes[0].numpy()))[None], predictions.objectness, predictions.classes
    )
    assert len(postprocess(inside, [wide], rule)[0]) == 1


def test_every_image_needs_its_geometry():
    with pytest.raises((ValueError, IndexError)):
        postprocess(random_predictions(0), [Geometry.fit((10, 10), Preprocessing())], Selection())


def test_huge_numbers_of_candidates_are_cut_before_they_are_compared():
    predictions = random_predictions(5, batch=1, places=20_000, classes=10)
    rule = Selection(confidence=0.0, multi_label=True, max_candidates=1000, max_detections=100)
    (found,) = select(predictions, rule)
    assert 0 < len(found) <= 100
    scores = (predictions.objectness[0, :, None] * predictions.classes[0]).flatten()
    assert found.scores.min() >= scores.topk(1000).values[-1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"confidence": 1.5}, r"confidence must lie in \[0, 1\], found 1.5"),
        ({"confidence": float("nan")}, "confidence must lie"),
        ({"nms_threshold": -0.1}, r"nms_threshold must lie in \[0, 1\], found -0.1"),
        ({"max_detections": 0}, "max_detections must be at least 1, found 0"),
        ({"max_candidates": -3}, "max_candidates must be at least 1, found -3"),
    ],
)
def test_impossible_rules_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Selection(**wrong)
