"""From a plan to its .cfg: the same network when it is read again, and a text that Darknet can train."""

from __future__ import annotations

import re

import pytest
import torch

from yolov3.darknet import plan as plans
from yolov3.darknet.cfg import Cfg, parse_cfg, write_cfg
from yolov3.darknet.cfg_to_plan import plan_from_cfg
from yolov3.darknet.native import native_plan
from yolov3.darknet.plan import NetworkPlan
from yolov3.darknet.plan_to_cfg import CLASSIFIER_RECIPE, DETECTOR_RECIPE, YOLO_RECIPE, cfg_from_plan
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import VARIANTS, YOLOv3


def read_again(cfg: Cfg) -> NetworkPlan:
    return plan_from_cfg(parse_cfg(write_cfg(cfg), "x.cfg"))


def options(cfg: Cfg, number: int) -> dict[str, str]:
    return {option.key: option.value for option in cfg.sections[number].options}


def head(source: int, *, classes: int = 2) -> plans.ConvolutionPlan:
    return plans.ConvolutionPlan(
        sources=(source,),
        filters=2 * (5 + classes),
        size=32,
        stride=(32, 32),
        padding=0,
        activation="logistic",
        batch_normalise=False,
    )


EVERY_LAYER = [
    plans.ConvolutionPlan(
        sources=(-1,), filters=8, size=3, stride=(1, 2), padding=0, activation="mish", batch_normalise=True
    ),
    plans.ConvolutionPlan(
        sources=(0,), filters=8, size=3, stride=(1, 1), padding=1, activation="relu6", batch_normalise=False,
        groups=4, dilation=2,
    ),
    plans.BatchNormPlan(sources=(1,)),
    plans.DropoutPlan(sources=(2,), probability=0.25),
    plans.ShortcutPlan(sources=(3, 1, 0), activation="swish"),
    plans.RoutePlan(sources=(4, 1), groups=2, group=1),
    plans.MaxPoolPlan(sources=(5,), size=5, stride=(2, 1), padding=3),
    plans.ReorgPlan(sources=(6,), stride=1),
    plans.ReorgPlan(sources=(7,), stride=2, reverse=True),
    plans.UpsamplePlan(sources=(8,), stride=3, scale=0.5),
    plans.AveragePoolPlan(sources=(9,)),
    plans.RoutePlan(sources=(10, 10, 10, 10)),
    plans.ScaleChannelsPlan(sources=(11, 4), activation="leaky"),
    plans.SamPlan(sources=(12, 12), activation="logistic"),
    plans.RoutePlan(sources=(0,)),
    plans.AveragePoolPlan(sources=(14,)),
    plans.SoftmaxPlan(sources=(15,)),
    plans.CostPlan(sources=(16,)),
]  # fmt: skip


def test_every_kind_of_layer_survives_being_written():
    plan = NetworkPlan((3, 99, 128), tuple(EVERY_LAYER))
    assert read_again(cfg_from_plan(plan)) == plan
    assert {type(layer) for layer in EVERY_LAYER} == set(plans.LayerPlan.__subclasses__()) - {plans.YoloPlan}


def test_factors_per_cell_survive_being_written():
    layers = (
        plans.ConvolutionPlan(
            sources=(-1,), filters=1, size=1, stride=(1, 1), padding=0, activation="linear", batch_normalise=False
        ),
        plans.ScaleChannelsPlan(sources=(0, 0), per_cell=True),
    )
    plan = NetworkPlan((3, 32, 64), layers)
    assert read_again(cfg_from_plan(plan)) == plan


@pytest.mark.parametrize("name", [*VARIANTS, "darknet53"])
def test_our_networks_survive_being_written(name):
    with torch.device("meta"):
        network = Darknet53Classifier(num_classes=7) if name == "darknet53" else YOLOv3(variant=name, num_classes=7)
    plan = native_plan(network, (64, 96))
    assert read_again(cfg_from_plan(plan)) == plan


def test_anchors_and_meaning_survive_being_written():
    heads = (
        head(-1),
        plans.YoloPlan(
            sources=(0,), anchors=((81.5, 82.0), (3.25, 4.0)), num_classes=2, xy_scale=1.05, new_coordinates=True
        ),
        plans.RoutePlan(sources=(0,)),
        plans.YoloPlan(sources=(2,), anchors=((1.0, 2.0), (81.5, 82.0)), num_classes=2),
    )
    plan = NetworkPlan((3, 64, 64), heads)
    cfg = cfg_from_plan(plan, letter_box=True, yolo_options={"nms_kind": "diounms", "beta_nms": 0.5})
    text = write_cfg(cfg)
    assert read_again(cfg) == plan
    assert "anchors=1,2,81.5,82,3.25,4\n" in text  # one that serves two levels stands there once
    assert text.count("nms_kind=diounms") == 2
    assert text.count("beta_nms=0.5") == 2
    assert "letter_box=1" in text


@pytest.mark.parametrize("side", [1e-300, 1e-5, 0.1, 1 / 3, 1e15 - 1, 1e15, 1e16, 1e300, 1.7976931348623157e308])
def test_any_number_survives_being_written(side):
    yolo = plans.YoloPlan(sources=(0,), anchors=((side, 2.0), (3.0, side)), num_classes=2)
    upsample = plans.UpsamplePlan(sources=(2,), stride=1, scale=side)
    plan = NetworkPlan((3, 64, 96), (head(-1), yolo, plans.RoutePlan(sources=(0,)), upsample))
    assert read_again(cfg_from_plan(plan)) == plan


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


V5_LAYER_KEYS = words("""
    clip onlyforward dont_update burnin_update stopbackward train_only_bn dontload dontloadscales learning_rate
    """)
V5_KEYS: dict[str, frozenset[str]] = {
    "net": words("""
        width height channels inputs batch subdivisions max_batches learning_rate learning_rate_min momentum decay policy
        steps scales power burn_in angle aspect saturation exposure hue letter_box
        """),
    "convolutional": words("""
        filters groups size stride stride_x stride_y dilation pad padding activation batch_normalize
        """),
    "shortcut": words("from activation weights_type weights_normalization"),
    "route": words("layers groups group_id"),
    "upsample": words("stride scale"),
    "maxpool": words("size stride stride_x stride_y padding maxpool_depth out_channels antialiasing"),
    "avgpool": frozenset(),
    "dropout": words("probability dropblock dropblock_size_rel dropblock_size_abs"),
    "softmax": words("groups temperature tree spatial noloss"),
    "cost": words("type scale ratio"),
    "scale_channels": words("from scale_wh activation"),
    "sam": words("from activation"),
    "yolo": words("""
        mask anchors classes num max jitter ignore_thresh truth_thresh random scale_x_y new_coords nms_kind beta_nms
        """),
}
"""What Darknet v5.1 reads (src-lib/darknet_cfg.cpp); it ends at a key that it does not read, and at a number that is written
with other characters than these."""
V5_NUMBER = re.compile(r"[-.0-9]+")
V5_WORDS = words("activation policy nms_kind")


def refused_by_v5(cfg: Cfg) -> list[str]:
    """What of a .cfg Darknet v5.1 does not read."""
    refused = []
    for section in cfg.sections:
        if section.name not in V5_KEYS:
            refused.append(f"[{section.name}]")
            continue
        known = V5_KEYS[section.name] | (frozenset() if section.name == "net" else V5_LAYER_KEYS)
        for option in section.options:
            numbers = option.value.split(",")
            if option.key not in known or not (option.key in V5_WORDS or all(map(V5_NUMBER.fullmatch, numbers))):
                refused.append(f"{option.key}={option.value}")
        if len({option.key for option in section.options}) < len(section.options):
            refused.append(f"[{section.name}] a key twice")
    return refused


@pytest.mark.parametrize("name", [*VARIANTS, "darknet53"])
def test_darknet_v5_reads_our_networks(name):
    with torch.device("meta"):
        network = Darknet53Classifier(num_classes=7) if name == "darknet53" else YOLOv3(variant=name, num_classes=7)
    cfg = cfg_from_plan(
        native_plan(network, (64, 96)), letter_box=False, yolo_options={"nms_kind": "diounms", "beta_nms": 0.00001}
    )
    assert refused_by_v5(cfg) == []


def test_darknet_v5_reads_all_layers_but_two():
    assert refused_by_v5(cfg_from_plan(NetworkPlan((3, 99, 128), tuple(EVERY_LAYER)))) == [
        "[batchnorm]",
        "[reorg]",
        "[reorg]",
    ]


@pytest.mark.parametrize("side", [1e-5, 12.345678901234567, 1 / 3, 123456789012345.0])
def test_numbers_are_written_without_an_exponent(side):
    yolo = plans.YoloPlan(sources=(0,), anchors=((side, 2.0), (3.0, side)), num_classes=2, xy_scale=1 + 2**-50)
    cfg = cfg_from_plan(NetworkPlan((3, 64, 96), (head(-1), yolo)))
    assert refused_by_v5(cfg) == [] and read_again(cfg).layers[1] == yolo


@pytest.mark.parametrize(("letter_box", "written"), [(None, None), (True, "1"), (False, "0")])
def test_how_images_are_fitted_is_said_when_it_is_known(letter_box, written):
    plan = NetworkPlan((3, 64, 96), (head(-1), plans.YoloPlan(sources=(0,), anchors=((1, 2), (3, 4)), num_classes=2)))
    net = options(cfg_from_plan(plan, letter_box=letter_box), 0)
    assert net.get("letter_box") == written
    assert (net["width"], net["height"], net["channels"]) == ("96", "64", "3")


def test_a_detector_gets_the_published_recipe():
    plan = NetworkPlan((3, 64, 96), (head(-1), plans.YoloPlan(sources=(0,), anchors=((1, 2), (3, 4)), num_classes=2)))
    cfg = cfg_from_plan(plan)
    assert {key: options(cfg, 0)[key] for key in DETECTOR_RECIPE} == {k: str(v) for k, v in DETECTOR_RECIPE.items()}
    assert {key: options(cfg, 2)[key] for key in YOLO_RECIPE} == {k: str(v) for k, v in YOLO_RECIPE.items()}
    assert options(cfg, 2)["num"] == "2"
    assert "scale_x_y" not in options(cfg, 2) and "new_coords" not in options(cfg, 2)


def test_a_classifier_gets_the_recipe_of_classifiers():
    plan = NetworkPlan((3, 64, 64), (plans.AveragePoolPlan(sources=(-1,)), plans.SoftmaxPlan(sources=(0,))))
    net = options(cfg_from_plan(plan), 0)
    assert {key: net[key] for key in CLASSIFIER_RECIPE} == {k: str(v) for k, v in CLASSIFIER_RECIPE.items()}


def test_near_layers_are_counted_back_and_far_ones_named_by_number():
    layers = [head(-1)] + [plans.RoutePlan(sources=(index,)) for index in range(12)]
    layers.append(plans.RoutePlan(sources=(12, 4, 3, 0)))
    cfg = cfg_from_plan(NetworkPlan((3, 64, 64), tuple(layers)))
    assert options(cfg, -1)["layers"] == "-1,-9,3,0"


def test_padding_is_said_in_the_words_people_use():
    def written(size: int, padding: int) -> dict[str, str]:
        layer = plans.ConvolutionPlan(
            sources=(-1,),
            filters=1,
            size=size,
            stride=(1, 1),
            padding=padding,
            activation="linear",
            batch_normalise=False,
        )
        return options(cfg_from_plan(NetworkPlan((3, 64, 64), (layer,))), 1)

    assert written(3, 1)["pad"] == "1" and "padding" not in written(3, 1)
    assert written(3, 2)["padding"] == "2" and "pad" not in written(3, 2)
    assert written(5, 0)["padding"] == "0"
