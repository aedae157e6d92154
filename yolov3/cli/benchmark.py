"""``yolov3 benchmark [CONFIG] [section.key=value ...]``"""

from __future__ import annotations

import argparse
import sys

from yolov3.cli.experiment_options import add_experiment_arguments, experiment_file
from yolov3.errors import UserError

HELP = "measure how fast an experiment's network learns and answers on this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)
    parser.add_argument("--num-classes", type=int, default=80, help="classes of the network")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the median counts")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table as Markdown. Raises UserError."""
    from yolov3.config import load_experiment
    from yolov3.engine.benchmark import benchmark

    if arguments.rounds < 1 or arguments.num_classes < 1:
        raise UserError("--rounds and --num-classes must be at least 1")
    experiment = load_experiment(*experiment_file(arguments))

    def say(text: str) -> None:
        if sys.stderr.isatty():
            print(text, end="\r", file=sys.stderr, flush=True)

    result = benchmark(experiment, num_classes=arguments.num_classes, rounds=arguments.rounds, say=say)
    print(result.description)
    print("| batches of " + str(experiment.train.batch_size) + " | ms per image | images/s | TFLOP/s |")
    print("|---|--:|--:|--:|")
    for speed in result.speeds:
        tera = speed.operations / speed.seconds / 1e12
        milliseconds = 1000 * speed.seconds / speed.images
        print(f"| {speed.name} | {milliseconds:.2f} | {speed.images / speed.seconds:.1f} | {tera:.3f} |")
    print(f"the training step takes {result.overhead:.2f} times the bare forward and backward pass")
    return 0
