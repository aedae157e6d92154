"""``yolov3 train CONFIG [section.key=value ...]``"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from yolov3.cli.experiment_options import add_experiment_arguments, experiment_file

HELP = "train a detector as an experiment file says"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with a stopped run: its folder or its weights/last.pt"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train; 0 when done, 130 or 143 when stopped by Ctrl-C or SIGTERM with everything saved."""
    from yolov3.config import load_experiment
    from yolov3.engine.interruption import Interrupted
    from yolov3.engine.train import train
    from yolov3.errors import UserError

    config, overrides = experiment_file(arguments)
    if arguments.resume and (config or overrides):
        raise UserError("--resume goes on with the run's own settings; give no experiment file and no overrides")
    if not arguments.resume and config is None and not overrides:
        raise UserError("give an experiment file, such as configs/yolov3_tiny_bccd.yaml, or --resume RUN")
    experiment = load_experiment(config, overrides)
    try:
        result = train(experiment, name=config.stem if config else "train", resume=arguments.resume)
    except Interrupted as stop:
        print(f"{stop}; everything is saved, go on with: yolov3 train --resume {stop.folder}")
        return stop.exit_code
    if os.environ.get("RANK", "0") == "0":  # of several processes only the first speaks
        print(f"best AP {result.best_score:.4f}; weights: {result.best}")
    return 0
