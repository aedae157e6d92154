"""The experiment file, its data and its overrides on the command line."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolov3.config.experiment import Experiment


@dataclass(frozen=True)
class ExperimentWords:
    """The experiment ``file``, None where there is none, the ``data`` that replaces the file's, the ``overrides``."""

    file: Path | None
    overrides: tuple[str, ...]
    data: str | None = None

    def load(self) -> Experiment:
        """The experiment. Raises UserError."""
        from yolov3.config.loading import load_experiment

        return load_experiment(self.file, self.all_overrides())

    def all_overrides(self) -> tuple[str, ...]:
        """The overrides, before them the data. Raises UserError."""
        if self.data is None:
            return self.overrides
        from yolov3.catalogue.naming import resolve_data

        section = resolve_data(self.data).model_dump(mode="json", exclude_defaults=True)
        return (f"data={json.dumps(section)}", *self.overrides)

    @property
    def are_none(self) -> bool:
        """Whether nothing was said."""
        return self.file is None and self.data is None and not self.overrides


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``[CONFIG] [--data D] [section.key=value ...]``."""
    parser.add_argument("config", nargs="?", help="experiment file (configs/*.yaml)")
    parser.add_argument(
        "--data",
        metavar="D",
        help="data set folder, data YAML, .data file or COCO json, instead of the experiment's data",
    )
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="settings that override the file's")


def parse_experiment(arguments: argparse.Namespace) -> ExperimentWords:
    """The words that :func:`add_experiment_arguments` declared."""
    config, overrides = arguments.config, tuple(arguments.overrides)
    if config is not None and "=" in config:
        return ExperimentWords(None, (config, *overrides), arguments.data)
    return ExperimentWords(Path(config) if config is not None else None, overrides, arguments.data)
