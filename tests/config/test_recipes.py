"""The recipes: valid, different where they say so, and the same network in both."""

from __future__ import annotations

from typing import get_args

import pytest

from yolov3.config.experiment import Experiment
from yolov3.config.loading import build_experiment
from yolov3.config.recipes import DARKNET, MODERN, RECIPES


def test_every_recipe_can_be_named_and_every_name_is_one():
    assert set(RECIPES) == set(get_args(Experiment.model_fields["recipe"].annotation))


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_is_valid_and_survives_storage(recipe):
    experiment = build_experiment({"recipe": recipe}, "test")
    assert experiment.recipe == recipe
    assert build_experiment(experiment.as_plain(), "stored") == experiment


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_what_a_recipe_says_is_what_the_experiment_has(recipe):
    plain = build_experiment({"recipe": recipe}, "test").as_plain()
    for section, values in RECIPES[recipe].items():
        for key, value in values.items():
            assert plain[section][key] == value, f"{section}.{key}"


def test_a_recipe_leaves_network_data_and_evaluation_alone():
    """So that what either of them trains costs the same to use and is measured alike."""
    for recipe in RECIPES.values():
        assert set(recipe) <= {"loss", "augment", "optimiser", "train"}


def test_the_original_is_darknets():
    experiment = build_experiment({"recipe": "darknet"}, "test")
    optimiser, train = experiment.optimiser, experiment.train
    assert (optimiser.schedule, optimiser.steps, optimiser.step_factor) == ("steps", (0.8, 0.9), 0.1)
    assert (optimiser.learning_rate, optimiser.momentum, optimiser.weight_decay) == (0.001, 0.9, 0.0005)
    assert (train.batch_size, train.multi_scale, train.ema, train.sync_norm) == (64, (320, 608), 0.0, False)
    assert experiment.loss.box_kind == "darknet" and experiment.loss.ignore_threshold == 0.7
    assert (experiment.augment.jitter, experiment.augment.hue) == (0.3, 0.1)


def test_the_recipes_differ_and_modern_is_the_default():
    assert DARKNET != MODERN
    assert build_experiment({}, "test") == build_experiment({"recipe": "modern"}, "test")
