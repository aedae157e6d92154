"""A loaded model: its names, and the detector it is, or is not."""

from __future__ import annotations

import dataclasses

import pytest

from yolov3.errors import UserError
from yolov3.formats.model import LoadedModel
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing

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
