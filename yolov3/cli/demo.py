"""``yolov3 demo``: everything once, on generated pictures: make data, train, evaluate, detect."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolov3.config import Experiment

HELP = "see it work: make a small data set, train on it, evaluate, detect in pictures and a video"

TRAIN_IMAGES, VAL_IMAGES, UNSEEN_IMAGES = 1440, 120, 12
VIDEO_FRAMES, VIDEO_RATE = 120, 20.0

SETTINGS: dict[str, Any] = {
    "model": {
        "variant": "yolov3-tiny",
        "width": 0.5,
        "image_size": 224,
        "anchors": [[[58, 62], [72, 74], [92, 90]], [[35, 44], [44, 35], [46, 48]]],
    },
    "augment": {"flip_vertical": 0.5, "hue": 0.02, "jitter": 0.15, "scale": [0.8, 1.1]},
    "train": {"epochs": 14, "batch_size": 16, "evaluate_every": 7, "ema": 0.998},
}
"""A network that two CPU cores train in minutes. The mirror images go both ways because the world is seen from above."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--output", type=Path, default=Path("runs/demo"), help="a new folder is made in here")
    parser.add_argument("--epochs", type=int, help="fewer for a quick look")
    parser.add_argument("--images", type=int, default=TRAIN_IMAGES, help="training pictures to make")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and the training")


def run(arguments: argparse.Namespace) -> int:
    """Make the data, train, evaluate, detect; name the files to look at."""
    from yolov3.cli import main
    from yolov3.datasets.shapes import write_shapes_dataset, write_shapes_video
    from yolov3.engine.interruption import Interrupted
    from yolov3.engine.train import train
    from yolov3.errors import UserError
    from yolov3.run_folder import make_run_folder

    if arguments.images < 1 or (arguments.epochs is not None and arguments.epochs < 1):
        raise UserError("--images and --epochs must be at least 1")
    folder = make_run_folder(arguments.output, "demo")
    _say(f"1  Making {arguments.images + VAL_IMAGES} pictures of six kinds of things, and a video, in {folder}/shapes")
    data = write_shapes_dataset(
        folder / "shapes", train=arguments.images, val=VAL_IMAGES, unseen=UNSEEN_IMAGES, seed=arguments.seed
    )
    video = write_shapes_video(folder / "shapes.mp4", frames=VIDEO_FRAMES, fps=VIDEO_RATE, seed=arguments.seed)
    experiment = _experiment(data, folder, arguments)
    _say(f"2  Training a small YOLOv3-tiny for {experiment.train.epochs} epochs")
    try:
        result = train(experiment, name="train")
    except Interrupted as stop:
        print(f"{stop}; everything is saved, go on with: yolov3 train --resume {stop.folder}")
        return stop.exit_code
    weights = str(result.best)
    _say("3  Measuring it on pictures it was not trained on")
    code = main(["evaluate", "--weights", weights, "--data", str(data), "--output", str(folder), "--name", "evaluate"])
    _say("4  Detecting in new pictures and in the video")
    for source, name in ((data / "unseen", "pictures"), (video, "video")):
        code = code or main(
            [
                "detect",
                "--weights",
                weights,
                "--source",
                str(source),
                "--output",
                str(folder),
                "--name",
                name,
                "--save-json",
            ]
        )
    if code == 0:
        _say("Look at")
        print(f"  {folder}/pictures/         the new pictures with their boxes")
        print(f"  {folder}/video/shapes.mp4  the video with its boxes")
        print(f"  {result.folder}/curves.png  the training, epoch by epoch (results.csv holds the numbers)")
        print(f"  {result.folder}/predictions.png  what it finds in eight validation pictures, the truth in white")
        print(f"  {folder}/evaluate/metrics.json  the measurement")
    return code


def _experiment(data: Path, folder: Path, arguments: argparse.Namespace) -> Experiment:
    from yolov3.config import build_experiment, merge

    changes: dict[str, Any] = {
        "data": {"root": str(data), "format": "coco"},
        "train": {"output": str(folder), "seed": arguments.seed},
    }
    if arguments.epochs is not None:
        changes["train"]["epochs"] = arguments.epochs
    return build_experiment(merge(SETTINGS, changes), "the demo's settings")


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)
