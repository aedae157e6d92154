"""An experiment on the command line: a file, overrides, or both."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from yolov3.config.experiment import DataSection
from yolov3.errors import UserError
from yolov3.options.experiment_options import ExperimentWords, add_experiment_arguments, parse_experiment


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
    assert found.are_none == (words == [])


def test_data_replaces_the_files_and_overrides_change_it(files, tmp_path):
    root = files.write_yolo(tmp_path / "set")
    (tmp_path / "a.yaml").write_text("data: {root: nowhere, names: [x]}\ntrain: {epochs: 3}\n")
    words = ExperimentWords(tmp_path / "a.yaml", ("data.val_share=0.2", "train.epochs=4"), str(root))
    assert not words.are_none
    experiment = words.load()
    assert (experiment.data, experiment.train.epochs) == (DataSection(root=str(root), val_share=0.2), 4)
    with pytest.raises(UserError, match=r"a\.yaml: data\.root: there is no nowhere"):
        ExperimentWords(tmp_path / "a.yaml", ()).load()
    with pytest.raises(UserError, match="neither a data YAML nor the folder of a data set exists there"):
        ExperimentWords(None, (), str(tmp_path / "gone")).load()
