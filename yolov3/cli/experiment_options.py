"""The experiment file and its overrides on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``[CONFIG] [section.key=value ...]``."""
    parser.add_argument("config", nargs="?", type=Path, help="experiment file (configs/*.yaml)")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="settings that override the file's")


def experiment_file(arguments: argparse.Namespace) -> tuple[Path | None, list[str]]:
    """The file, None where only overrides were given, and the overrides."""
    config, overrides = arguments.config, list(arguments.overrides)
    if config is not None and "=" in str(config):
        return None, [str(config), *overrides]
    return config, overrides
