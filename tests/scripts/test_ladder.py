"""The ladder's file is valid, its ends are the recipes, and the script runs, goes on and tells what it measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.config.loading import load_experiment
from yolov3.files.strict_yaml import read_yaml
from yolov3.shapes.dataset import write_shapes_dataset

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
CONFIG = SCRIPTS.parent / "configs" / "yolov3_tiny_bccd.yaml"


@pytest.fixture
def ladder(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import ladder

    return ladder


def test_every_rung_is_an_experiment_of_its_own(ladder):
    content = read_yaml(SCRIPTS / "ladder.yaml")
    rungs = content["rungs"]
    made = {
        name: load_experiment(CONFIG, [*content["all"], *ladder.settings_of(rungs, name)]) for name in rungs
    }  # fmt: skip
    assert len({experiment.model_dump_json(exclude={"recipe"}) for experiment in made.values()}) == len(made)
    # The climb ends at the default.
    last = load_experiment(CONFIG, [*content["all"], *ladder.settings_of(rungs, "cosine schedule")])
    top = load_experiment(CONFIG, [*content["all"], "recipe=modern"])
    changed = top.optimiser.model_dump().items() - last.optimiser.model_dump().items()
    assert dict(changed).keys() == {"learning_rate", "nesterov", "gradient_clip"}
    assert (top.train, top.loss, top.augment) == (last.train, last.loss, last.augment)


def test_the_script_runs_goes_on_and_prints_its_table(tmp_path):
    data = write_shapes_dataset(tmp_path / "shapes", train=8, val=4, unseen=0, seed=2)
    config, rungs = tmp_path / "experiment.yaml", tmp_path / "rungs.yaml"
    config.write_text(f"data: {{root: {data}}}\nmodel: {{variant: yolov3-tiny, width: 0.125, image_size: 96}}\n")
    rungs.write_text(
        "all: [train.epochs=2, train.evaluate_every=2]\n"
        "rungs:\n  plain: {set: []}\n  with mosaic: {on: plain, set: [augment.mosaic=0.5]}\n"
    )
    command = [sys.executable, SCRIPTS / "ladder.py", config, "--rungs", rungs, "--output", tmp_path / "runs"]
    command += ["--seeds", "0", "1", "--set", "train.workers=0", "train.batch_size=4", "--jobs", "2"]
    first = subprocess.run([*command, "--only", "plain"], capture_output=True, text=True, timeout=300)
    assert first.returncode == 0 and first.stdout.count(": done") == 2, first.stdout + first.stderr
    second = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert second.stdout.count(": done") == 2, "what is finished is not made again"
    rows = [line for line in second.stdout.splitlines() if line.startswith("|")]
    assert len(rows) == 4 and rows[2].startswith("| plain | 0.") and rows[3].startswith("| with mosaic | 0.")
    assert all(row.endswith("| 2 |") for row in rows[2:])
    wrong = subprocess.run([*command, "--only", "nothing"], capture_output=True, text=True, timeout=300)
    assert wrong.returncode == 1 and wrong.stderr == "error: no rung 'nothing'; there are: plain, with mosaic\n"
