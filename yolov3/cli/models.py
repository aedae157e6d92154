"""``yolov3 models``: which networks there are and what they cost."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from yolov3.errors import UserError

HELP = "list the networks with their parameters and operations"


@dataclass(frozen=True)
class ModelWords:
    """For which input, how many classes, how wide."""

    side: int
    num_classes: int
    width: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--imgsz", "--img-size", dest="image_size", type=int, default=416, help="side of the input")
    parser.add_argument("--num-classes", type=int, default=80, help="classes of the detectors")
    parser.add_argument("--width", type=float, default=1.0, help="factor on every layer's channels")


def parse(arguments: argparse.Namespace) -> ModelWords:
    """The command's words. Raises UserError for numbers that cannot be."""
    side = arguments.image_size
    if side < 32 or side % 32:
        raise UserError(f"--imgsz must be a multiple of 32, found {side}")
    if arguments.num_classes < 1 or not arguments.width > 0:
        raise UserError("--num-classes and --width must be above 0")
    return ModelWords(side, arguments.num_classes, arguments.width)


def run(words: ModelWords) -> int:
    """Print the table, as Markdown, so that it can be pasted."""
    from yolov3.models.cost import list_networks
    from yolov3.watching.tables import NumberTable, print_markdown

    rows = tuple(
        (
            row.name, str(row.num_classes), str(row.side), ", ".join(map(str, row.strides)), f"{row.parameters:,}",
            f"{row.operations / 1e9:.2f}",
        )
        for row in list_networks(side=words.side, num_classes=words.num_classes, width=words.width)
    )  # fmt: skip
    headings = ("model", "classes", "input", "strides", "parameters", "operations (GFLOP)")
    print_markdown(NumberTable(headings, rows, spared=("strides", "classes", "input")))
    return 0
