"""Which images an export is fitted to and proven on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.export import images as module
from yolov3.export.images import FittedImages, calibration_images, few_images, labelled_images
from yolov3.export.options import ExportOptions
from yolov3.formats.load import load_model
from yolov3.geometry import Geometry
from yolov3.graphs.facts import GraphFacts
from yolov3.images.files import read_image


@pytest.fixture
def model(weights):
    return load_model(weights)


@pytest.fixture
def facts(model) -> GraphFacts:
    return GraphFacts(model.meaning, tuple(model.detector().levels), model.detector().num_classes, "small")


def test_images_are_fitted_as_the_model_sees_them(data, facts):
    path = min((data / "val").iterdir())
    (fitted,) = [FittedImages((path,), facts)[index] for index in range(1)]
    image = read_image(path)
    expected = Geometry.fit(image.shape[:2], facts.meaning.preprocessing).apply_image(image)
    assert fitted.shape == (1, 3, 96, 128) and fitted.dtype == np.uint8 and fitted.flags.c_contiguous
    assert np.array_equal(fitted[0].transpose(1, 2, 0), expected)
    floats = FittedImages((path,), replace(facts, input="float32"))[0]
    assert floats.dtype == np.float32 and np.allclose(floats * 255, fitted)


def test_calibration_takes_images_of_the_training_spread_evenly(data, model, facts, monkeypatch):
    options = ExportOptions(model.source, precision="int8", calibrate=data)
    every = calibration_images(options, model, facts).paths
    assert len(every) == 12 and {path.parent.name for path in every} == {"train"}
    monkeypatch.setattr(module, "MOST_IMAGES", 4)
    assert calibration_images(options, model, facts).paths == every[::3]


def test_int8_without_images_says_what_to_give(model, facts):
    with pytest.raises(UserError, match=r"tiny\.pt: int8 is fitted to images, .* give them with --calibrate DATA"):
        calibration_images(ExportOptions(model.source, precision="int8"), model, facts)


def test_labels_come_from_the_data_that_is_named_or_of_the_training(data, model):
    assert labelled_images(ExportOptions(model.source), model) is None
    assert len(labelled_images(ExportOptions(model.source, check=data), model)) == 4
    trained = replace(model, experiment={"data": {"root": str(data)}})
    assert len(labelled_images(ExportOptions(model.source), trained)) == 4
    gone = replace(model, experiment={"data": {"root": "/nowhere/at/all"}})
    assert labelled_images(ExportOptions(model.source), gone) is None
    with pytest.raises(UserError, match="/nowhere"):
        labelled_images(ExportOptions(model.source, check="/nowhere"), gone)


def test_without_data_images_are_drawn_and_the_same_every_time(data, model):
    first, second = list(few_images(None)), list(few_images(None))
    assert len(first) == 4 and all(np.array_equal(a[1], b[1]) for a, b in zip(first, second))
    real = list(few_images(labelled_images(ExportOptions(model.source, check=data), model)))
    assert len(real) == 4 and all(name.startswith(str(data)) for name, _ in real)
