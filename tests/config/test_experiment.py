"""Settings: what is read, and one clear line for everything that is not."""

from __future__ import annotations

import pytest

from yolov3.config.loading import build_experiment, load_experiment, merge
from yolov3.config.recipes import RECIPES
from yolov3.errors import UserError
from yolov3.files.strict_yaml import parse_yaml, read_yaml


def test_file_and_overrides_are_laid_over_the_recipe(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text("recipe: darknet\nmodel: {variant: yolov3-tiny, image_size: [320, 416]}\ntrain: {epochs: 7}\n")
    experiment = load_experiment(path, ["train.epochs=9", "optimiser.learning_rate=1e-3", "data.names=[cat, dog]"])
    assert experiment.model.preprocessing.size == (320, 416)
    assert experiment.train.epochs == 9
    assert experiment.optimiser.learning_rate == 0.001
    assert experiment.data.names == ("cat", "dog")


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_is_valid_and_survives_storage(recipe):
    experiment = build_experiment({"recipe": recipe}, "test")
    assert build_experiment(experiment.as_plain(), "stored") == experiment


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
        ("train.accumulate=3", ["train.batch_size (=16)", "train.accumulate (=3)"]),
        ("train.epochs", ["train.epochs", "section.key=value"]),
        ("train.epochs.x=1", ["train.epochs"]),
        ("optimiser.learning_rate=.nan", ["optimiser.learning_rate"]),
        ("recipe=best", ["recipe", '"best"', "modern"]),
    ],
)
def test_mistakes_name_the_key_what_was_found_and_what_is_allowed(override, words):
    with pytest.raises(UserError) as caught:
        load_experiment(None, [override])
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_several_mistakes_are_told_at_once():
    with pytest.raises(UserError) as caught:
        load_experiment(None, ["train.epochs=x", "train.seed=-1"])
    assert len(str(caught.value).splitlines()) == 2


def test_merge_touches_neither():
    base, changes = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(base, changes) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}} and changes == {"a": {"c": 2}}


def test_yaml_reads_numbers_and_words_as_people_mean_them():
    assert parse_yaml("[1e-3, 5E2, -.5, 1_000, no, off, true, 2024-01-01, 07]", "t") == [
        0.001, 500.0, -0.5, 1000, "no", "off", True, "2024-01-01", 7,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a: 1\na: 2\n", "line 2: key 'a' stands twice"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: [1\n", "line"),
        ("- 1\n", "expected keys"),
        ("a: !!python/object:os.system x\n", "line 1"),
        ("[" * 3000, "nested too deeply|line 1"),
    ],
)
def test_yaml_refuses_surprises(tmp_path, text, word):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=word) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)


def test_missing_binary_and_huge_yaml_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        read_yaml(binary)
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 1_000_001)
    with pytest.raises(UserError, match="at most"):
        read_yaml(huge)
