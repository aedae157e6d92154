"""What the documents say is so: every command parses, every setting exists, every file named is there."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from yolov3.cli import COMMANDS, main
from yolov3.config.loading import load_experiment

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def commands_in(document: Path) -> list[str]:
    blocks = re.findall(r"```\n(.*?)```", document.read_text(), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`(yolov3 [^`]*)`", document.read_text())
    return [line.split("  #")[0].strip() for line in lines if line.startswith("yolov3 ")]


COMMAND_LINES = [
    pytest.param(line, id=f"{document.name}: {line}") for document in DOCUMENTS for line in commands_in(document)
]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_is_understood(line):
    name, *words = shlex.split(line)[1:]
    assert name in COMMANDS
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(COMMANDS[name]).add_arguments(parser)
    try:
        arguments = parser.parse_args(words)
    except SystemExit:
        pytest.fail(f"not understood: {line}")
    if getattr(arguments, "overrides", None) and (ROOT / arguments.config).is_file():
        load_experiment(ROOT / arguments.config, arguments.overrides)


def test_there_are_commands_to_test():
    assert len(COMMAND_LINES) > 15


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_experiment_is_valid(config):
    experiment = load_experiment(config)
    if experiment.data.file is not None:
        assert (ROOT / experiment.data.file).is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_linked_file_exists(document):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_table_of_networks_is_the_programs(capsys):
    assert main(["models"]) == 0
    table = capsys.readouterr().out.strip()
    assert table in (ROOT / "README.md").read_text()
