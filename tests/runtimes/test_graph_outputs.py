"""What goes into a graph and comes out of it: any kind of outputs is the same predictions, and wrong sizes are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3.errors import UserError
from yolov3.graphs.detection_graph import DetectionGraph
from yolov3.graphs.facts import InnerSuppression
from yolov3.runtimes.graph_outputs import check_names, check_size, in_the_kind_of, predictions_of, run_graph
from yolov3.selecting.postprocess import Selection, select


@pytest.fixture
def computed(micro):
    """A function that computes what a graph with such facts gives, and the batches that it was given."""
    batches: list[torch.Tensor] = []

    def of(facts):
        graph = DetectionGraph(micro, facts.outputs, facts.input)

        def run(images: torch.Tensor) -> list[np.ndarray]:
            batches.append(images)
            with torch.no_grad():
                return [each.numpy() for each in graph(images)]

        return run

    return of, batches


@pytest.mark.parametrize("outputs", ["boxes", "raw", "darknet"])
@pytest.mark.parametrize("input_kind", ["uint8", "float32"])
@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
def test_all_outputs_are_the_same_predictions(
    computed, images, facts_of, by_torch, assert_the_same, outputs, input_kind, dynamic
):
    facts = facts_of(outputs=outputs, input=input_kind, dynamic=dynamic)
    compute, batches = computed
    for given in (images, images.float() / 255):
        batches.clear()
        found = run_graph(facts, given, compute(facts))
        assert_the_same(found, by_torch(images))
        assert [len(each) for each in batches] == ([3] if dynamic else [1, 1, 1])
        assert all(each.dtype == getattr(torch, input_kind) for each in batches)


def test_bytes_and_fractions_are_turned_into_each_other(facts_of):
    values = torch.arange(256, dtype=torch.uint8)
    of_bytes, of_fractions = facts_of(input="uint8"), facts_of(input="float32")
    fractions = in_the_kind_of(of_fractions, values)
    assert fractions.dtype == torch.float32 and torch.equal(fractions, values.float() / 255)
    assert torch.equal(in_the_kind_of(of_bytes, fractions), values)
    assert in_the_kind_of(of_bytes, values) is values and in_the_kind_of(of_fractions, fractions) is fractions
    outside = torch.tensor([-0.1, 0.4 / 255, 0.6 / 255, 1.1])
    assert in_the_kind_of(of_bytes, outside).tolist() == [0, 0, 1, 255]
    assert outside[0] < 0  # what was given is not changed


def test_survivors_of_a_graph_are_found_again_and_nothing_else(facts_of):
    facts = facts_of(suppressed=InnerSuppression(0.25, 0.45, False, 3))
    boxes = torch.tensor([[[10.0, 10, 40, 50], [12, 10, 40, 50], [0, 0, 9, 9]], [[1.0, 2, 3, 4], [0] * 4, [0] * 4]])
    scores = torch.tensor([[0.9, 0.8, 0.3], [0.5, 0.0, 0.0]])
    labels = torch.tensor([[1, 0, 1], [0, 0, 0]])
    outputs = [boxes.numpy(), scores.numpy(), labels.numpy(), np.array([3, 1])]
    first, second = select(
        predictions_of(facts, outputs, torch.zeros(2, 3, 96, 64)), Selection(confidence=0.25, nms_threshold=0.45)
    )
    assert first.scores.tolist() == pytest.approx([0.9, 0.8, 0.3]) and first.labels.tolist() == [1, 0, 1]
    assert torch.equal(first.boxes, boxes[0])
    assert second.scores.tolist() == [0.5] and second.labels.tolist() == [0]


def test_a_static_graph_takes_its_own_size_and_no_other(facts_of, computed, images):
    facts = facts_of()
    check_size(facts, (96, 64))
    for height, width in ((64, 96), (128, 64), (95, 64)):
        with pytest.raises(UserError) as caught:
            check_size(facts, (height, width))
        assert str(caught.value) == (
            f"this graph was exported for images of 96x64 (height x width), not {height}x{width}; export it again with "
            f"--imgsz {height} {width}, or with --dynamic for any size"
        )
    with pytest.raises(UserError, match="exported for images of 96x64"):
        run_graph(facts, images[..., :32], computed[0](facts))
    assert not computed[1]


def test_a_dynamic_graph_takes_all_multiples_of_its_stride(facts_of):
    facts = facts_of(dynamic=True)
    for size in ((32, 32), (96, 64), (320, 32)):
        check_size(facts, size)
    for height, width in ((33, 32), (32, 48)):
        with pytest.raises(UserError, match=rf"^images must be multiples of 32 high and wide, found {height}x{width}$"):
            check_size(facts, (height, width))


def test_a_graph_that_is_another_than_it_says_is_refused(facts_of):
    facts = facts_of()
    names = list(facts.output_names)
    check_names("a.onnx", facts, [facts.input_name], names)
    for inputs, outputs in (([facts.input_name, "more"], names), (["frame"], names), ([facts.input_name], names[:2])):
        with pytest.raises(UserError, match=r"a\.onnx: is not the graph that it says to be: it takes "):
            check_names("a.onnx", facts, inputs, outputs)
