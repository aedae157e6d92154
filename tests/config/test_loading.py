"""From a file and words to an experiment: what is laid over what, where paths lead, one line for every mistake."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from yolov3.config.experiment import DataSection, TrainSection
from yolov3.config.loading import (
    PATH_SETTINGS,
    build_experiment,
    load_experiment,
    merge,
    read_data_settings,
    read_settings,
    validate_section,
)
from yolov3.errors import UserError

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """An experiment file in a folder of its own; another folder is the current one."""
    for name in ("configs", "current"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "current")
    return tmp_path / "configs" / "experiment.yaml"


def test_file_and_overrides_are_laid_over_the_recipe(config):
    config.write_text("recipe: darknet\nmodel: {variant: yolov3-tiny, image_size: [320, 416]}\ntrain: {epochs: 7}\n")
    overrides = ["train.epochs=9", "optimiser.learning_rate=1e-3", "data.names=[cat, dog]"]
    experiment = load_experiment(config, overrides)
    assert experiment.model.preprocessing.size == (320, 416)
    assert experiment.train.epochs == 9
    assert experiment.train.multi_scale == (320, 608), "the recipe's"
    assert experiment.optimiser.learning_rate == 0.001
    assert experiment.data.names == ("cat", "dog")
    assert load_experiment(str(config), overrides) == experiment


def test_words_alone_and_nothing_at_all():
    assert load_experiment(None) == build_experiment({}, "test")
    assert load_experiment(None, ["recipe=darknet"]) == build_experiment({"recipe": "darknet"}, "test")
    assert load_experiment(None, [" train.epochs = 3 ", "train.epochs=4"]).train.epochs == 4, "the last word counts"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_what_the_shipped_experiments_say_is_valid_but_for_the_place_of_their_data(path):
    plain = yaml.safe_load(path.read_text())
    experiment = build_experiment(plain, path.name)
    for section, values in plain.items():
        if isinstance(values, dict):
            assert set(values) <= set(getattr(experiment, section).model_fields_set)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epoch=5", ["unknown key train.epoch", "epochs"]),
        ("trian.epochs=5", ["unknown key trian", "train"]),
        ("train.epochs=no", ["train.epochs", '"no"', "integer"]),
        ("train.epochs=1.5", ["train.epochs", "1.5", "integer"]),
        ("train.epochs=0", ["train.epochs", "found 0", "greater than or equal to 1"]),
        ("model.image_size=100", ["model", "multiples of 32", "100"]),
        ("model.anchors=[[[1, -2]]]", ["model.anchors.0.0.1", "-2", "greater than 0"]),
        ("loss.box_kind=foo", ["loss.box_kind", '"foo"', "ciou"]),
        ("loss.box_kind=3", ["loss.box_kind", "found 3", "ciou"]),
        ("model.suppression=giou", ["model.suppression", '"giou"', "iou", "diou"]),
        ("model.diou_exponent=0", ["model.diou_exponent", "found 0", "greater than 0"]),
        ("train.accumulate=3", ["train.batch_size (=16)", "train.accumulate (=3)"]),
        ("train.epochs", ["train.epochs", "section.key=value"]),
        ("=3", ["section.key=value"]),
        ("train..epochs=3", ["section.key=value"]),
        ("train.epochs.x=1", ["train.epochs"]),
        ("recipe.x=1", ["recipe"]),
        ("train=5", ["train", "found 5"]),
        ("optimiser.learning_rate=.nan", ["optimiser.learning_rate"]),
        ("optimiser.learning_rate=.inf", ["optimiser.learning_rate", "finite"]),
        ("recipe=best", ["recipe", '"best"', "modern"]),
        ("recipe=[a]", ["recipe"]),
        ("train.name=[a", ["train.name=", "line 1"]),
        ("train.epochs=99999999999999999999999999x", ["train.epochs"]),
    ],
)
def test_mistakes_name_the_key_what_was_found_and_what_is_allowed(override, words):
    with pytest.raises(UserError) as caught:
        load_experiment(None, [override])
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_what_may_be_of_two_kinds_is_told_by_its_key():
    with pytest.raises(UserError) as caught:
        load_experiment(None, ["data.names={a: cat}"])
    assert all(line.startswith("command line: data.names") for line in str(caught.value).splitlines())


def test_several_mistakes_are_told_at_once():
    with pytest.raises(UserError) as caught:
        load_experiment(None, ["train.epochs=x", "train.seed=-1"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and all(line.startswith("command line: train.") for line in lines)


OVERRIDES_AND_LINES = [
    ("evaluate.every=5", "unknown key evaluate.every (did you mean train.evaluate_every=5?)"),
    ("epochs=5", "unknown key epochs (did you mean train.epochs=5?)"),
    ("trian.epochs=5", "unknown key trian (did you mean train.epochs=5?)"),
    (" train.epoch = 5", "unknown key train.epoch (did you mean train.epochs= 5?)"),
    ("data={rootless: 1}", "unknown key data.rootless; allowed here: file, root"),
    ("train.epochs=0", "train.epochs: found 0; "),
    ("train.epochs=x", 'train.epochs: found "x"; '),
    ("train=5", "train: found 5; keys with values are expected"),
    ("recipe=drknet", 'recipe: found "drknet" (did you mean darknet?); '),
    ("model.image_size=100", "model: the input size must be multiples of 32"),
    ("train.accumulate=3", "train.batch_size (=16) must be divisible by train.accumulate (=3)"),
    ("train.name=[a", "train.name=, line 1: "),
    ("train.epochs", "'train.epochs': expected section.key=value"),
]


@pytest.mark.parametrize(("override", "line"), OVERRIDES_AND_LINES)
def test_a_wrong_word_is_not_blamed_on_the_file(config, override, line):
    config.write_text("train: {batch_size: 16}\nevaluate: {batch_size: 5}\n")
    with pytest.raises(UserError) as caught:
        load_experiment(config, ["train.seed=1", override])
    assert str(caught.value).startswith(f"command line: {line}") and "\n" not in str(caught.value)


def test_file_and_words_are_blamed_for_their_own_mistakes(config):
    config.write_text("train: {epochs: 0, seed: -1}\nloss: {kind: ciou}\n")
    with pytest.raises(UserError) as caught:
        load_experiment(config, ["train.epochs=-3", "train.workers=x"])
    assert sorted(line.partition("; ")[0] for line in str(caught.value).splitlines()) == sorted(
        [
            f"{config}: train.seed: found -1",
            f"{config}: unknown key loss.kind (did you mean loss.box_kind?)",
            "command line: train.epochs: found -3",
            'command line: train.workers: found "x"',
        ]
    )


def test_a_mistake_of_the_file_that_a_word_mends_is_none(config):
    config.write_text("train: {epochs: 0}\n")
    assert load_experiment(config, ["train.epochs=3"]).train.epochs == 3


def test_mistakes_in_a_file_name_it(config):
    config.write_text("train: {epochs: 0}\n")
    with pytest.raises(UserError) as caught:
        load_experiment(config)
    assert str(caught.value).startswith(f"{config}: train.epochs: found 0; ")
    config.write_text("train: [1]\n")
    with pytest.raises(UserError, match=rf"{config}: train: found \[1\]"):
        load_experiment(config)
    config.write_text("train: {epochs: 1}\ntrain: {epochs: 2}\n")
    with pytest.raises(UserError, match=rf"{config}, line 2: key 'train' stands twice"):
        load_experiment(config)


def test_a_data_file_is_the_default_experiment_on_its_data(config):
    for text in ("path: x\ntrain: images/train\nval: images/val\nnc: 1\nnames: [a]\nroboflow: {}\n", "root: x\n"):
        config.write_text(text)
        assert load_experiment(config, ["train.epochs=3"]) == load_experiment(
            None, [f"data.file={config}", "train.epochs=3"]
        )


@pytest.mark.parametrize("text", ["root: x\ntrain: {epochs: 3}\n", "names: [a]\nmodel: {}\n", "val: x\ndata: {}\n"])
def test_a_file_with_sections_is_no_data_file(config, text):
    config.write_text(text)
    with pytest.raises(UserError, match=r"unknown key (root|names|val)"):
        load_experiment(config)


def test_merge_touches_neither():
    base, changes = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(base, changes) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}} and changes == {"a": {"c": 2}}


def test_merge_replaces_what_is_no_mapping():
    assert merge({"a": {"b": 1}, "c": [1, 2]}, {"a": 3, "c": [4]}) == {"a": 3, "c": [4]}
    assert merge({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
    assert merge({}, {"a": None}) == {"a": None} and merge({"a": {"b": 1}}, {"a": {}}) == {"a": {"b": 1}}


PLACES = {
    "data.file": "set.yaml", "data.root": "images", "data.lists": "lists", "model.cfg": "a.cfg",
    "train.weights": "start.pt",
}  # fmt: skip
"""Every setting that names a path, and one."""


def test_all_settings_that_name_paths_are_tried():
    assert {f"{section}.{key}" for section, key in PATH_SETTINGS} == set(PLACES)


def section_and_key(name: str) -> tuple[str, str]:
    section, _, key = name.partition(".")
    return section, key


def make(folder: Path, name: str, text: str) -> Path:
    path = folder / text
    path.mkdir() if name == "data.root" else path.write_text("")
    return path


def path_found(config: Path, name: str, overrides: tuple[str, ...] = ()) -> Path:
    section, key = section_and_key(name)
    return Path(read_settings(config, overrides)[section][key])


@pytest.mark.parametrize(("name", "text"), PLACES.items())
def test_paths_are_found_beside_the_file_and_then_from_the_current_folder(config, name, text):
    section, key = section_and_key(name)
    config.write_text(f"{section}: {{{key}: {text}}}\n")
    current = make(Path.cwd(), name, text)
    assert path_found(config, name).resolve() == current
    assert getattr(getattr(load_experiment(config), section), key) == text
    beside = make(config.parent, name, text)
    assert path_found(config, name) == beside
    assert getattr(getattr(load_experiment(config), section), key) == str(beside)


@pytest.mark.parametrize(("name", "text"), PLACES.items())
def test_a_path_that_leads_nowhere_is_told_with_both_places(config, name, text):
    section, key = section_and_key(name)
    config.write_text(f"{section}: {{{key}: {text}}}\nevaluate: {{batch_size: 5}}\n")
    with pytest.raises(UserError) as caught:
        load_experiment(config)
    assert str(caught.value) == (
        f"{config}: {name}: there is no {text} (neither {config.parent / text} nor {Path.cwd() / text})"
    )


@pytest.mark.parametrize(
    "override", ["data.root=elsewhere", " data.root =elsewhere", "data={root: elsewhere}", "data=null"]
)
def test_a_missing_path_that_is_overridden_does_not_matter(config, override):
    config.write_text("data: {root: gone}\n")
    found = read_settings(config, [override])
    assert (found["data"] or {"root": "elsewhere"})["root"] == "elsewhere"


@pytest.mark.parametrize("override", ["data.rootless=1", "data.format=coco", "train.epochs=1"])
def test_a_missing_path_stays_missing_when_something_else_is_overridden(config, override):
    config.write_text("data: {root: gone}\n")
    with pytest.raises(UserError, match=r"data\.root: there is no gone"):
        read_settings(config, [override])


def test_paths_in_words_are_the_users_own(config):
    config.write_text("train: {epochs: 3}\n")
    (config.parent / "images").mkdir()
    assert load_experiment(config, ["data.root=images", "train.weights=none.pt"]).data.root == "images"


def test_known_weights_are_named_and_not_looked_for(config):
    config.write_text("train: {weights: yolov3-tiny}\n")
    assert load_experiment(config).train.weights == "yolov3-tiny"


def test_weights_without_an_ending_are_looked_for_beside_the_file_too(config):
    """A run's folder has none; what is not there may be a stem or a name, and is told when the weights are opened."""
    (config.parent / "run").mkdir()
    config.write_text("train: {weights: run}\n")
    assert load_experiment(config).train.weights == str(config.parent / "run")
    config.write_text("train: {weights: backup/x}\n")
    assert load_experiment(config).train.weights == "backup/x"


@pytest.mark.parametrize(
    "text", ["data: {root: 5}", "data: 3", "data: [root]", "model: {cfg: [a]}", "train: {weights: {}}"]
)
def test_paths_of_a_wrong_kind_are_told_as_settings(config, text):
    config.write_text(text)
    with pytest.raises(UserError) as caught:
        load_experiment(config)
    assert "found" in str(caught.value) and "\n" not in str(caught.value)


def test_the_data_section_alone(config):
    (config.parent / "images").mkdir()
    config.write_text("data: {root: images, format: coco}\nmodel: {cfg: none.cfg}\ntrain: {epochs: nonsense}\n")
    assert read_data_settings(config) == {"root": str(config.parent / "images"), "format": "coco"}
    for text in ("model: {width: 0.5}\n", "data: here\n", ""):
        config.write_text(text)
        assert read_data_settings(config) is None
    config.write_text("data: {root: gone}\n")
    with pytest.raises(UserError, match=r"data\.root: there is no gone"):
        read_data_settings(config)


def test_a_section_by_itself():
    section = validate_section(DataSection, {"root": "a", "names": {0: "cat", 1: "dog"}}, "my.yaml")
    assert section.root == "a" and section.names == {0: "cat", 1: "dog"}
    with pytest.raises(UserError) as caught:
        validate_section(TrainSection, {"epochs": "x", "multi_scale": [1], "nonsense": 1}, "my.yaml")
    lines = sorted(str(caught.value).splitlines())
    assert len(lines) == 3 and all(line.startswith("my.yaml: ") for line in lines)
    assert any("unknown key nonsense; allowed here: epochs, batch_size" in line for line in lines)
    with pytest.raises(UserError, match=r"my\.yaml: "):
        validate_section(DataSection, {"root": object()}, "my.yaml")


def test_what_is_stored_of_a_run_builds_the_same_run(config):
    config.write_text("recipe: darknet\nmodel: {anchors: [[[10, 13]], [[16, 30.5]]]}\ndata: {names: {0: a, 1: b}}\n")
    experiment = load_experiment(config)
    stored = config.with_name("stored.yaml")
    stored.write_text(yaml.safe_dump(experiment.as_plain(), sort_keys=False))
    assert load_experiment(stored) == experiment


def test_values_of_any_kind_are_taken_or_refused_by_name():
    chance = random.Random(0)
    plain = build_experiment({}, "test").as_plain()
    values = (None, True, 0, -1, 3, 1.5, 1e308, -0.0, "", "x", "auto", [], [1], [[1]], {}, {"a": 1}, 2**70, "é\0")
    taken = 0
    for _ in range(1000):
        section = chance.choice([name for name, value in plain.items() if isinstance(value, dict)])
        key = chance.choice(list(plain[section]))
        try:
            experiment = build_experiment({section: {key: chance.choice(values)}}, "the source")
        except UserError as error:
            assert all(line.startswith("the source: ") for line in str(error).splitlines())
            continue
        taken += 1
        assert build_experiment(experiment.as_plain(), "stored") == experiment
    assert taken > 100
