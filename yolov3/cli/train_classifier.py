"""``yolov3 train-classifier FOLDER``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.numbers import BATCH_SIZE, EPOCHS, RATE, SEED, SIDE, WIDTH, WORKERS
from yolov3.errors import UserError

if TYPE_CHECKING:
    from yolov3.training.classification import ClassifierChanges

HELP = "train Darknet-53 on images in class folders, for a detector to start from"


@dataclass(frozen=True)
class ClassifierWords:
    """The options that were given, and which run goes on."""

    options: ClassifierChanges
    resume: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments. What is not given is left out, so that a run that goes on keeps its own."""
    add = parser.add_argument
    absent = argparse.SUPPRESS
    add("data", nargs="?", metavar="FOLDER", default=absent, help="holds train/CLASS/*.jpg and val/CLASS/*.jpg")
    add("--width", type=WIDTH, default=absent, help="factor on every layer's channels (default: 1.0)")
    add("--imgsz", "--img-size", dest="side", type=SIDE, default=absent, help="side of the input (default: 256)")
    add("--epochs", type=EPOCHS, default=absent, help="times through all images (default: 90)")
    add("--batch-size", type=BATCH_SIZE, default=absent, help="images per step (default: 32)")
    add("--lr", dest="learning_rate", type=RATE, default=absent, help="rate after the warm-up (default: 0.025)")
    add("--workers", type=WORKERS, default=absent, help="processes that read images (default: 2)")
    add("--seed", type=SEED, default=absent, help="of everything random (default: 0)")
    add("--device", default=absent, help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--output", default=absent, help="a new folder is made in here (default: runs/classifier)")
    add("--name", default=absent, help="the new folder's name; default: that of the data")
    add("--resume", type=Path, metavar="RUN", help="go on with a stopped run: its folder or its weights/last.pt")


def parse(arguments: argparse.Namespace) -> ClassifierWords:
    """The command's words. Raises UserError when there is nothing to learn from."""
    given = dict(vars(arguments))
    resume = given.pop("resume")
    if resume is None and "data" not in given:
        raise UserError("give the folder of the images, or --resume RUN")
    return ClassifierWords(given, resume)  # type: ignore[arg-type]  # the names are those that were declared above


def run(words: ClassifierWords) -> int:
    """Train; 0 when done, 130 or 143 when stopped with everything saved."""
    from yolov3.processes.interruption import Interrupted
    from yolov3.processes.launch import is_first_process
    from yolov3.training.classification import train_classifier
    from yolov3.watching.lines import print_line

    try:
        result = train_classifier(resume=words.resume, **words.options)
    except Interrupted as stop:
        print_line(f"{stop}; everything is saved, go on with: yolov3 train-classifier --resume {stop.folder}")
        return stop.exit_code
    if is_first_process():
        if result.was_ended_by:
            longer = f"--epochs {2 * len(result.history)}"
            print_line(f"to train longer: yolov3 train-classifier --resume {result.folder} {longer}")
        print_line(f"best top-1 {result.best_score:.4f}; weights: {result.best}")
        print_line(f"start a detector from it: yolov3 train CONFIG train.weights={result.best}")
    return 0
