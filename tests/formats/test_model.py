"""A loaded model: its names, and the detector it is, or is not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.formats.model import ExportedModel, LoadedModel
from yolov3.graphs.facts import GraphFacts
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Level, ModelMeaning, Preprocessing

MEANING = ModelMeaning(("a", "b"))


def test_a_detector_is_given_as_one():
    network = YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625)
    model = LoadedModel(network, MEANING, source="a.pt")
    assert model.detector() is network
    assert model.names == ("a", "b")
    assert model.experiment is None


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("darknet53-classifier x0.0625, 2 classes", "c.pt: darknet53-classifier x0.0625, 2 classes is no detector"),
        ("", "c.pt: this model is no detector"),
    ],
)
def test_a_classifier_is_told_to_be_none(description, message):
    model = LoadedModel(Darknet53Classifier(num_classes=2, width=0.0625), MEANING, None, "c.pt", description)
    with pytest.raises(UserError) as caught:
        model.detector()
    assert str(caught.value) == message


def test_a_model_cannot_be_changed():
    model = LoadedModel(YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625), MEANING)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.source = "b.pt"


@pytest.mark.parametrize(
    ("description", "used", "words"),
    [
        ("small, 416x416 letterbox", Preprocessing(), "small, 416x416 letterbox"),
        ("small, 416x416 letterbox", Preprocessing((608, 320), "stretch"), "small, 608x320 stretch"),
        ("small", Preprocessing((64, 64)), "small, 64x64 letterbox"),
        ("", Preprocessing((64, 64)), "64x64 letterbox"),
    ],
)
def test_what_is_used_is_told(description, used, words):
    network = YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625)
    assert LoadedModel(network, MEANING, description=description).described_with(used) == words


def test_an_exported_graph_is_described_like_any_model():
    facts = GraphFacts(MEANING, (Level(32, ((10.0, 14.0),)),), 2, "small, 416x416 letterbox")
    model = ExportedModel.of(Path("runs/a.onnx"), facts)
    assert (model.facts, model.meaning, model.names) == (facts, MEANING, ("a", "b"))
    assert (model.source, model.path) == (str(Path("runs/a.onnx")), Path("runs/a.onnx"))
    assert model.experiment is None and model.described_without_input == "small"
    assert model.described_with(Preprocessing((64, 64))) == "small, 64x64 letterbox"
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.source = "b.onnx"
    assert not hasattr(model, "network") and not hasattr(model, "detector")
