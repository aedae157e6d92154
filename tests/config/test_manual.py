"""The settings as text fit a terminal; as YAML they are the experiment in which nothing is said."""

from __future__ import annotations

import pytest
import yaml

from yolov3.config.experiment import Experiment
from yolov3.config.kinds import setting_names
from yolov3.config.loading import build_experiment, load_experiment
from yolov3.config.manual import manual_text, manual_yaml, value_text
from yolov3.config.recipes import RECIPES
from yolov3.config.settings import all_settings, setting_groups
from yolov3.files.strict_yaml import parse_yaml


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_lines_fit_and_no_word_is_broken(columns):
    text = manual_text(setting_groups(), recipe="modern", columns=columns)
    lines = text.splitlines()
    assert max(map(len, lines)) <= min(columns, 100)
    words = " ".join(text.split())
    for setting in all_settings().values():
        assert f"{setting.name}={value_text(setting.default)}" in lines
        assert " ".join(setting.description.split()) in words and setting.allowed in words


def test_the_other_recipes_values_are_told():
    text = manual_text(setting_groups("darknet"), recipe="darknet", columns=80)
    assert "train.batch_size=64\n" in text and "    recipe modern: 16\n" in text and "recipe darknet" not in text


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_file_is_the_experiment_in_which_nothing_is_said(recipe, tmp_path):
    path = tmp_path / "all.yaml"
    path.write_text(manual_yaml(setting_groups(recipe)))
    nothing = build_experiment({"recipe": recipe}, "test")
    experiment = load_experiment(path)
    assert experiment == nothing
    # Weights and .cfg still say what the experiment does not.
    assert not experiment.model.model_fields_set & {"fit", "anchors", "image_size", "suppression"}
    other = next(name for name in RECIPES if name != recipe)
    assert load_experiment(path, [f"recipe={other}"]) == build_experiment({"recipe": other}, "test")


def test_every_setting_stands_in_the_file_and_may_be_said():
    text = manual_yaml(setting_groups())
    whole = "\n".join(
        line.replace("#", "", 1)
        if line.lstrip().startswith("#") and line.lstrip()[1:2] != " " and line.strip() != "#"
        else line
        for line in text.splitlines()
    )
    plain = yaml.safe_load(whole)
    names = [f"{key}.{inner}" for key, value in plain.items() if isinstance(value, dict) for inner in value]
    assert ["recipe", *names] == setting_names(Experiment)
    assert build_experiment(plain, "test") == build_experiment({}, "test")


@pytest.mark.parametrize(
    "value", [None, True, 0.0005, 1e-7, "auto", "no", "", [0.8, 0.9], [], "ä: b", "1e-3", {"a": 1}]
)
def test_a_value_as_text_is_read_as_that_value(value):
    assert "\n" not in value_text(value)
    assert parse_yaml(f"x: {value_text(value)}", "test") == {"x": value}
