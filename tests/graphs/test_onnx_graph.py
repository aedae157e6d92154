"""Networks as ONNX graphs: onnxruntime gives PyTorch's numbers, for every network, any size, and both precisions."""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from yolov3.darknet.cfg_to_plan import graph_from_text
from yolov3.errors import UserError
from yolov3.graphs.detection_graph import DetectionGraph
from yolov3.graphs.facts import InnerSuppression
from yolov3.graphs.onnx_graph import LARGEST_SIDE, OPERATORS, onnx_of
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Suppression

RULES = InnerSuppression(0.25, 0.45, False, 20)

DEPTHWISE = (
    "[net]\nwidth=64\nheight=96\nchannels=3\n"
    + "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation=swish\n"
    + "[convolutional]\nfilters=8\ngroups=8\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation=leaky\n" * 2
    + "[convolutional]\nfilters=8\nsize=1\nbatch_normalize=1\nactivation=relu\n"
    + "[convolutional]\nfilters=8\ngroups=8\nsize=3\nstride=1\npad=1\nbatch_normalize=1\nactivation=leaky\n"
    + "[dropout]\nprobability=.2\n[shortcut]\nfrom=-3\nactivation=linear\n"
    + "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n[yolo]\nanchors=10,14, 23,27\nnum=2\nclasses=2\n"
)
NEW_COORDINATES = (
    "[net]\nwidth=64\nheight=96\nchannels=3\n"
    + "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation=mish\n" * 4
    + "[maxpool]\nsize=5\nstride=1\n[route]\nlayers=-1,-2\n[upsample]\nstride=2\n"
    + "[convolutional]\nfilters=14\nsize=1\nactivation=logistic\n"
    + "[yolo]\nanchors=10,14, 23,27\nnum=2\nclasses=2\nnew_coords=1\nscale_x_y=2.0\n"
)


def images_of(batch: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 3, height, width), generator=generator, dtype=torch.uint8)


def session_of(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def assert_the_same(session, network, facts, images, *, tolerance: float = 1e-4) -> None:
    """Whether a graph gives what the network gives; boxes, which are pixels, in parts of their size."""
    with torch.no_grad():
        expected = DetectionGraph(network, facts.outputs, facts.input)(images)
    found = session.run(list(facts.output_names), {facts.input_name: images.numpy()})
    assert len(found) == len(expected)
    for mine, own in zip(found, expected, strict=True):
        assert mine.dtype == np.float32
        torch.testing.assert_close(
            torch.from_numpy(mine), own, rtol=tolerance, atol=tolerance * max(1, own.abs().max())
        )


@pytest.mark.parametrize(
    ("outputs", "input_kind"), [("boxes", "uint8"), ("boxes", "float32"), ("raw", "uint8"), ("darknet", "float32")]
)
def test_a_static_graph_gives_the_networks_numbers(micro, facts_of, outputs, input_kind):
    facts = facts_of(micro, outputs=outputs, input=input_kind)
    model = onnx_of(micro, facts)
    session = session_of(model)
    images = images_of(1, 96, 64)
    assert_the_same(session, micro, facts, images if input_kind == "uint8" else images / 255)
    (given,) = session.get_inputs()
    assert (given.name, given.shape, given.type) == (
        facts.input_name,
        [1, 3, 96, 64],
        "tensor(uint8)" if input_kind == "uint8" else "tensor(float)",
    )
    assert tuple(each.name for each in session.get_outputs()) == facts.output_names
    assert {each.domain: each.version for each in model.opset_import} == {"": OPERATORS}


@pytest.fixture(scope="module")
def dynamic(micro, facts_of):
    """A graph for any size, and what it says of itself."""
    facts = facts_of(micro, (64, 64), dynamic=True)
    return session_of(onnx_of(micro, facts)), facts


@pytest.mark.parametrize("size", [(64, 64), (64, 96), (128, 64), (32, 32), (32, 320)])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_dynamic_graph_takes_any_number_of_images_of_any_size(dynamic, micro, size, batch):
    session, facts = dynamic
    assert_the_same(session, micro, facts, images_of(batch, *size))


def test_a_dynamic_graph_says_so(dynamic):
    batch, colours, *sides = dynamic[0].get_inputs()[0].shape
    assert isinstance(batch, str) and colours == 3 and all(isinstance(side, str) for side in sides)
    assert LARGEST_SIDE % 32 == 0


def test_tiny_yolov3_is_the_same_as_a_graph(fill, facts_of):
    network = fill(YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625))
    facts = facts_of(network, (64, 96))
    assert_the_same(session_of(onnx_of(network, facts)), network, facts, images_of(1, 64, 96))


@pytest.mark.parametrize("text", [DEPTHWISE, NEW_COORDINATES], ids=["depthwise", "new coordinates"])
def test_networks_of_darknets_language_are_the_same(fill, facts_of, text):
    network = fill(graph_from_text(text))
    facts = facts_of(network)
    assert_the_same(session_of(onnx_of(network, facts)), network, facts, images_of(1, 96, 64))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["yolov3", "yolov3-spp", "yolov3-tiny"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_yolov3_in_all_its_variants_is_the_same(fill, facts_of, variant, dynamic):
    network = fill(YOLOv3(variant=variant, num_classes=2, width=0.0625), gain=1.0)
    facts = facts_of(network, (64, 96), dynamic=dynamic)
    session = session_of(onnx_of(network, facts))
    for batch, size in ((1, (64, 96)), *([(3, (64, 96)), (2, (128, 64))] if dynamic else [])):
        assert_the_same(session, network, facts, images_of(batch, *size))


@pytest.mark.slow
@pytest.mark.parametrize("text", [DEPTHWISE, NEW_COORDINATES], ids=["depthwise", "new coordinates"])
def test_networks_of_darknets_language_are_the_same_at_any_size(fill, facts_of, text):
    network = fill(graph_from_text(text))
    facts = facts_of(network, dynamic=True)
    session = session_of(onnx_of(network, facts))
    for batch, size in ((1, (96, 64)), (3, (64, 96)), (2, (128, 64))):
        assert_the_same(session, network, facts, images_of(batch, *size))


@pytest.mark.slow
@pytest.mark.shared
def test_a_foreign_real_network_is_the_same(shared, facts_of):
    from yolov3.formats.load import load_model

    network = load_model(shared / "darknet" / "yolo-fastest-1.1.weights").detector()
    facts = facts_of(network, (320, 320))
    assert_the_same(session_of(onnx_of(network, facts)), network, facts, images_of(1, 320, 320))


def test_half_precision_is_near_and_comes_out_in_float32(micro, micro_graph, facts_of):
    facts = facts_of(micro, precision="float16")
    model = onnx_of(micro, facts)
    kinds = {each.data_type for each in model.graph.initializer if each.name.endswith("convolution.weight")}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert len(model.SerializeToString()) < len(micro_graph[0])
    assert_the_same(session_of(model), micro, facts, images_of(1, 96, 64), tolerance=0.02)


def test_the_network_is_not_changed_and_the_exporter_says_nothing(fill, micro_cfg, facts_of, capfd):
    network = fill(graph_from_text(micro_cfg)).train()
    before = deepcopy(network.state_dict())
    modes = [part.training for part in network.modules()]
    levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")}
    onnx_of(network, facts_of(network, outputs="raw", precision="float16"))
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)
    assert [part.training for part in network.modules()] == modes
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert torch.is_grad_enabled()
    assert {name: logging.getLogger(name).level for name in levels} == levels
    assert capfd.readouterr() == ("", "")


def test_a_graph_may_suppress_boxes_itself(micro, facts_of):
    facts = facts_of(micro, suppressed=RULES)
    session = session_of(onnx_of(micro, facts))
    images = images_of(1, 96, 64)
    boxes, scores, labels, count = session.run(list(facts.output_names), {"images": images.numpy()})
    assert boxes.shape == (1, 20, 4) and scores.shape == labels.shape == (1, 20) and 0 < count[0] <= 20
    assert (scores[0, : count[0]] > RULES.confidence).all() and not scores[0, count[0] :].any()


def test_suppression_by_diou_is_refused_with_the_way_out(micro, facts_of):
    facts = facts_of(micro, suppressed=RULES)
    facts = replace(facts, meaning=replace(facts.meaning, suppression=Suppression("diou")))
    with pytest.raises(UserError) as caught:
        onnx_of(micro, facts)
    assert str(caught.value) == (
        "this model's boxes suppress each other by DIoU, which no graph can do by itself; export without --nms: whoever "
        "runs the graph suppresses afterwards"
    )
