"""The experiment file and its overrides on the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExperimentWords:
    """The experiment ``file``, None where only overrides were given, and the ``overrides``."""

    file: Path | None
    overrides: tuple[str, ...]


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``[CONFIG] [section.key=value ...]``."""
    parser.add_argument("config", nargs="?", help="experiment file (configs/*.yaml)")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="settings that override the file's")


def parse_experiment(arguments: argparse.Namespace) -> ExperimentWords:
    """The words that :func:`add_experiment_arguments` declared."""
    config, overrides = arguments.config, tuple(arguments.overrides)
    if config is not None and "=" in config:
        return ExperimentWords(None, (config, *overrides))
    return ExperimentWords(Path(config) if config is not None else None, overrides)
