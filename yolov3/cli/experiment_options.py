"""The experiment file and its overrides on the command line."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExperimentWords:
    """The experiment ``file``, None where only overrides were given, and the ``overrides``."""

    file: Path | None
    overrides: tuple[str, ...]


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``[CONFIG] [section.key=value ...]``."""
    parser.add_argument("config", nargs="?", help="experiment file; `yolov3 configs` lists the shipped ones")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="settings that override the file's")


def parse_experiment(arguments: argparse.Namespace) -> ExperimentWords:
    """The words that :func:`add_experiment_arguments` declared."""
    config, overrides = arguments.config, tuple(arguments.overrides)
    if config is not None and "=" in config:
        return ExperimentWords(None, (config, *overrides))
    return ExperimentWords(Path(config) if config is not None else None, overrides)


def tell_shipped(*names: str | Path | None) -> None:
    """Say on the error output which of the files that were named are not the user's but shipped."""
    from yolov3.config.shipped import shipped_note

    if os.environ.get("RANK", "0") != "0":  # of several processes only the first speaks
        return
    for name in names:
        note = shipped_note(name) if name is not None else None
        if note is not None:
            print(note, file=sys.stderr)


def tell_shipped_of(words: ExperimentWords) -> None:
    """The same for an experiment's file and for the data file among its overrides."""
    given = [override.partition("=")[2] for override in words.overrides if override.startswith("data.file=")]
    tell_shipped(words.file, *given)
