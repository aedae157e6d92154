"""``yolov3 models``: which networks there are and what they cost."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from yolov3.dialogue.answer import add_json_option, print_json
from yolov3.dialogue.numbers import NUM_CLASSES, SIDE, WIDTH
from yolov3.errors import UserError

HELP = "list the networks with their parameters and operations"


@dataclass(frozen=True)
class ModelWords:
    """For which input, how many classes, how wide; whether a program reads the answer."""

    side: int
    num_classes: int
    width: float
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--imgsz", "--img-size", dest="image_size", type=SIDE, default=416, help="side of the input")
    parser.add_argument("--num-classes", type=NUM_CLASSES, default=80, help="classes of the detectors")
    parser.add_argument("--width", type=WIDTH, default=1.0, help="factor on every layer's channels")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> ModelWords:
    """The command's words. Raises UserError for numbers that cannot be."""
    side = arguments.image_size
    if side < 32 or side % 32:
        raise UserError(f"--imgsz must be a multiple of 32, found {side}")
    return ModelWords(side, arguments.num_classes, arguments.width, arguments.json)


def run(words: ModelWords) -> int:
    """Print the table, as Markdown, so that it can be pasted, or as JSON."""
    from yolov3.models.cost import list_networks
    from yolov3.watching.tables import NumberTable, print_markdown

    networks = list_networks(side=words.side, num_classes=words.num_classes, width=words.width)
    if words.json:
        print_json([network.as_plain() for network in networks])
        return 0
    rows = tuple(
        (
            row.name, str(row.num_classes), str(row.side), ", ".join(map(str, row.strides)), f"{row.parameters:,}",
            f"{row.operations / 1e9:.2f}",
        )
        for row in networks
    )  # fmt: skip
    headings = ("model", "classes", "input", "strides", "parameters", "operations (GFLOP)")
    print_markdown(NumberTable(headings, rows, spared=("strides", "classes", "input")))
    return 0
