"""``yolov3 convert-data DATA --to coco|voc|yolo OUT``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.rewriting.options import FORMAT_NAMES, SPLIT_NAMES, ConvertDataOptions

HELP = "write a data set in another format: COCO's, Pascal VOC's or YOLO's"


@dataclass(frozen=True)
class ConvertDataWords:
    """What is written and where; whether a program reads the answer."""

    options: ConvertDataOptions
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("data", metavar="DATA", help="data set folder, YAML (yours or a shipped one), .data file or COCO json")
    add("out", type=Path, metavar="OUT", help="new or empty folder")
    add("changes", nargs="*", metavar="data.key=value", help="settings laid over the data's")
    add("--to", choices=FORMAT_NAMES, required=True, help="the format that is written")
    add("--copy", action="store_true", help="copy the images; otherwise OUT has links to them")
    add("--splits", choices=SPLIT_NAMES, nargs="+", help="those that are written; default: all there are")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> ConvertDataWords:
    """The command's words."""
    options = ConvertDataOptions(
        data=arguments.data,
        to=arguments.to,
        out=arguments.out,
        copy=arguments.copy,
        splits=tuple(arguments.splits) if arguments.splits is not None else None,
        changes=tuple(arguments.changes),
    )
    return ConvertDataWords(options, arguments.json)


def run(words: ConvertDataWords) -> int:
    """Write, tell what could not be held and what is there now. Raises UserError."""
    from yolov3.options.experiment_options import tell_shipped
    from yolov3.rewriting.convert import convert_data
    from yolov3.rewriting.counts import counts_table
    from yolov3.watching.lines import print_line
    from yolov3.watching.tables import print_table
    from yolov3.watching.watcher import Bar

    tell_shipped(words.options.data)
    with output_kept_free(words.json), Bar("converting") as bar:
        written = convert_data(words.options, watcher=bar)
    if words.json:
        print_json(written.as_plain())
        return 0
    for note in written.notes:
        print_line(note)
    print_table(counts_table(written.names, written.parts))
    print_line(f"written: {written.folder}")
    return 0
