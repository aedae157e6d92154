"""Every setting: its kind, its range, what sections say together, and that nothing changes afterwards."""

from __future__ import annotations

import inspect
import json

import pytest
from pydantic import ValidationError

from yolov3.config import experiment as module
from yolov3.config.experiment import Experiment, ModelSection, Section, TrainSection
from yolov3.config.learning import LossSection
from yolov3.structures import Preprocessing, Suppression

SECTIONS = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Section)]


def test_the_defaults_are_the_published_network_and_its_loss():
    experiment = Experiment()
    assert experiment.model.preprocessing == Preprocessing((416, 416), "letterbox", "area", 0.5)
    assert experiment.model.suppression_rule == Suppression("iou")
    assert (experiment.model.variant, experiment.model.width, experiment.model.xy_scale) == ("yolov3", 1.0, 1.0)
    assert experiment.loss == LossSection(
        box_kind="darknet", assigner="best_anchor", objectness_target="one", normaliser="batch", ignore_threshold=0.7
    )


def test_a_model_section_says_how_images_are_fitted_and_boxes_suppressed():
    section = ModelSection(
        image_size=(320, 608), fit="stretch", resize="darknet", fill=0.0, suppression="diou", diou_exponent=1.5
    )
    assert section.preprocessing == Preprocessing((320, 608), "stretch", "darknet", 0.0)
    assert section.suppression_rule == Suppression("diou", 1.5)
    assert ModelSection(image_size=608).preprocessing.size == (608, 608)


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_section_is_frozen_and_knows_its_keys(kind):
    section = kind()
    first = next(iter(kind.model_fields), None)
    if first is not None:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, first, getattr(section, first))
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind(nonsense=1)


def numeric_settings() -> list[tuple[str, str]]:
    plain = Experiment().as_plain()
    return [
        (section, key)
        for section, values in plain.items()
        if isinstance(values, dict)
        for key, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


@pytest.mark.parametrize(("section", "key"), numeric_settings(), ids=".".join)
def test_no_number_may_be_absurd(section, key):
    for absurd in (-1e30, float("nan"), float("inf"), "1", True, [], {}):
        with pytest.raises(ValidationError):
            Experiment.model_validate({section: {key: absurd}})


@pytest.mark.parametrize(
    ("section", "key", "least", "most"),
    [
        ("model", "xy_scale", None, 10.0),
        ("model", "fill", 0.0, 1.0),
        ("model", "diou_exponent", None, 10.0),
        ("augment", "flip", 0.0, 1.0),
        ("augment", "rotate", 0.0, 180.0),
        ("augment", "saturation", 1.0, None),
        ("loss", "ignore_threshold", 0.0, 1.0),
        ("train", "epochs", 1, None),
        ("train", "workers", 0, None),
        ("train", "seed", 0, None),
        ("evaluate", "confidence", 0.0, 1.0),
        ("evaluate", "max_detections", 1, None),
    ],
)
def test_ranges_include_their_ends(section, key, least, most):
    for end, beyond in ((least, -1), (most, 1)):
        if end is None:
            continue
        assert getattr(getattr(Experiment.model_validate({section: {key: end}}), section), key) == end
        with pytest.raises(ValidationError):
            Experiment.model_validate({section: {key: end + beyond}})


@pytest.mark.parametrize(
    ("section", "key", "end"),
    [
        ("model", "width", 0.0),
        ("model", "xy_scale", 0.0),
        ("model", "diou_exponent", 0.0),
        ("augment", "jitter", 1.0),
        ("loss", "label_smoothing", 1.0),
        ("loss", "anchor_ratio", 1.0),
        ("optimiser", "momentum", 1.0),
        ("optimiser", "learning_rate", 0.0),
        ("train", "ema", 1.0),
    ],
)
def test_some_ranges_end_before_their_ends(section, key, end):
    with pytest.raises(ValidationError, match=r"greater than|less than"):
        Experiment.model_validate({section: {key: end}})


@pytest.mark.parametrize("size", [100, 0, (416, 100), (416,), (416, 416, 3), 416.0, "416", -32])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValidationError):
        ModelSection(image_size=size)


@pytest.mark.parametrize(
    "anchors", [(((10.0, -1.0),),), (((10.0,),),), ((10.0, 13.0),), (((0.0, 1.0),),), (((float("inf"), 1.0),),)]
)
def test_impossible_anchors_are_refused(anchors):
    with pytest.raises(ValidationError, match=r"anchors\.0"):
        ModelSection(anchors=anchors)


def test_a_batch_is_computed_in_equal_parts():
    train = TrainSection(batch_size=12, accumulate=3)
    assert Experiment(train=train).train.accumulate == 3
    with pytest.raises(
        ValidationError, match=r"train\.batch_size \(=16\) must be divisible by train\.accumulate \(=3\)"
    ):
        Experiment(train=TrainSection(batch_size=16, accumulate=3))


def test_plain_values_are_plain_and_come_back():
    experiment = Experiment(
        model=ModelSection(anchors=(((10.0, 13.0), (16.0, 30.0)), ((33.0, 23.0), (1.5, 2.5))), image_size=(320, 416)),
        train=TrainSection(multi_scale=(320, 608), name="ä 猫"),
    )
    plain = experiment.as_plain()
    assert plain["model"]["image_size"] == [320, 416] and plain["train"]["multi_scale"] == [320, 608]
    assert Experiment.model_validate_json(json.dumps(plain)) == experiment
