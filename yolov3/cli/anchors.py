"""``yolov3 anchors [CONFIG] [--data D] [section.key=value ...]``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.dialogue.numbers import SEED
from yolov3.errors import UserError
from yolov3.options.experiment_options import ExperimentWords, add_experiment_arguments, parse_experiment

if TYPE_CHECKING:
    from yolov3.anchors import AnchorSet

HELP = "fit anchors to the boxes of a data set, as the network will see them"


@dataclass(frozen=True)
class AnchorWords:
    """Which experiment's data, with which overrides, where the experiment with its new anchors goes, and whether a program
    reads the answer."""

    experiment: ExperimentWords
    write: Path | None
    seed: int
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)
    parser.add_argument("--write", type=Path, metavar="NEW", help="write the experiment with the fitted anchors here")
    parser.add_argument("--seed", type=SEED, default=0, help="of the fitting")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> AnchorWords:
    """The command's words. Raises UserError when nothing is said."""
    words = parse_experiment(arguments)
    if words.are_none:
        raise UserError("give an experiment file, such as configs/yolov3_tiny_bccd.yaml, or --data D")
    return AnchorWords(words, arguments.write, arguments.seed, arguments.json)


def run(words: AnchorWords) -> int:
    """Cluster, tell the match before and after, write a new experiment file if asked. Raises UserError."""
    experiment = words.experiment.load()  # a mistake is told before torch is imported

    from yolov3.training.anchors import propose_anchors
    from yolov3.watching.lines import print_line
    from yolov3.watching.words import counted

    with output_kept_free(words.json):
        found = propose_anchors(experiment, seed=words.seed)
        if words.write:
            _write(words, words.write, found.clustered)
    if words.json:
        print_json({**found.as_plain(), "written": str(words.write) if words.write else None})
        return 0
    print_line(f"{counted(found.num_boxes, 'box')} of {found.source}")
    for name, anchors, match in (
        ("now", found.now, found.now_match),
        ("fitted", found.clustered, found.clustered_match),
    ):
        print_line(
            f"{name:<7} mean IoU {match.mean_iou:.3f}, recall at IoU 0.5 {match.recall:.3f}: {_as_text(anchors)}"
        )
    print_line(f"use them with: model.anchors='{_as_text(found.clustered)}'")
    if words.write:
        print_line(f"written: {words.write}")
    return 0


def _as_text(anchors: AnchorSet) -> str:
    return "[" + ", ".join("[" + ", ".join(f"[{w:g}, {h:g}]" for w, h in level) + "]" for level in anchors) + "]"


def _write(words: AnchorWords, new: Path, anchors: AnchorSet) -> None:
    """The experiment file's own settings and overrides, with the anchors, as a new file."""
    from yolov3.config.loading import read_settings
    from yolov3.files.atomic import write_text_atomically
    from yolov3.files.strict_yaml import write_yaml

    if new.exists():
        raise UserError(f"{new}: exists already; name a new file")
    given = read_settings(words.experiment.file, words.experiment.all_overrides())
    given.setdefault("model", {})["anchors"] = [[list(anchor) for anchor in level] for level in anchors]
    write_text_atomically(new, write_yaml(given))
