"""An experiment on the command line: a file, overrides, or both."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from yolov3.cli.experiment_options import ExperimentWords, add_experiment_arguments, parse_experiment


@pytest.mark.parametrize(
    ("words", "file", "overrides"),
    [
        ([], None, ()),
        (["a.yaml"], "a.yaml", ()),
        (["a.yaml", "train.epochs=3", "data.root=x"], "a.yaml", ("train.epochs=3", "data.root=x")),
        (["train.epochs=3"], None, ("train.epochs=3",)),
        (["train.epochs=3", "data.root=/a/b.yaml"], None, ("train.epochs=3", "data.root=/a/b.yaml")),
        (["data.root=a//b", "x=y=z"], None, ("data.root=a//b", "x=y=z")),
        (["data.root=../a/", "x=1"], None, ("data.root=../a/", "x=1")),
    ],
)
def test_a_file_is_told_from_an_override(words, file, overrides):
    parser = argparse.ArgumentParser()
    add_experiment_arguments(parser)
    found = parse_experiment(parser.parse_args(words))
    assert found == ExperimentWords(Path(file) if file else None, overrides)
