"""What is told of the settings is what their types allow and their recipes give."""

from __future__ import annotations

import subprocess
import sys

import pytest

from yolov3.config.experiment import LEFT_TO_WEIGHTS, Experiment
from yolov3.config.kinds import setting_names
from yolov3.config.loading import build_experiment, load_experiment
from yolov3.config.recipes import RECIPES
from yolov3.config.settings import DEFAULT_RECIPE, PATHS, all_settings, describe, setting_groups
from yolov3.errors import UserError
from yolov3.formats.build import _meaning_values
from yolov3.structures import ModelMeaning

SETTINGS = all_settings()


def test_all_settings_are_there_with_a_description_each():
    assert list(SETTINGS) == setting_names(Experiment) and len(SETTINGS) > 90
    for setting in SETTINGS.values():
        assert setting.description and not setting.description.endswith("."), setting.name
        assert setting.allowed, setting.name
    for group in setting_groups():
        assert group.description and "\n" not in group.description, group.name


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_defaults_are_those_of_an_experiment_that_says_nothing_but_its_recipe(recipe):
    plain = build_experiment({"recipe": recipe}, "test").as_plain()
    for setting in all_settings(recipe).values():
        assert setting.default == (plain[setting.section] if setting.section else plain)[setting.key], setting.name


def test_recipes_are_told_where_they_differ():
    differing = {name: setting.recipes for name, setting in SETTINGS.items() if setting.recipes}
    assert differing["optimiser.learning_rate"] == {"darknet": 0.001, "modern": 0.008}
    assert differing["train.multi_scale"] == {"darknet": [320, 608], "modern": None}
    said = {f"{section}.{key}" for recipe in RECIPES.values() for section, keys in recipe.items() for key in keys}
    assert set(differing) <= said and Experiment().recipe == DEFAULT_RECIPE


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.choices])
def test_every_choice_is_accepted_and_no_other(name):
    for choice in SETTINGS[name].choices:
        load_experiment(None, [f"{name}={choice}"])
    with pytest.raises(UserError, match=name):
        load_experiment(None, [f"{name}=nonsense"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train.epochs", "whole number from 1 to 1000000"),
        ("augment.rotate", "number from 0 to 180"),
        ("augment.jitter", "number at least 0 and below 1"),
        ("model.xy_scale", "number above 0 and at most 10"),
        ("train.compile", "true or false"),
        ("train.cache", "one of none, memory, disk"),
        ("train.name", "text or null"),
        ("optimiser.steps", "list of numbers from 0 to 1"),
        ("model.image_size", "whole number from 1 to 8192 or list of 2 whole numbers from 1 to 8192"),
        ("model.anchors", "list of lists of lists of 2 numbers above 0 or null"),
        ("data.names", "list of texts, mapping from numbers to texts or null"),
    ],
)
def test_what_is_allowed_in_words(name, words):
    assert SETTINGS[name].allowed == words == describe(SETTINGS[name].schema)


def test_left_open_is_what_recipes_say_and_what_weights_mean():
    taken = {*_meaning_values(ModelMeaning()), "anchors", "xy_scale"}
    assert set(LEFT_TO_WEIGHTS) == taken
    open_ones = {name for name, setting in SETTINGS.items() if setting.is_left_open}
    assert {f"model.{key}" for key in taken} <= open_ones
    assert "optimiser.learning_rate" in open_ones and "train.epochs" not in open_ones


def test_paths_are_settings():
    assert set(PATHS) <= set(SETTINGS)


def test_for_programs():
    plain = SETTINGS["train.batch_size"].as_plain()
    assert plain["default"] == 16 and plain["recipes"] == {"darknet": 64, "modern": 16}
    assert plain["schema"] == {"type": "integer", "minimum": 1, "maximum": 65_536}


def test_nothing_slow_is_imported():
    code = (
        "import sys, yolov3.config.settings as s; s.all_settings(); print({'torch', 'numpy', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
