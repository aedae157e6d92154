"""``yolov3 split DATA --val 0.2 [--test 0.1]``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.dialogue.numbers import SEED, SHARE
from yolov3.rewriting.options import SPLIT_NAMES, SplitOptions

HELP = "divide a data set into training, validation and test, by class, near-identical images together"


@dataclass(frozen=True)
class SplitWords:
    """What is divided and how; whether a program reads the answer."""

    options: SplitOptions
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("data", metavar="DATA", help="data set folder, YAML (yours or a shipped one), .data file or COCO json")
    add("changes", nargs="*", metavar="data.key=value", help="settings laid over the data's")
    add("--val", type=SHARE, default=0.2, metavar="SHARE", help="share of the images for validation (default: 0.2)")
    add("--test", type=SHARE, default=0.0, metavar="SHARE", help="share of the images for test (default: none)")
    add("--seed", type=SEED, default=0, help="another seed sets other images apart (default: 0)")
    add(
        "--group-by", metavar="REGEX",
        help="images whose paths have the same first group of this regular expression stay together; default: "
        "near-identical neighbours",
    )  # fmt: skip
    add("--of", choices=SPLIT_NAMES, help="divide this split of a data set that has several")
    add(
        "--out", type=Path, metavar="FOLDER",
        help="new folder for the lists and the data YAML; default: a new one in runs/split",
    )  # fmt: skip
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> SplitWords:
    """The command's words. Raises UserError for shares that cannot be."""
    options = SplitOptions(
        data=arguments.data,
        val=arguments.val,
        test=arguments.test,
        seed=arguments.seed,
        group_by=arguments.group_by,
        of=arguments.of,
        out=arguments.out,
        changes=tuple(arguments.changes),
    )
    return SplitWords(options, arguments.json)


def run(words: SplitWords) -> int:
    """Divide, tell what went where and how to use it. Raises UserError."""
    from yolov3.options.experiment_options import tell_shipped
    from yolov3.rewriting.counts import counts_table
    from yolov3.rewriting.split import split_data
    from yolov3.watching.lines import print_line
    from yolov3.watching.tables import print_table
    from yolov3.watching.watcher import Bar

    tell_shipped(words.options.data)
    with output_kept_free(words.json), Bar("dividing") as bar:
        result = split_data(words.options, watcher=bar)
    if words.json:
        print_json(result.as_plain())
        return 0
    for note in result.notes:
        print_line(note)
    print_table(counts_table(result.names, result.parts))
    print_line(f"written: {result.file}")
    print_line(f"train on it: yolov3 train CONFIG data.file={result.file}")
    return 0
