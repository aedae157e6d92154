"""Networks of Darknet's language as a whole: the contract, the memory, the refusals."""

from __future__ import annotations

import weakref

import pytest
import torch

from yolov3.darknet import plan as plans
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph, build_graph
from yolov3.darknet.plan import NetworkPlan
from yolov3.darknet.trace import PlanError

ANCHORS = ((10.0, 13.0), (16.0, 30.0))


def convolution(source: int, filters: int, size: int = 3, stride: int = 1, **more) -> plans.ConvolutionPlan:
    settings = {"activation": "leaky", "batch_normalise": True, "padding": size // 2} | more
    return plans.ConvolutionPlan(sources=(source,), filters=filters, size=size, stride=(stride, stride), **settings)


def detector(*, classes: int = 2, size: tuple[int, int] = (64, 96)) -> NetworkPlan:
    filters = len(ANCHORS) * (5 + classes)
    head = {"activation": "linear", "batch_normalise": False}
    yolo = {"anchors": ANCHORS, "num_classes": classes}
    layers = (
        convolution(-1, 4, stride=2),
        convolution(0, 8, stride=2),
        convolution(1, 8),
        plans.DropoutPlan(sources=(2,), probability=0.2),
        plans.ShortcutPlan(sources=(3, 1)),
        convolution(4, filters, 1, **head),
        plans.YoloPlan(sources=(5,), **yolo),
        plans.RoutePlan(sources=(4,)),
        plans.UpsamplePlan(sources=(7,), stride=2),
        plans.RoutePlan(sources=(8, 0)),
        convolution(9, filters, 1, **head),
        plans.YoloPlan(sources=(10,), **yolo),
    )
    return NetworkPlan((3, *size), layers)


def test_graph_keeps_the_contract_of_a_network():
    network = build_graph(detector()).eval()
    assert isinstance(network, DarknetGraph)
    assert network.num_classes == 2
    assert [(level.stride, level.anchors) for level in network.levels] == [(4, ANCHORS), (2, ANCHORS)]
    for mode in (network.eval(), network.train()):
        maps = mode(torch.rand(2, 3, 32, 64))
        assert [tuple(m.shape) for m in maps] == [(2, 2, 8, 16, 7), (2, 2, 16, 32, 7)]
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.rand(1, 3, 30, 32))


def test_a_batch_of_two_is_two_batches_of_one():
    network = build_graph(detector()).eval()
    images = torch.rand(2, 3, 32, 32)
    both, first, second = network(images), network(images[:1]), network(images[1:])
    for together, *alone in zip(both, first, second):
        torch.testing.assert_close(together, torch.cat(alone))


def test_every_layer_takes_what_its_plan_says():
    network = build_graph(detector()).double().eval()
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        found = network(image)
        outputs = {-1: image}
        for number, (layer, plan) in enumerate(zip(network.layers, network.plan.layers)):
            outputs[number] = layer(*(outputs[source].clone() for source in plan.sources))
    for maps, (number, _) in zip(found, network.plan.yolo_layers, strict=True):
        assert torch.equal(maps, outputs[number])


def test_the_images_may_be_read_by_a_late_layer():
    layers = (
        convolution(-1, 4),
        convolution(0, 3),
        plans.RoutePlan(sources=(1, -1)),
        convolution(2, 14, 1, activation="linear", batch_normalise=False),
        plans.YoloPlan(sources=(3,), anchors=ANCHORS, num_classes=2),
    )
    network = build_graph(NetworkPlan((3, 8, 8), layers)).eval()
    images = torch.rand(1, 3, 8, 8)
    before = images.clone()
    assert network(images)[0].shape == (1, 2, 8, 8, 7)
    assert torch.equal(images, before)


def test_heads_start_calm():
    network = build_graph(detector(classes=3))
    for maps in network(torch.rand(1, 3, 64, 64)):
        assert maps[..., 4].sigmoid().mean().item() == pytest.approx(0.01, rel=0.3)
        assert maps[..., 5:].sigmoid().mean().item() == pytest.approx(0.25, rel=0.3)


def test_outputs_are_let_go_when_nobody_needs_them():
    layers = [convolution(i - 1, 4) for i in range(20)]
    layers += [convolution(19, 14, 1, activation="linear", batch_normalise=False)]
    layers += [plans.YoloPlan(sources=(20,), anchors=ANCHORS, num_classes=2)]
    network = DarknetGraph(NetworkPlan((3, 32, 32), tuple(layers))).eval()
    made: list[weakref.ref] = []
    alive: list[int] = []

    def watch(module, inputs, output):
        alive.append(sum(ref() is not None for ref in made))
        made.append(weakref.ref(output))

    for layer in network.layers:
        layer.register_forward_hook(watch)
    with torch.no_grad():
        network(torch.rand(1, 3, 32, 32))
    assert max(alive) <= 1


def test_dropout_changes_what_later_layers_read_as_in_darknet():
    layers = (
        convolution(-1, 4, 1, activation="linear", batch_normalise=False),
        plans.DropoutPlan(sources=(0,), probability=0.5),
        plans.RoutePlan(sources=(0,)),
        plans.RoutePlan(sources=(1,)),
        plans.RoutePlan(sources=(2, 3)),
        convolution(4, 14, 1, activation="linear", batch_normalise=False),
        plans.YoloPlan(sources=(5,), anchors=ANCHORS, num_classes=2),
    )
    network = DarknetGraph(NetworkPlan((3, 8, 8), layers)).train()
    seen = []
    network.layers[4].register_forward_hook(lambda module, inputs, output: seen.append(inputs))
    network(torch.rand(1, 3, 8, 8))
    before, after = seen[0]
    assert (after == 0).any()
    assert torch.equal(before, after)


def test_a_classifier_gives_logits():
    layers = (
        convolution(-1, 4, stride=2),
        convolution(0, 5, 1, activation="linear", batch_normalise=False),
        plans.AveragePoolPlan(sources=(1,)),
        plans.SoftmaxPlan(sources=(2,)),
        plans.CostPlan(sources=(3,)),
    )
    network = build_graph(NetworkPlan((3, 16, 16), layers)).eval()
    assert isinstance(network, DarknetClassifierGraph)
    logits = network(torch.rand(2, 3, 32, 32))
    assert logits.shape == (2, 5)
    assert network.num_classes == 5
    assert not torch.allclose(logits.sum(1), torch.ones(2))


def test_a_detector_needs_yolo_layers_of_one_kind():
    with pytest.raises(PlanError, match="no \\[yolo\\] layer"):
        DarknetGraph(NetworkPlan((3, 32, 32), (convolution(-1, 4),)))
    with pytest.raises(PlanError, match="neither"):
        build_graph(NetworkPlan((3, 32, 32), (convolution(-1, 4),)))
    with pytest.raises(PlanError, match="do not divide"):
        build_graph(NetworkPlan((3, 66, 96), detector().layers[:7]))
    mixed = list(detector().layers)
    mixed[10] = convolution(9, 16, 1, activation="linear", batch_normalise=False)
    mixed[11] = plans.YoloPlan(sources=(10,), anchors=ANCHORS, num_classes=3)
    with pytest.raises(PlanError, match="same classes"):
        build_graph(NetworkPlan((3, 64, 96), tuple(mixed)))
    after_yolo = (*detector().layers, plans.RoutePlan(sources=(11,)))
    with pytest.raises(PlanError, match="a final layer"):
        build_graph(NetworkPlan((3, 64, 96), after_yolo))
