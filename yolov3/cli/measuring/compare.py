"""``yolov3 compare A B [--data D]``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json

if TYPE_CHECKING:
    from yolov3.reporting.compare import CompareOptions

HELP = "tell which of two models is better on the same images, and how sure that is"


@dataclass(frozen=True)
class CompareWords:
    """What is compared, and whether a program reads the answer."""

    options: CompareOptions
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("first", type=Path, metavar="A", help="folder of an evaluation, or with --data a model")
    parser.add_argument("second", type=Path, metavar="B", help="the same, of another model")
    parser.add_argument(
        "--data", metavar="D", help="data set folder, YAML or COCO json; default: that of the first evaluation"
    )
    parser.add_argument("changes", nargs="*", metavar="data.key=value", help="settings laid over the data's")
    parser.add_argument("--split", choices=("train", "val", "test"), default="val", help="which part of the data")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--output", type=Path, default=Path("runs/compare"), help="a new folder is made in here")
    parser.add_argument("--name", default="compare", help="the new folder's name")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> CompareWords:
    """The command's words."""
    from yolov3.reporting.compare import CompareOptions

    options = CompareOptions(
        first=arguments.first,
        second=arguments.second,
        data=arguments.data,
        data_changes=tuple(arguments.changes),
        split=arguments.split,
        device=arguments.device,
        output=arguments.output,
        name=arguments.name,
    )
    return CompareWords(options, arguments.json)


def run(words: CompareWords) -> int:
    """Compare, print the verdict, write the page. Raises UserError."""
    from yolov3.reporting.compare import PAGE, compare_models
    from yolov3.watching.lines import print_line
    from yolov3.watching.watcher import Bar

    with output_kept_free(words.json), Bar("comparing") as bar:
        found = compare_models(words.options, watcher=bar)
    comparison = found.comparison
    if words.json:
        print_json({**comparison.as_plain(), "folder": str(found.folder)})
        return 0
    print_line(comparison.verdict)
    one, other = comparison.names
    print_line(f"{comparison.num_won} objects are found by {other} alone, {comparison.num_lost} by {one} alone")
    print_line(f"written: {found.folder / PAGE}")
    return 0
