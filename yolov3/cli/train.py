"""``yolov3 train CONFIG [section.key=value ...]``"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from yolov3.cli.experiment_options import ExperimentWords, add_experiment_arguments, parse_experiment
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
        "--resume", type=Path, metavar="RUN",
        help="go on with a stopped run: its folder or its weights/last.pt; with train.epochs=N it becomes longer",
    )  # fmt: skip


def parse(arguments: argparse.Namespace) -> TrainWords:
    """The command's words. Raises UserError for those that do not go together."""
    words = parse_experiment(arguments)
    if arguments.resume and words.file:
        raise UserError(
            f"--resume goes on with the run's own settings; give no experiment file, found {words.file} "
            "(train.epochs=N can make the run longer)"
        )
    if not arguments.resume and words.file is None and not words.overrides:
        raise UserError("give an experiment file, such as configs/yolov3_tiny_bccd.yaml, or --resume RUN")
    return TrainWords(words, arguments.resume)


def run(words: TrainWords) -> int:
    """Train; 0 when done, 130 or 143 when stopped by Ctrl-C or SIGTERM with everything saved."""
    from yolov3.config.loading import load_experiment, read_settings
    from yolov3.processes.interruption import Interrupted
    from yolov3.training.train import train
    from yolov3.watching.lines import print_line

    file, overrides = words.experiment.file, words.experiment.overrides
    experiment = load_experiment(file, overrides)
    changes = read_settings(None, overrides) if words.resume else None
    try:
        result = train(experiment, name=file.stem if file else "train", resume=words.resume, changes=changes)
    except Interrupted as stop:
        print_line(f"{stop}; everything is saved, go on with: yolov3 train --resume {stop.folder}")
        return stop.exit_code
    if os.environ.get("RANK", "0") == "0":  # of several processes only the first speaks
        if result.was_ended_by:
            longer = {"epochs": f"train.epochs={2 * len(result.history)}", "patience": "train.patience=0"}
            print_line(f"to train longer: yolov3 train --resume {result.folder} {longer[result.was_ended_by]}")
        print_line(f"best AP {result.best_score:.4f}; weights: {result.best}")
    return 0
