"""``yolov3 configs``: the shipped experiments and data files, and copies of them to change."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

HELP = "list the shipped experiments and data files, or copy them"


@dataclass(frozen=True)
class ConfigWords:
    """The folder to copy into; None: tell what there is."""

    copy: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--copy",
        type=Path,
        nargs="?",
        const=Path("configs"),
        metavar="FOLDER",
        help="copy all of them into FOLDER (default: configs); what is there already stays as it is",
    )


def parse(arguments: argparse.Namespace) -> ConfigWords:
    """The command's words."""
    return ConfigWords(arguments.copy)


def run(words: ConfigWords) -> int:
    """List, or copy and tell what was written and what was kept. Raises UserError."""
    from yolov3.config.shipped import copy_configs
    from yolov3.watching.lines import print_line

    if words.copy is None:
        _list()
        return 0
    copies = copy_configs(words.copy)
    for path in copies.written:
        print_line(f"written: {path}")
    for path in copies.kept:
        print_line(f"kept as it is: {path}")
    return 0


def _list() -> None:
    from yolov3.config.shipped import shipped_data, shipped_experiments, shipped_networks

    experiments, data = shipped_experiments(), shipped_data()
    width = max(len(each.path.name) for each in (*experiments, *data))
    for title, files in (
        ("experiments: yolov3 train NAME", experiments),
        ("data files: yolov3 evaluate --data NAME, yolov3 train data.file=NAME", data),
    ):
        print(title)
        for each in files:
            print(f"  {each.path.name:<{width}}  {each.what}")
    print("networks in Darknet's language: " + ", ".join(each.path.name for each in shipped_networks()))
    print("A file of yours of the same name goes first. To change one: yolov3 configs --copy")
