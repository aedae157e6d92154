"""``yolov3 benchmark detect --weights W [W ...]``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.dialogue.numbers import COUNT, SIDE
from yolov3.options.model_options import parse_size

if TYPE_CHECKING:
    from yolov3.inference.benchmark import DetectionBenchmarkOptions

HELP = "measure how fast a model detects on this machine, in every program that is installed"


@dataclass(frozen=True)
class DetectionBenchmarkWords:
    """What is measured; whether a program reads the answer."""

    options: DetectionBenchmarkOptions
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--weights", type=Path, nargs="+", required=True, metavar="W",
        help="models; the first, if it is no exported graph, in every program and precision that is installed",
    )  # fmt: skip
    parser.add_argument("--image", type=Path, help="image file to go through; default: a drawn one")
    parser.add_argument(
        "--imgsz", "--img-size", dest="image_size", type=SIDE, nargs="+", metavar="N",
        help="side, or height and width, of the network's input; default: the model's own",
    )  # fmt: skip
    parser.add_argument("--rounds", type=COUNT, default=30, help="rounds, of which the median counts")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> DetectionBenchmarkWords:
    """The command's words. Raises UserError for numbers that cannot be."""
    from yolov3.inference.benchmark import DetectionBenchmarkOptions

    size = parse_size(arguments.image_size)
    options = DetectionBenchmarkOptions(arguments.weights, arguments.image, size, arguments.rounds, arguments.device)
    return DetectionBenchmarkWords(options, arguments.json)


def run(words: DetectionBenchmarkWords) -> int:
    """Measure, print a table as Markdown, or JSON. Raises UserError."""
    from yolov3.inference.benchmark import STAGES, benchmark_detection
    from yolov3.watching.lines import print_line
    from yolov3.watching.tables import NumberTable, print_markdown
    from yolov3.watching.watcher import Bar

    with output_kept_free(words.json), Bar("measuring") as bar:
        result = benchmark_detection(words.options, watcher=bar)
    if words.json:
        print_json(result.as_plain())
        return 0
    print_line(result.description)
    print_line(f"milliseconds of one image, {result.image}")
    rows = tuple(
        (
            f"{row.model} {row.runtime} {row.precision}",
            *(f"{row.stages[stage]:.2f}" for stage in STAGES),
            f"{row.alone:.2f}", f"{row.images_per_second:.1f}",
            "-" if row.share is None else f"{100 * row.share:.0f} %", f"{row.memory:.0f}",
        )
        for row in result.rows
    )  # fmt: skip
    headings = ("", *STAGES, "alone", "images/s", "of the peak", "MB")
    print_markdown(NumberTable(headings, rows, spared=("MB", "of the peak", "images/s")))
    rates = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in result.rates.items() if rate)
    print_line(f"the peak is what products of matrices reach here, in GFLOP/s: {rates}")
    return 0
