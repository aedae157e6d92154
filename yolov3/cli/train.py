"""``yolov3 train [CONFIG] [--data D] [section.key=value ...]``"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from yolov3.errors import UserError
from yolov3.options.experiment_options import ExperimentWords, add_experiment_arguments, parse_experiment

HELP = "train a detector as an experiment file says"

NO_REPORT = 1
"""Exit code when all is trained and saved, but the report could not be written."""


@dataclass(frozen=True)
class TrainWords:
    """What is trained, or which run goes on; whether a page is written at the end."""

    experiment: ExperimentWords
    resume: Path | None
    report: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)
    parser.add_argument(
        "--resume", type=Path, metavar="RUN",
        help="go on with a stopped run: its folder or its weights/last.pt; with train.epochs=N it becomes longer",
    )  # fmt: skip
    parser.add_argument(
        "--no-report", action="store_true", help="write no report.html, report.json and thresholds.yaml"
    )


def parse(arguments: argparse.Namespace) -> TrainWords:
    """The command's words. Raises UserError for those that do not go together."""
    words = parse_experiment(arguments)
    if arguments.resume and (words.file or words.data):
        raise UserError(
            f"--resume goes on with the run's own settings; give no experiment file and no data, found "
            f"{words.file or words.data} (train.epochs=N can make the run longer)"
        )
    if not arguments.resume and words.are_none:
        raise UserError(
            "give an experiment file, such as yolov3_tiny_bccd.yaml (yolov3 configs lists what is shipped), or --data D, "
            "or --resume RUN"
        )
    return TrainWords(words, arguments.resume, not arguments.no_report)


def run(words: TrainWords) -> int:
    """Train; 0 when done, 1 when done but for the report, 130 or 143 when stopped by Ctrl-C or SIGTERM with everything
    saved."""
    from yolov3 import __version__
    from yolov3.config.loading import read_settings

    experiment = words.experiment.load()  # a mistake is told before torch is imported
    changes = read_settings(None, words.experiment.overrides) if words.resume else None

    from yolov3.processes.interruption import Interrupted
    from yolov3.processes.launch import is_first_process
    from yolov3.reporting.report import REPORT
    from yolov3.reporting.run import report_run
    from yolov3.training.train import train
    from yolov3.watching.lines import WARNING, print_line
    from yolov3.watching.watcher import Bar

    try:
        result = train(experiment, name=words.experiment.name or "train", resume=words.resume, changes=changes)
    except Interrupted as stop:
        print_line(f"{stop}; everything is saved, go on with: yolov3 train --resume {stop.folder}")
        return stop.exit_code
    code = 0
    if is_first_process():
        if result.was_ended_by:
            longer = {"epochs": f"train.epochs={2 * len(result.history)}", "patience": "train.patience=0"}
            print_line(f"to train longer: yolov3 train --resume {result.folder} {longer[result.was_ended_by]}")
        elif words.report and result.best.is_file():
            made_with = f"yolov3 {__version__}"
            try:
                with Bar("measuring the best weights") as bar:
                    report_run(result.folder, made_with=made_with, device=experiment.train.device, watcher=bar)
                print_line(f"what it gets wrong, and what to do: {result.folder / REPORT}")
            except UserError as error:  # the training is done and saved all the same
                print_line(f"{WARNING}no report was written: {error}", sys.stderr)
                code = NO_REPORT
        print_line(f"best AP {result.best_score:.4f}; weights: {result.best}")
    return code
