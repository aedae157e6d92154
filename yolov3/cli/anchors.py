"""``yolov3 anchors CONFIG [section.key=value ...]``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.errors import UserError

if TYPE_CHECKING:
    from yolov3.anchors import AnchorSet
    from yolov3.structures import Level

HELP = "fit anchors to the boxes of a data set, as the network will see them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("config", type=Path, help="experiment file")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="settings that override the file's")
    parser.add_argument("--write", type=Path, metavar="NEW", help="write the experiment with the fitted anchors here")
    parser.add_argument("--seed", type=int, default=0, help="of the fitting")


def run(arguments: argparse.Namespace) -> int:
    """Fit, tell the fit before and after, write a new experiment file if asked. Raises UserError."""
    from yolov3.anchor_fitting import fit_anchors, measure_anchors
    from yolov3.config import load_experiment
    from yolov3.datasets import open_dataset
    from yolov3.datasets.box_sides import box_sides
    from yolov3.engine.setup import build_detector

    experiment = load_experiment(arguments.config, arguments.overrides)
    dataset = open_dataset(experiment.data, "train")
    sides = box_sides(dataset, experiment.model.preprocessing)
    network = build_detector(experiment.model, num_classes=len(dataset.names))
    levels: tuple[Level, ...] = network.levels  # type: ignore[assignment]  # the contract of our networks
    old = tuple(level.anchors for level in levels)
    try:
        new = fit_anchors(sides, num_levels=len(old), per_level=len(old[0]), seed=arguments.seed)
    except ValueError as error:
        raise UserError(f"{dataset.source}: {error}") from error
    print(f"{len(sides)} boxes of {dataset.source}")
    for name, anchors in (("now", old), ("fitted", new)):
        fit = measure_anchors(sides, anchors)
        print(f"{name:<7} mean IoU {fit.mean_iou:.3f}, recall at IoU 0.5 {fit.recall:.3f}: {_as_text(anchors)}")
    print(f"use them with: model.anchors='{_as_text(new)}'")
    if arguments.write:
        _write(arguments, new)
    return 0


def _as_text(anchors: AnchorSet) -> str:
    return "[" + ", ".join("[" + ", ".join(f"[{w:g}, {h:g}]" for w, h in level) + "]" for level in anchors) + "]"


def _write(arguments: argparse.Namespace, anchors: AnchorSet) -> None:
    """The experiment file's own settings and overrides, with the anchors, as a new file."""
    import yaml

    from yolov3.config import read_settings
    from yolov3.formats.atomic import write_text_atomically

    if arguments.write.exists():
        raise UserError(f"{arguments.write}: exists already; name a new file")
    given = read_settings(arguments.config, arguments.overrides)
    given.setdefault("model", {})["anchors"] = [[list(anchor) for anchor in level] for level in anchors]
    write_text_atomically(arguments.write, yaml.safe_dump(given, sort_keys=False))
    print(f"written: {arguments.write}")
