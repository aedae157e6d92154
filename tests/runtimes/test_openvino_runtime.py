"""Graphs computed by OpenVINO: PyTorch's predictions, in the precision that it really computes in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from yolov3.errors import UserError
from yolov3.graphs.facts import InnerSuppression
from yolov3.machine.extras import require_extra
from yolov3.runtimes.openvino_runtime import OpenVinoRuntime
from yolov3.selecting.postprocess import Selection, select

CPU = torch.device("cpu")

openvino = require_extra("openvino", "these tests")


def model_of(content: bytes):
    return openvino.Core().read_model(content)


@pytest.mark.parametrize(("outputs", "input_kind"), [("boxes", "uint8"), ("raw", "uint8"), ("darknet", "float32")])
def test_predictions_are_those_of_pytorch(exported, images, by_torch, assert_the_same, outputs, input_kind):
    content, facts = exported(outputs=outputs, input=input_kind)
    runtime = OpenVinoRuntime.open(model_of(content), facts, CPU)
    expected = by_torch(images)
    for given in (images, images.float() / 255, images.to(memory_format=torch.channels_last)):
        assert_the_same(runtime(given), expected)
    assert_the_same(runtime(images[1:2]), by_torch(images[1:2]))


def test_a_file_is_the_same_as_a_model(exported, written, images, by_torch, assert_the_same):
    _, facts = exported()
    runtime = OpenVinoRuntime.open(written("a.xml"), facts, CPU)
    assert_the_same(runtime(images), by_torch(images))


def test_a_dynamic_graph_takes_any_size(exported, images, by_torch, assert_the_same):
    content, facts = exported(dynamic=True)
    runtime = OpenVinoRuntime.open(model_of(content), facts, CPU)
    for given in (images, images[:2, :, :64], images.transpose(2, 3), images[:1, :, :32, :32]):
        assert_the_same(runtime(given), by_torch(given.contiguous()))
    with pytest.raises(UserError, match="images must be multiples of 32"):
        runtime(images[..., :-1])


def test_a_dynamic_graph_may_be_used_as_one_of_a_fixed_size(exported, images, by_torch, assert_the_same):
    content, facts = exported(dynamic=True)
    runtime = OpenVinoRuntime.open(model_of(content), replace(facts, dynamic=False), CPU)
    assert_the_same(runtime(images), by_torch(images))


def test_a_graph_that_suppresses_itself_finds_what_we_find(exported, images, by_torch):
    rules = InnerSuppression(0.1, 0.45, False, 50)
    content, facts = exported(suppressed=rules)
    runtime = OpenVinoRuntime.open(model_of(content), facts, CPU)
    selection = Selection(confidence=0.1, nms_threshold=0.45, max_detections=50)
    for found, expected in zip(select(runtime(images), selection), select(by_torch(images), selection), strict=True):
        assert len(found) == len(expected) > 0
        torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=1e-3)
        torch.testing.assert_close(found.scores, expected.scores, rtol=0, atol=1e-5)
        assert torch.equal(found.labels, expected.labels)


def test_what_it_is_for_people(exported):
    content, facts = exported()
    runtime = OpenVinoRuntime.open(model_of(content), facts, CPU)
    assert (runtime.name, runtime.device, runtime.precision, runtime.num_classes) == ("openvino", "cpu", "float32", 2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_precision_is_the_one_it_computes_in(exported, images, by_torch, assert_the_same, precision):
    """A processor without a type computes in another; it says so, and its numbers tell the same."""
    content, facts = exported()
    runtime = OpenVinoRuntime.open(model_of(content), replace(facts, precision=precision), CPU)
    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    words = {"float32": "FP32", "bfloat16": "BF16", "float16": "FP16"}
    assert words[runtime.precision] in able
    assert runtime.precision == precision or words[precision] not in able
    exact = runtime.precision == "float32"
    assert_the_same(runtime(images), by_torch(images), score=1e-5 if exact else 0.05, box=1e-3 if exact else 5)


def test_a_graph_of_integers_is_called_so(exported):
    content, facts = exported()
    assert OpenVinoRuntime.open(model_of(content), replace(facts, precision="int8"), CPU).precision == "int8"


def test_a_compiled_graph_takes_colour_after_colour(exported, images, by_torch, assert_the_same):
    content, facts = exported()
    runtime = OpenVinoRuntime.of_compiled(openvino.Core().compile_model(model_of(content), "CPU"), facts)
    assert runtime.planes and runtime.precision == "float32"
    assert_the_same(runtime(images), by_torch(images), score=0.05, box=5)


def test_the_model_that_is_given_is_not_changed(exported):
    content, facts = exported()
    model = model_of(content)
    before = [str(each.get_partial_shape()) for each in model.inputs]
    OpenVinoRuntime.open(model, facts, CPU)
    assert [str(each.get_partial_shape()) for each in model.inputs] == before


def test_predictions_stay_as_they_are(exported, images, dense):
    content, facts = exported()
    runtime = OpenVinoRuntime.open(model_of(content), facts, CPU)
    kept = images[:1].clone()
    first = dense(runtime(kept))
    before = [part.clone() for part in first]
    runtime(images[1:2])
    assert all(torch.equal(part, copy) for part, copy in zip(first, before))
    assert torch.equal(kept, images[:1])


def test_another_size_is_refused_with_the_ways_out(exported, images):
    content, facts = exported()
    runtime = OpenVinoRuntime.open(model_of(content), facts, CPU)
    with pytest.raises(UserError, match=r"not 64x64; export it again with --imgsz 64 64, or with --dynamic"):
        runtime(images[:, :, :64])


def test_a_gpu_is_refused(exported, tmp_path):
    content, facts = exported()
    with pytest.raises(
        UserError, match=r"^the graph: OpenVINO computes on CPUs here, not on cuda:1; use --device cpu$"
    ):
        OpenVinoRuntime.open(model_of(content), facts, torch.device("cuda", 1))
    with pytest.raises(UserError, match=r"a\.xml: OpenVINO computes on CPUs here"):
        OpenVinoRuntime.open(tmp_path / "a.xml", facts, torch.device("cuda"))


@pytest.mark.parametrize("content", [b"", b"a text", b"<net/>", b"<net name='a' version='11'><layers/></net>"])
def test_files_that_are_no_graph_are_refused_in_a_line(tmp_path, facts_of, content):
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.xml: OpenVINO cannot use it: .+\Z") as caught:
        OpenVinoRuntime.open(path, facts_of(), CPU)
    assert "\n" not in str(caught.value)


def test_a_graph_without_its_numbers_is_refused(written, facts_of):
    path = written("a.xml")
    path.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.xml: OpenVINO cannot use it: "):
        OpenVinoRuntime.open(path, facts_of(), CPU)
    with pytest.raises(UserError, match=r"none\.xml: OpenVINO cannot use it: "):
        OpenVinoRuntime.open(path.with_name("none.xml"), facts_of(), CPU)


AFTER_SEVERAL = """
import faulthandler, signal, sys
from pathlib import Path
import torch
from yolov3.formats.load import open_model
from yolov3.runtimes.opening import RuntimeChoice, open_runtime
faulthandler.enable()
model = open_model(sys.argv[1])
for _ in range(3):  # a new one is there before the old one goes
    runtime = open_runtime(model, model.meaning.preprocessing, RuntimeChoice("cpu"))
    runtime(torch.zeros(1, 3, *model.facts.size, dtype=torch.uint8))
del runtime
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_ctrl_c_is_heard_after_several_were_opened_and_let_go(written):
    """Not a segmentation fault on a stack that one of them took away."""
    done = subprocess.run(
        [sys.executable, "-c", AFTER_SEVERAL, str(written("a.xml"))], capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
