"""``yolov3 settings``: text, YAML and JSON of all settings, of a section, of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.cli import main
from yolov3.config.experiment import Experiment
from yolov3.config.kinds import setting_names
from yolov3.config.loading import load_experiment

ROOT = Path(__file__).resolve().parents[2]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["settings", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_all_settings_are_listed(capsys):
    names = [line.partition("=")[0] for line in printed(capsys).splitlines() if "=" in line and line[0] != " "]
    assert names == setting_names(Experiment)


def test_a_section_and_a_single_setting(capsys):
    section = printed(capsys, "evaluate")
    assert section.startswith("evaluate: how the evaluations of a training choose boxes\n\nevaluate.confidence=0.001\n")
    assert "train." not in section
    assert printed(capsys, "train.epochs") == (
        "train: how long, in what batches, on which device, and what is kept\n\n"
        "train.epochs=100\n    times through the training images\n    whole number from 1 to 1000000\n"
    )
    assert printed(capsys, "recipe").startswith("recipe=modern\n")


def test_the_recipe_says_whose_values(capsys):
    assert "train.batch_size=64\n" in printed(capsys, "train", "--recipe", "darknet")


@pytest.mark.parametrize("columns", ["50", "80", "200"])
def test_it_fits_the_terminal(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, printed(capsys).splitlines())) <= int(columns)


def test_the_yaml_is_an_experiment(tmp_path):
    path = tmp_path / "all.yaml"
    with path.open("w") as file:
        subprocess.run([sys.executable, "-m", "yolov3", "settings", "--yaml"], stdout=file, check=True, cwd=ROOT)
    assert load_experiment(path) == load_experiment(None)


def test_train_accepts_the_yaml_and_misses_only_the_data(tmp_path, capsys):
    path = tmp_path / "all.yaml"
    path.write_text(printed(capsys, "--yaml"))
    assert main(["train", str(path), "train.device=cpu"]) == 2
    assert "data.root" in capsys.readouterr().err


def test_json_is_for_programs(capsys):
    plain = json.loads(printed(capsys, "--json"))
    assert list(plain) == ["recipe", "model", "data", "augment", "loss", "optimiser", "train", "evaluate"]
    assert plain["train"]["epochs"]["default"] == 100 and plain["recipe"]["default"] == "modern"
    assert list(json.loads(printed(capsys, "train.epochs", "--json"))["train"]) == ["epochs"]


@pytest.mark.parametrize(
    ("word", "question"),
    [("evalute", " (did you mean evaluate?)"), ("epochs", " (did you mean train.epochs?)"), ("xyz", ""), ("", "")],
)
def test_what_is_no_setting_is_told_with_what_was_meant(capsys, word, question):
    assert main(["settings", word]) == 2
    sections = "model, data, augment, loss, optimiser, train, evaluate"
    assert capsys.readouterr() == (
        "",
        f"yolov3: error: no settings {word!r}{question}; the sections are {sections}\n",
    )


def test_it_is_quick() -> None:
    code = (
        "import sys; from yolov3.cli import main; main(['settings']); "
        "print({'cv2', 'albumentations', 'rich.console'} & set(sys.modules), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr == "set()\n"
