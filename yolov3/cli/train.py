"""``yolov3 train [CONFIG] [--data D] [section.key=value ...]``"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from yolov3.cli.experiment_options import (
    ExperimentWords,
    add_experiment_arguments,
    parse_experiment,
)
from yolov3.errors import UserError

HELP = "train a detector as an experiment file says"


@dataclass(frozen=True)
class TrainWords:
    """What is trained, or which run goes on."""

    experiment: ExperimentWords
    resume: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with a stopped run: its folder or its weights/last.pt"
    )


def parse(arguments: argparse.Namespace) -> TrainWords:
    """The command's words. Raises UserError for those that do not go together."""
    words = parse_experiment(arguments)
    if arguments.resume and not words.are_none:
        raise UserError("--resume goes on with the run's own settings; give no experiment file and no overrides")
    if not arguments.resume and words.are_none:
        raise UserError(
            "give an experiment file, such as yolov3_tiny_bccd.yaml (yolov3 configs lists what is shipped), or --data D, "
            "or --resume RUN"
        )
    return TrainWords(words, arguments.resume)


def run(words: TrainWords) -> int:
    """Train; 0 when done, 130 or 143 when stopped by Ctrl-C or SIGTERM with everything saved."""
    file = words.experiment.file
    experiment = words.experiment.load()  # a mistake is told before torch is imported

    from yolov3.processes.interruption import Interrupted
    from yolov3.training.train import train

    try:
        result = train(experiment, name=file.stem if file else "train", resume=words.resume)
    except Interrupted as stop:
        print(f"{stop}; everything is saved, go on with: yolov3 train --resume {stop.folder}")
        return stop.exit_code
    if os.environ.get("RANK", "0") == "0":  # of several processes only the first speaks
        print(f"best AP {result.best_score:.4f}; weights: {result.best}")
    return 0
