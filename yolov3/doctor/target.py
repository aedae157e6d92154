"""From what is to be examined to the settings by which it is read, and to the network that would learn from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolov3.catalogue.division import has_division
from yolov3.catalogue.naming import resolve_data
from yolov3.config.experiment import Experiment
from yolov3.config.loading import build_experiment, load_experiment, merge, read_settings
from yolov3.config.shipped import find_config
from yolov3.errors import UserError
from yolov3.files.strict_yaml import read_yaml
from yolov3.formats.checkpoint import read_checkpoint

RUN_SETTINGS = "config.yaml"
RUN_WEIGHTS = ("best.pt", "last.pt")
_WITHOUT_WEIGHTS = "train.weights=null"
"""Data can be examined wherever the weights of the training have gone."""


@dataclass(frozen=True)
class Target:
    """What is examined: its ``name`` as it was given, the ``experiment`` by which it is read, and whether that is somebody's
    own (``is_training``) or what training would be by default on data that were named."""

    name: str
    experiment: Experiment
    is_training: bool


def find_target(target: str | Path, overrides: Sequence[str] = ()) -> Target:
    """What a target is: an experiment YAML or a data YAML, a Darknet ``.data``, a COCO json, a folder of data or of a run;
    what it does not say is as by default. Raises UserError for what is none of these."""
    path = Path(target)
    if path.is_dir() and (path / "weights").is_dir() and is_run(path):
        experiment, is_training = _of_run(path, overrides), True
    elif path.suffix.lower() in (".yaml", ".yml"):
        experiment = load_experiment(path, (_WITHOUT_WEIGHTS, *overrides))
        is_training = experiment.data.file != str(find_config(path))  # else it says where data are, and no more
    else:
        data = resolve_data(path).model_dump(mode="json", exclude_defaults=True)
        experiment, is_training = load_experiment(None, (f"data={json.dumps(data)}", *overrides)), False
    # All of the data, even where a training used the first few images of it.
    data_section = experiment.data.model_copy(update={"overfit": 0})
    return Target(str(target), experiment.model_copy(update={"data": data_section}), is_training)


def is_run(folder: Path) -> bool:
    """Whether a folder with weights is that of a run: its settings are there, or the weights themselves know them."""
    return (folder / RUN_SETTINGS).is_file() or any((folder / "weights" / name).is_file() for name in RUN_WEIGHTS)


def _of_run(folder: Path, overrides: Sequence[str]) -> Experiment:
    """The experiment of a run; where it divided its data, by the lists that it kept, wherever it lies by now. Without the file
    of its settings, that of its weights."""
    file = folder / RUN_SETTINGS
    if file.is_file():
        values = read_yaml(file)
    else:
        file = next(path for name in RUN_WEIGHTS if (path := folder / "weights" / name).is_file())
        values = read_checkpoint(file)["experiment"] or {}
    if "classifier" in values:
        raise UserError(f"{file}: the run of a classifier; it is the data of detectors that are examined")
    lists = (f"data.lists={folder}",) if has_division(folder) else ()
    words = (_WITHOUT_WEIGHTS, *lists, *overrides)
    if file.name == RUN_SETTINGS:
        experiment = load_experiment(file, words)
    else:
        experiment = build_experiment(merge(values, read_settings(None, words)), str(file))
    if experiment.data.root is None and experiment.data.file is None:
        raise UserError(
            f"{file}: knows no data that the run was trained on; say which with data.root=FOLDER or data.file=YAML, or name "
            f"the data themselves instead of {folder}"
        )
    return experiment
