"""``yolov3 benchmark [CONFIG] [section.key=value ...]``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.dialogue.numbers import COUNT, NUM_CLASSES
from yolov3.options.experiment_options import ExperimentWords, add_experiment_arguments, parse_experiment

HELP = "measure how fast an experiment's network learns and answers on this machine"
CLASSES = 80  # COCO's


@dataclass(frozen=True)
class BenchmarkWords:
    """What is measured, and how often; whether a program reads the answer."""

    experiment: ExperimentWords
    num_classes: int | None
    rounds: int
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)
    parser.add_argument(
        "--num-classes",
        type=NUM_CLASSES,
        help=f"classes of the network; default: those of the data named here, else {CLASSES}",
    )
    parser.add_argument("--rounds", type=COUNT, default=5, help="rounds, of which the median counts")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> BenchmarkWords:
    """The command's words."""
    return BenchmarkWords(parse_experiment(arguments), arguments.num_classes, arguments.rounds, arguments.json)


def run(words: BenchmarkWords) -> int:
    """Measure, print a table as Markdown, or JSON. Raises UserError."""
    experiment = words.experiment.load()  # a mistake is told before torch is imported

    from yolov3.catalogue.opening import open_dataset
    from yolov3.training.benchmark import benchmark
    from yolov3.watching.lines import print_line
    from yolov3.watching.tables import NumberTable, print_markdown
    from yolov3.watching.watcher import Bar

    num_classes = words.num_classes
    if num_classes is None:
        num_classes = len(open_dataset(experiment.data, "train").names) if words.experiment.names_data else CLASSES
    with output_kept_free(words.json), Bar("measuring") as bar:
        result = benchmark(experiment, num_classes=num_classes, rounds=words.rounds, watcher=bar)
    if words.json:
        print_json(result.as_plain())
        return 0
    print_line(result.description)
    rows = tuple(
        (
            speed.name, f"{1000 * speed.seconds / speed.images:.2f}", f"{speed.images / speed.seconds:.1f}",
            f"{speed.operations / speed.seconds / 1e12:.3f}",
        )
        for speed in result.speeds
    )  # fmt: skip
    headings = (f"batches of {experiment.train.batch_size}", "ms per image", "images/s", "TFLOP/s")
    print_markdown(NumberTable(headings, rows, spared=("TFLOP/s", "images/s")))
    print_line(f"the training step takes {result.overhead:.2f} times the bare forward and backward pass")
    return 0
