"""The word that was probably meant is found; nothing is suggested for nonsense."""

from __future__ import annotations

import pytest

from yolov3.config.experiment import Experiment
from yolov3.dialogue.suggestions import did_you_mean, nearest_settings

SETTINGS = [
    f"{section}.{key}"
    for section, values in Experiment().as_plain().items()
    if isinstance(values, dict)
    for key in values
] + ["recipe"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("epochs", ["train.epochs"]),
        ("epoch", ["train.epochs"]),
        ("train.epoch", ["train.epochs"]),
        ("trian.epochs", ["train.epochs"]),
        ("training.epochs", ["train.epochs"]),
        ("evaluate.every", ["train.evaluate_every"]),
        ("evaluate_every", ["train.evaluate_every"]),
        ("batch_size", ["train.batch_size", "evaluate.batch_size"]),
        ("batch", ["train.batch_size", "evaluate.batch_size"]),
        ("trian.batch_size", ["train.batch_size"]),
        ("loss.batch_size", ["train.batch_size", "evaluate.batch_size"]),
        ("optimizer.learning_rate", ["optimiser.learning_rate"]),
        ("learning-rate", ["optimiser.learning_rate"]),
        ("anchor", ["loss.anchor_ratio", "model.anchors"]),
        ("receipe", ["recipe"]),
        ("train.lerning_rate", ["optimiser.learning_rate"]),
        ("data.path", []),
        ("nonsense", []),
        ("x", []),
        ("", []),
        ("...", []),
    ],
)
def test_settings(word, meant):
    found = nearest_settings(word, SETTINGS)
    assert set(found) <= set(meant) and bool(found) == bool(meant), found


def test_a_setting_is_nearest_to_itself():
    assert all(nearest_settings(name, SETTINGS) == [name] for name in SETTINGS)


def test_of_many_that_are_alike_only_some_are_told():
    assert nearest_settings("rate", ["a.rate", "b.rate", "c.rate", "d.rate"]) == ["a.rate", "b.rate", "c.rate"]


@pytest.mark.parametrize(
    ("word", "question"),
    [("trian", " (did you mean train?)"), ("evalute", " (did you mean evaluate?)"), ("xyz", ""), ("", "")],
)
def test_words(word, question):
    assert did_you_mean(word, ["train", "evaluate", "train-classifier"]) == question
