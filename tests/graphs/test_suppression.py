"""Suppression within a graph: the same detections as our own, on boxes that overlap much, few, and not at all."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from yolov3.codec import decode
from yolov3.graphs.facts import InnerSuppression
from yolov3.graphs.suppression import append_suppression
from yolov3.selecting.postprocess import Selection, select
from yolov3.structures import Level

INPUTS = ("boxes", "objectness", "classes")
STRIDE, MAP = 8, 6


def suppressing(rules: InnerSuppression, *, places: int, classes: int, batch: int | str = "batch") -> onnx.ModelProto:
    """A graph that is given what a network's would compute, and suppresses it."""
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    shapes = {"boxes": [batch, places, 4], "objectness": [batch, places], "classes": [batch, places, classes]}
    given = [make(f"given_{name}", kind, shape) for name, shape in shapes.items()]
    computed = [make(name, kind, shape) for name, shape in shapes.items()]
    nodes = [onnx.helper.make_node("Identity", [f"given_{name}"], [name]) for name in INPUTS]
    graph = onnx.helper.make_graph(nodes, "graph", given, computed)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    append_suppression(model, rules)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto, parts: tuple[Tensor, Tensor, Tensor]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = {f"given_{name}": part.numpy() for name, part in zip(INPUTS, parts, strict=True)}
    return session.run(["boxes", "scores", "labels", "count"], given)


def crowded(seed: int, *, batch: int = 2, classes: int = 3):
    """Predictions of random maps: boxes of 40 pixels in places that lie 8 pixels apart."""
    generator = torch.Generator().manual_seed(seed)
    level = Level(STRIDE, ((40.0, 40.0), (50.0, 30.0)))
    raw = torch.randn(batch, 2, MAP, MAP, 5 + classes, generator=generator)
    raw[..., 2:4] *= 0.3
    raw[..., 4:] *= 2
    return decode([raw], [level])


def assert_the_same(found: list[np.ndarray], predictions, rules: InnerSuppression) -> list[int]:
    """Whether a graph found what we find; how many in each image."""
    selection = Selection(
        rules.confidence,
        rules.nms_threshold,
        class_agnostic=rules.class_agnostic,
        max_detections=rules.max_detections,
    )
    expected = select(predictions, selection)
    boxes, scores, labels, counts = (torch.from_numpy(each) for each in found)
    assert labels.dtype == counts.dtype == torch.int64
    assert counts.tolist() == [len(each) for each in expected]
    for image, (own, count) in enumerate(zip(expected, counts.tolist())):
        torch.testing.assert_close(boxes[image, :count], own.boxes)
        torch.testing.assert_close(scores[image, :count], own.scores)
        assert torch.equal(labels[image, :count], own.labels)
        assert not scores[image, count:].any()
    return counts.tolist()


@pytest.mark.parametrize("agnostic", [False, True], ids=["by class", "of any class"])
@pytest.mark.parametrize(("confidence", "threshold"), [(0.25, 0.45), (0.001, 0.6), (0.1, 0.2), (0.0, 1.0)])
def test_a_graph_finds_what_we_find(dense, agnostic, confidence, threshold):
    rules = InnerSuppression(confidence, threshold, agnostic, 300)
    model = suppressing(rules, places=2 * MAP * MAP, classes=3)
    numbers = []
    for seed in range(8):
        predictions = crowded(seed)
        numbers += assert_the_same(run(model, dense(predictions)), predictions, rules)
    assert min(numbers) > 0
    assert (max(numbers) < 2 * MAP * MAP) is (threshold < 1)  # above an overlap of 1 lies none


@pytest.mark.parametrize("most", [1, 5, 12, 1000])
@pytest.mark.parametrize("agnostic", [False, True], ids=["by class", "of any class"])
def test_no_more_than_the_best_few_are_kept(dense, agnostic, most):
    rules = InnerSuppression(0.01, 0.7, agnostic, most)
    model = suppressing(rules, places=2 * MAP * MAP, classes=3)
    for seed in range(4):
        predictions = crowded(seed)
        found = run(model, dense(predictions))
        assert found[0].shape == (2, min(most, 2 * MAP * MAP), 4)
        counts = assert_the_same(found, predictions, rules)
        assert most > 12 or counts == [most, most]


@pytest.mark.parametrize("agnostic", [False, True], ids=["by class", "of any class"])
def test_nothing_is_found_where_nothing_is_sure(dense, agnostic):
    rules = InnerSuppression(0.9999, 0.45, agnostic, 7)
    model = suppressing(rules, places=2 * MAP * MAP, classes=3)
    boxes, scores, labels, counts = run(model, dense(crowded(0)))
    assert counts.tolist() == [0, 0] and not scores.any()
    assert boxes.shape == (2, 7, 4) and labels.shape == (2, 7)


def test_images_of_a_batch_do_not_touch_each_other(dense):
    rules = InnerSuppression(0.25, 0.45, False, 50)
    model = suppressing(rules, places=2 * MAP * MAP, classes=3)
    boxes, objectness, classes = dense(crowded(3))
    objectness[0] = 0  # nothing in the first image
    together = run(model, (boxes, objectness, classes))
    alone = run(model, (boxes[1:], objectness[1:], classes[1:]))
    assert together[3].tolist() == [0, alone[3][0]] and alone[3][0] > 0
    for both, own in zip(together, alone, strict=True):
        count = alone[3][0]
        assert np.array_equal(both[1][:count] if both.ndim > 1 else both[1:], own[0][:count] if both.ndim > 1 else own)


def test_a_score_must_be_above_the_threshold_and_an_overlap_too(dense):
    half = torch.tensor([[[0.0, 0.0, 20.0, 10.0], [0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]]])
    objectness = torch.tensor([[0.75, 0.5, 0.25]])
    certain = torch.ones(1, 3, 1)
    for threshold, kept in ((0.5, 2), (0.49, 1)):
        model = suppressing(InnerSuppression(0.25, threshold, False, 9), places=3, classes=1)
        assert run(model, (half, objectness, certain))[3].tolist() == [kept]


def test_other_classes_suppress_each_other_only_where_they_are_to():
    same = torch.tensor([[[0.0, 0.0, 20.0, 20.0], [1.0, 0.0, 21.0, 20.0]]])
    objectness = torch.tensor([[0.9, 0.8]])
    classes = torch.tensor([[[0.9, 0.2], [0.1, 0.9]]])
    for agnostic, labels in ((False, [0, 1]), (True, [0])):
        model = suppressing(InnerSuppression(0.25, 0.5, agnostic, 9), places=2, classes=2)
        found = run(model, (same, objectness, classes))
        assert found[2][0, : found[3][0]].tolist() == labels


def test_boxes_that_are_negative_or_empty_do_no_harm(dense):
    rules = InnerSuppression(0.1, 0.45, False, 50)
    boxes, objectness, classes = dense(crowded(5))
    boxes = boxes - 200
    boxes[:, ::3, 2:] = boxes[:, ::3, :2]
    model = suppressing(rules, places=2 * MAP * MAP, classes=3)
    predictions = type(crowded(5))(boxes, objectness, classes)
    assert_the_same(run(model, (boxes, objectness, classes)), predictions, rules)


def test_a_graph_of_one_image_keeps_its_one(dense):
    rules = InnerSuppression(0.25, 0.45, False, 50)
    model = suppressing(rules, places=2 * MAP * MAP, classes=3, batch=1)
    shapes = [
        [dim.dim_value or dim.dim_param for dim in each.type.tensor_type.shape.dim] for each in model.graph.output
    ]
    assert shapes == [[1, "detections", 4], [1, "detections"], [1, "detections"], [1]]
    predictions = crowded(1, batch=1)
    assert_the_same(run(model, dense(predictions)), predictions, rules)


def test_what_read_the_boxes_before_reads_them_still():
    """The name of the boxes goes over to the survivors."""
    model = suppressing(InnerSuppression(0.25, 0.45, False, 50), places=4, classes=2)
    makers = {output: node.op_type for node in model.graph.node for output in node.output}
    assert makers["all_boxes"] == "Identity" and makers["boxes"] == "Identity"
    assert [each.name for each in model.graph.output] == ["boxes", "scores", "labels", "count"]
    (suppression,) = (node for node in model.graph.node if node.op_type == "NonMaxSuppression")
    assert suppression.input[0] == "all_boxes"
