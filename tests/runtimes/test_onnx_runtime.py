"""Graphs computed by onnxruntime: PyTorch's predictions, whatever goes in and comes out; what cannot be run is refused."""

from __future__ import annotations

import random

import onnx
import pytest
import torch

from yolov3.errors import UserError
from yolov3.graphs.facts import InnerSuppression
from yolov3.runtimes.onnx_runtime import OnnxRuntime
from yolov3.selecting.postprocess import Selection, select

CPU = torch.device("cpu")


@pytest.mark.parametrize(("outputs", "input_kind"), [("boxes", "uint8"), ("raw", "uint8"), ("darknet", "float32")])
def test_predictions_are_those_of_pytorch(exported, images, by_torch, assert_the_same, outputs, input_kind):
    content, facts = exported(outputs=outputs, input=input_kind)
    runtime = OnnxRuntime.open(content, facts, CPU)
    expected = by_torch(images)
    for given in (images, images.float() / 255, images.to(memory_format=torch.channels_last)):
        assert_the_same(runtime(given), expected)
    assert_the_same(runtime(images[1:2]), by_torch(images[1:2]))


def test_a_file_is_the_same_as_its_bytes(exported, written, images, assert_the_same):
    content, facts = exported()
    runtimes = [OnnxRuntime.open(graph, facts, CPU) for graph in (content, written("a.onnx"))]
    assert_the_same(runtimes[0](images), runtimes[1](images), score=0, box=0)


def test_a_dynamic_graph_takes_any_size(exported, images, by_torch, assert_the_same):
    content, facts = exported(dynamic=True)
    runtime = OnnxRuntime.open(content, facts, CPU)
    for given in (images, images[:2, :, :64], images.transpose(2, 3), images[:1, :, :32, :32]):
        assert_the_same(runtime(given), by_torch(given.contiguous()))
    with pytest.raises(UserError, match="images must be multiples of 32"):
        runtime(images[..., :-1])


def test_a_graph_that_suppresses_itself_finds_what_we_find(exported, images, by_torch):
    rules = InnerSuppression(0.1, 0.45, False, 50)
    content, facts = exported(suppressed=rules)
    runtime = OnnxRuntime.open(content, facts, CPU)
    selection = Selection(confidence=0.1, nms_threshold=0.45, max_detections=50)
    for found, expected in zip(select(runtime(images), selection), select(by_torch(images), selection), strict=True):
        assert len(found) == len(expected) > 0
        torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=1e-3)
        torch.testing.assert_close(found.scores, expected.scores, rtol=0, atol=1e-5)
        assert torch.equal(found.labels, expected.labels)


def test_what_it_is_for_people(exported):
    runtime = OnnxRuntime.open(*exported(), CPU)
    assert (runtime.name, runtime.device, runtime.precision, runtime.num_classes) == (
        "onnxruntime", "cpu", "float32", 2
    )  # fmt: skip


def test_another_size_is_refused_with_the_ways_out(exported, images):
    runtime = OnnxRuntime.open(*exported(), CPU)
    with pytest.raises(UserError, match=r"not 64x64; export it again with --imgsz 64 64, or with --dynamic"):
        runtime(images[:, :, :64])


def test_predictions_stay_as_they_are(exported, images, dense):
    runtime = OnnxRuntime.open(*exported(), CPU)
    first = dense(runtime(images[:1]))
    before = [part.clone() for part in first]
    runtime(images[1:2])
    assert all(torch.equal(part, copy) for part, copy in zip(first, before))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_the_installed_library_knows_nothing_of_is_refused(exported, written):
    content, facts = exported()
    words = "the onnxruntime that is installed runs on CPUs only; onnxruntime-gpu runs on cuda:1"
    with pytest.raises(UserError, match=rf"^the graph: {words}$"):
        OnnxRuntime.open(content, facts, torch.device("cuda", 1))
    path = written("a.onnx")
    with pytest.raises(UserError, match=rf"a\.onnx: {words}$"):
        OnnxRuntime.open(path, facts, torch.device("cuda", 1))


def test_bytes_that_are_no_graph_are_refused_in_a_line(facts_of):
    for content in (b"", b"a text", bytes(100), onnx.ModelProto().SerializeToString()):
        with pytest.raises(UserError, match=r"^the graph: onnxruntime cannot use it: .+\Z") as caught:
            OnnxRuntime.open(content, facts_of(), CPU)
        assert "\n" not in str(caught.value)


def test_cut_graphs_are_refused(exported, tmp_path):
    content, facts = exported()
    path = tmp_path / "a.onnx"
    for length in random.Random(0).sample(range(len(content) - 1), 20):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"a\.onnx: onnxruntime cannot use it: "):
            OnnxRuntime.open(path, facts, CPU)


def test_a_missing_file_is_refused(tmp_path, facts_of):
    with pytest.raises(UserError, match=r"none\.onnx: onnxruntime cannot use it: "):
        OnnxRuntime.open(tmp_path / "none.onnx", facts_of(), CPU)
