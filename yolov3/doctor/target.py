"""From what is to be examined to the settings by which it is read, and to the network that would learn from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from yolov3.catalogue.division import has_division
from yolov3.catalogue.naming import resolve_data
from yolov3.config.experiment import Experiment
from yolov3.config.loading import load_experiment
from yolov3.errors import UserError
from yolov3.files.strict_yaml import read_yaml

RUN_SETTINGS = "config.yaml"
_WITHOUT_WEIGHTS = "train.weights=null"
"""Data can be examined wherever the weights of the training have gone."""


def find_experiment(target: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """The experiment of a target: an experiment YAML or a data YAML, a Darknet ``.data``, a COCO json, a folder of data or
    of a run; what it does not say is as by default. Raises UserError for what is none of these."""
    path = Path(target)
    if path.is_dir() and (path / RUN_SETTINGS).is_file() and (path / "weights").is_dir():
        experiment = _of_run(path, overrides)
    elif path.suffix.lower() in (".yaml", ".yml"):
        experiment = load_experiment(path, (_WITHOUT_WEIGHTS, *overrides))
    else:
        data = resolve_data(path).model_dump(mode="json", exclude_defaults=True)
        experiment = load_experiment(None, (f"data={json.dumps(data)}", *overrides))
    # All of the data, even where a training used the first few images of it.
    return experiment.model_copy(update={"data": experiment.data.model_copy(update={"overfit": 0})})


def _of_run(folder: Path, overrides: Sequence[str]) -> Experiment:
    """The experiment of a run; where it divided its data, by the lists that it kept, wherever it lies by now."""
    file = folder / RUN_SETTINGS
    if "classifier" in read_yaml(file):
        raise UserError(f"{file}: the run of a classifier; it is the data of detectors that are examined")
    lists = (f"data.lists={folder}",) if has_division(folder) else ()
    return load_experiment(file, (_WITHOUT_WEIGHTS, *lists, *overrides))
