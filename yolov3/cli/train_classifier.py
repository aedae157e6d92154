"""``yolov3 train-classifier FOLDER``"""

from __future__ import annotations

import argparse
from pathlib import Path

from yolov3.errors import UserError

HELP = "train Darknet-53 on pictures in class folders, for a detector to start from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("data", type=Path, metavar="FOLDER", help="holds train/CLASS/*.jpg and val/CLASS/*.jpg")
    parser.add_argument("--width", type=float, default=1.0, help="factor on every layer's channels")
    parser.add_argument("--imgsz", "--img-size", dest="side", type=int, default=256, help="side of the input")
    parser.add_argument("--epochs", type=int, default=90, help="times through all pictures")
    parser.add_argument("--batch-size", type=int, default=32, help="pictures per step")
    parser.add_argument("--lr", dest="learning_rate", type=float, default=0.025, help="learning rate after the warm-up")
    parser.add_argument("--workers", type=int, default=2, help="processes that read pictures")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--output", type=Path, default=Path("runs/classifier"), help="a new folder is made in here")
    parser.add_argument("--name", help="the new folder's name; default: that of the data")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with a stopped run's folder")


def run(arguments: argparse.Namespace) -> int:
    """Train; 0 when done, 130 when stopped, with the last whole epoch saved."""
    from yolov3.datasets.class_folders import read_class_folders
    from yolov3.engine.classify import ClassifierSettings, train_classifier
    from yolov3.engine.interruption import Interrupted
    from yolov3.run_folder import make_run_folder

    if arguments.side < 32 or arguments.side % 32:
        raise UserError(f"--imgsz must be a multiple of 32, found {arguments.side}")
    if min(arguments.epochs, arguments.batch_size) < 1 or min(arguments.width, arguments.learning_rate) <= 0:
        raise UserError("--epochs, --batch-size, --width and --lr must be above 0")
    if arguments.workers < 0:
        raise UserError(f"--workers must be at least 0, found {arguments.workers}")
    training = read_class_folders(arguments.data / "train")
    validation = read_class_folders(arguments.data / "val", names=training.names)
    print(f"{len(training)} training and {len(validation)} validation pictures of {len(training.names)} classes")
    names = ("width", "side", "epochs", "batch_size", "learning_rate", "workers", "seed", "device")
    settings = ClassifierSettings(**{name: getattr(arguments, name) for name in names})
    folder = arguments.resume or make_run_folder(arguments.output, arguments.name or arguments.data.resolve().name)
    resume = arguments.resume / "last.pt" if arguments.resume else None
    try:
        result = train_classifier(training, validation, settings, folder, resume=resume)
    except Interrupted as stop:
        print(f"stopped; go on with: yolov3 train-classifier {arguments.data} ... --resume {folder}")
        return stop.exit_code
    print(f"best top-1 {result.top1:.4f}, top-5 {result.top5:.4f}; weights: {result.best}")
    print(f"start a detector from it: yolov3 train CONFIG train.weights={result.best}")
    return 0
