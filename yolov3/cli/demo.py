"""``yolov3 demo``: everything once, on generated images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.numbers import COUNT, EPOCHS, SEED

if TYPE_CHECKING:
    from yolov3.demo import DemoOptions

HELP = "see it work: make a small data set, train on it, evaluate, detect in images and a video"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--output", type=Path, default=Path("runs/demo"), help="a new folder is made in here")
    parser.add_argument("--epochs", type=EPOCHS, help="fewer for a quick look")
    parser.add_argument("--images", type=COUNT, default=1440, help="training images to make")
    parser.add_argument("--seed", type=SEED, default=0, help="of the images and the training")


def parse(arguments: argparse.Namespace) -> DemoOptions:
    """The command's options."""
    from yolov3.demo import DemoOptions

    return DemoOptions(arguments.output, arguments.epochs, arguments.images, arguments.seed)


def run(options: DemoOptions) -> int:
    """Make the data, train, evaluate, detect; name the files to look at."""
    from yolov3.demo import demo
    from yolov3.processes.interruption import Interrupted
    from yolov3.watching.lines import print_line

    try:
        shown = demo(options)
    except Interrupted as stop:
        print_line(f"{stop}; everything is saved, go on with: yolov3 train --resume {stop.folder}")
        return stop.exit_code
    print_line("\nLook at")
    print_line(f"  {shown.images}/  the new images with their boxes")
    print_line(f"  {shown.video}  the video with its boxes")
    if (shown.run / "curves.png").is_file():  # else the training has said why
        print_line(f"  {shown.run}/curves.png  the training, epoch by epoch (results.csv holds the numbers)")
    print_line(f"  {shown.run}/predictions.png  what it finds in eight validation images, the truth in white")
    print_line(f"  {shown.metrics}  the measurement")
    return 0
