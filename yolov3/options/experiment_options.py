"""The experiment file, its data and its overrides on the command line."""

from __future__ import annotations

import argparse
import json
import sys
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
        """The experiment; files that are shipped and not the user's are told. Raises UserError."""
        from yolov3.config.loading import load_experiment

        named = [override.partition("=")[2] for override in self.overrides if override.startswith("data.file=")]
        tell_shipped(self.file, self.data, *named)
        return load_experiment(self.file, self.all_overrides())

    def all_overrides(self) -> tuple[str, ...]:
        """The overrides, before them the data. Raises UserError."""
        if self.data is None:
            return self.overrides
        from yolov3.catalogue.naming import resolve_data

        section = resolve_data(self.data).model_dump(mode="json", exclude_defaults=True)
        return (f"data={json.dumps(section)}", *self.overrides)

    @property
    def name(self) -> str | None:
        """What a run of it may be called: the experiment's file, else the data; None where neither is named."""
        named = self.file or (Path(self.data).absolute() if self.data is not None else None)
        return named.stem if named is not None else None

    @property
    def names_data(self) -> bool:
        """Whether data is named here, and not only in the file."""
        return self.data is not None or any(override.startswith("data.") for override in self.overrides)

    @property
    def are_none(self) -> bool:
        """Whether nothing was said."""
        return self.file is None and self.data is None and not self.overrides


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``[CONFIG] [--data D] [section.key=value ...]``."""
    parser.add_argument("config", nargs="?", help="experiment file; `yolov3 configs` lists the shipped ones")
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


def tell_shipped(*names: str | Path | None) -> None:
    """Say on the error output which of the files that were named are not the user's but shipped."""
    from yolov3.config.shipped import shipped_note
    from yolov3.processes.launch import is_first_process
    from yolov3.watching.lines import print_line

    if not is_first_process():
        return
    for name in names:
        note = shipped_note(name) if name is not None else None
        if note is not None:
            print_line(note, sys.stderr)
