"""Our networks in Darknet's order: the same arithmetic as the graph of their plan, and known again in a .cfg."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from yolov3.darknet import plan as plans
from yolov3.darknet.cfg import read_cfg
from yolov3.darknet.cfg_to_plan import plan_from_cfg
from yolov3.darknet.graph import build_graph
from yolov3.darknet.native import native_convolutions, native_plan, recognise
from yolov3.darknet.plan import NetworkPlan
from yolov3.darknet.trace import stored_layers
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
NAMES = ("yolov3", "yolov3-spp", "yolov3-tiny", "darknet53")
WIDTH = 1 / 16


def make(name: str, width: float = WIDTH) -> YOLOv3 | Darknet53Classifier:
    if name == "darknet53":
        return Darknet53Classifier(num_classes=10, width=width).eval()
    return YOLOv3(variant=name, num_classes=4, width=width).eval()


def fill(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5, generator=generator) if "var" in name else tensor.normal_(generator=generator)
    return network


@pytest.mark.parametrize("name", NAMES)
def test_our_network_and_the_graph_of_its_plan_are_one(name):
    network = fill(make(name)).double()  # the random weights blow rounding up
    graph = build_graph(native_plan(network, (64, 96))).double().eval()
    with torch.no_grad():
        for number, module in native_convolutions(network).items():
            own = list(module.state_dict().values())
            twin = list(graph.layers[number].state_dict().values())
            assert len(own) == len(twin)
            for target, tensor in zip(twin, own):
                target.copy_(tensor.view(target.shape))
        image = torch.rand(2, 3, 64, 96, dtype=torch.float64)
        found, expected = graph(image), network(image)
    torch.testing.assert_close(found, expected)
    if name != "darknet53":
        assert graph.levels == network.levels


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_has_a_layer_of_the_plan(name):
    network = make(name)
    convolutions = native_convolutions(network)
    assert list(convolutions) == [number for number, _ in stored_layers(native_plan(network, (64, 96)))]
    parameters = {id(p) for module in convolutions.values() for p in module.parameters()}
    assert parameters == {id(p) for p in network.parameters()}


def test_layer_numbers_are_those_of_the_published_files():
    with torch.device("meta"):
        numbers = {v: native_plan(YOLOv3(variant=v), (416, 416)) for v in ("yolov3", "yolov3-spp", "yolov3-tiny")}
    facts = {name: (len(plan.layers), [i for i, _ in plan.yolo_layers]) for name, plan in numbers.items()}
    assert facts == {
        "yolov3": (107, [82, 94, 106]),
        "yolov3-spp": (114, [89, 101, 113]),
        "yolov3-tiny": (24, [16, 23]),
    }


@pytest.mark.parametrize("width", [1.0, 0.5, WIDTH, 0.7])
@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_known_again_by_its_plan(name, width):
    with torch.device("meta"):
        network = make(name, width)
        plan = native_plan(network, (64, 96))
        twin = recognise(plan)
    assert type(twin) is type(network)
    assert native_plan(twin, (64, 96)) == plan
    shapes = {key: tensor.shape for key, tensor in network.state_dict().items()}
    assert {key: tensor.shape for key, tensor in twin.state_dict().items()} == shapes


def test_other_anchors_and_grid_sensitivity_are_known_again():
    anchors = [[[50, 60], [1, 2]], [[10, 12], [3, 4]]]
    network = YOLOv3(variant="yolov3-tiny", num_classes=2, width=WIDTH, anchors=anchors, xy_scale=1.05)
    twin = recognise(native_plan(network, (64, 96)))
    assert isinstance(twin, YOLOv3)
    assert twin.levels == network.levels


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_is_known_again_has_weights_and_computes(name):
    network = recognise(native_plan(make(name), (64, 96)))
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"cpu"}
    with torch.no_grad():
        found = network.eval()(torch.rand(1, 3, 64, 96))
    assert all(bool(maps.isfinite().all()) for maps in (found if isinstance(found, tuple) else (found,)))


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_with_any_other_number_is_none_of_ours(name):
    plan = native_plan(make(name), (64, 96))

    def changed(number: int, **values: object) -> NetworkPlan:
        layers = list(plan.layers)
        layers[number] = dataclasses.replace(layers[number], **values)
        return dataclasses.replace(plan, layers=tuple(layers))

    assert recognise(changed(0, activation="mish")) is None
    assert recognise(changed(0, batch_normalise=False)) is None
    assert recognise(changed(1, padding=7)) is None
    assert recognise(dataclasses.replace(plan, layers=plan.layers[:-1])) is None
    assert recognise(dataclasses.replace(plan, layers=(*plan.layers, plans.CostPlan(sources=(0,))))) is None
    for number, layer in plan.yolo_layers:
        assert recognise(changed(number, new_coordinates=True)) is None
        assert recognise(changed(number, xy_scale=layer.xy_scale + 0.05)) is None
        assert recognise(changed(number, num_classes=layer.num_classes + 1)) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_plan_without_weights_is_none_of_ours(count):
    pools = (plans.AveragePoolPlan(sources=(index - 1,)) for index in range(count))
    assert recognise(NetworkPlan((3, 32, 32), tuple(pools))) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_cfgs_are_our_networks(name):
    with torch.device("meta"):
        network = Darknet53Classifier() if name == "darknet53" else YOLOv3(variant=name)
        plan = plan_from_cfg(read_cfg(CONFIGS / f"{name}.cfg"))
        assert plan == native_plan(network, plan.input_shape[1:])
        assert type(recognise(plan)) is type(network)


@pytest.mark.shared
def test_the_files_at_hand_are_ours_or_graphs(shared):
    micro = shared / "reference" / "darknet_micro"
    with torch.device("meta"):
        known = {path.stem: recognise(plan_from_cfg(read_cfg(path))) for path in micro.glob("*.cfg")}
        assert {stem: type(network).__name__ for stem, network in known.items()} == {
            "yolov3-micro": "YOLOv3",
            "yolov3-spp-micro": "YOLOv3",
            "yolov3-tiny-micro": "YOLOv3",
            "darknet53-micro": "Darknet53Classifier",
        }
        assert recognise(plan_from_cfg(read_cfg(shared / "darknet" / "yolo-fastest-1.1.cfg"))) is None
