"""Everything once, on generated images: make data, train, evaluate, detect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolov3.config.experiment import Experiment
from yolov3.config.loading import build_experiment, merge
from yolov3.errors import UserError
from yolov3.evaluation.evaluate import evaluate
from yolov3.evaluation.measure import Evaluation
from yolov3.evaluation.report import print_report
from yolov3.files.run_folder import make_run_folder
from yolov3.inference.detect import detect
from yolov3.inference.report import summary_lines
from yolov3.outputs.catalogue import DRAWN
from yolov3.shapes.dataset import write_shapes_dataset, write_shapes_video
from yolov3.training.train import train
from yolov3.watching.lines import print_line
from yolov3.watching.watcher import Bar
from yolov3.watching.words import counted

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


@dataclass(frozen=True)
class DemoOptions:
    """A new folder is made in ``output``; ``epochs`` None: those of SETTINGS; ``images`` to train on; the ``seed`` of the
    images and the training."""

    output: Path = Path("runs/demo")
    epochs: int | None = None
    images: int = TRAIN_IMAGES
    seed: int = 0

    def __post_init__(self) -> None:
        if self.images < 1 or (self.epochs is not None and self.epochs < 1):
            raise UserError(f"images and epochs must be at least 1, found {self.images} and {self.epochs}")


@dataclass(frozen=True)
class DemoResult:
    """What there is to look at: the folder of the new ``images`` with their boxes, the ``video``, the folder of the
    training's ``run``, the file of the ``metrics``, and the ``evaluation`` they hold."""

    images: Path
    video: Path
    run: Path
    metrics: Path
    evaluation: Evaluation


def demo(options: DemoOptions) -> DemoResult:
    """See it work. Tells what it does as it goes. Raises Interrupted as training does."""
    folder = make_run_folder(options.output, "demo")
    total = counted(options.images + VAL_IMAGES, "image")
    _say(f"1  Making {total} of six kinds of things, and a video, in {folder}/shapes")
    data = write_shapes_dataset(
        folder / "shapes", train=options.images, val=VAL_IMAGES, unseen=UNSEEN_IMAGES, seed=options.seed
    )
    video = write_shapes_video(folder / "shapes.mp4", frames=VIDEO_FRAMES, fps=VIDEO_RATE, seed=options.seed)
    experiment = _experiment(data, folder, options)
    _say(f"2  Training a small YOLOv3-tiny for {counted(experiment.train.epochs, 'epoch')}")
    trained = train(experiment, name="train")
    _say("3  Measuring it on images it was not trained on")
    with Bar("evaluating") as bar:
        evaluation = evaluate(weights=trained.best, data=data, output=folder, name="evaluate", watcher=bar)
    print_report(evaluation)
    _say("4  Detecting in new images and in the video")
    for source, name in ((data / "unseen", "images"), (video, "video")):
        with Bar("detecting") as bar:
            found = detect(
                weights=trained.best, source=source, save=(DRAWN, "json"), output=folder, name=name, watcher=bar
            )
        print_line("\n".join(summary_lines(found)))
    return DemoResult(
        images=folder / "images",
        video=folder / "video" / "shapes.mp4",
        run=trained.folder,
        metrics=folder / "evaluate" / "metrics.json",
        evaluation=evaluation,
    )


def _experiment(data: Path, folder: Path, options: DemoOptions) -> Experiment:
    changes: dict[str, Any] = {
        "data": {"root": str(data), "format": "coco"},
        "train": {"output": str(folder), "seed": options.seed},
    }
    if options.epochs is not None:
        changes["train"]["epochs"] = options.epochs
    return build_experiment(merge(SETTINGS, changes), "the demo's settings")


def _say(text: str) -> None:
    print_line(f"\n{text}")
