"""``yolov3 completion`` knows all commands, options, choices and settings, and is quick."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.cli import COMMANDS, main
from yolov3.cli.completion import SHELLS, vocabulary
from yolov3.config.experiment import Experiment
from yolov3.config.kinds import setting_names
from yolov3.config.loading import load_experiment

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_understands_its_script(shell, tmp_path, capsys):
    assert main(["completion", shell]) == 0
    script, err = capsys.readouterr()
    assert err == "" and all(name in script for name in COMMANDS) and "train.epochs=" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(script)
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_words_are_known():
    words = vocabulary()
    assert [command.name for command in words.first_words] == list(COMMANDS)
    assert [setting.name for setting in words.settings] == setting_names(Experiment)
    commands = {command.name: command for command in words.commands}
    for name, command in commands.items():
        taken = dict.fromkeys(("train", "anchors", "benchmark", "doctor"), "")
        taken |= dict.fromkeys(("evaluate", "compare", "split", "convert-data"), "data.")
        assert command.settings == taken.get(name), name
    split = next(option for option in commands["evaluate"].options if "--split" in option.spellings)
    assert split.choices == ("train", "val", "test") and split.follows == "choice"
    assert "yolov3-tiny" in commands["download"].words and commands["completion"].words == SHELLS
    assert {"train", "train.epochs"} <= set(commands["settings"].words)
    assert "detect" in commands["benchmark"].words and words.two_words == ["benchmark detect"]
    spellings = {spelling for option in commands["benchmark detect"].options for spelling in option.spellings}
    assert {"--weights", "--image"} < spellings and "--num-classes" not in spellings
    assert commands["train"].files and not commands["models"].files


def test_every_choice_that_is_offered_is_accepted():
    for setting in vocabulary().settings:
        for choice in setting.choices:
            load_experiment(None, [f"{setting.name}={choice}"])


def test_an_unknown_shell(capsys):
    assert main(["completion", "bahs"]) == 2
    assert "found 'bahs' (did you mean bash?); must be one of bash, zsh, fish" in capsys.readouterr().err


def test_nothing_slow_is_imported():
    code = (
        "import sys; from yolov3.cli import main; main(['completion', 'bash']); "
        "print({'torch', 'numpy', 'cv2', 'rich.console'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == "set()\n"
