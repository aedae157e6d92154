"""A loaded model: its names, and the detector it is, or is not."""

from __future__ import annotations

import dataclasses

import pytest

from yolov3.errors import UserError
from yolov3.formats.model import LoadedModel
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning

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
