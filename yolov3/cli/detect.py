"""``yolov3 detect --weights W --source S``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.cli.model_options import add_model_options, check_model_options, input_size
from yolov3.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from yolov3.inference.detect import Tally
    from yolov3.inference.detector import Detector
    from yolov3.inference.sinks import Sink

HELP = "find things in pictures, folders, videos and camera streams"

SOME_NOT_USED = 1
"""Exit code when the rest was processed but files could not be used, or only in part."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_model_options(parser, confidence=0.25, nms_threshold=0.45)
    parser.add_argument(
        "--source", required=True, metavar="S",
        help="picture, video, folder, pattern ('dir/*.jpg'), list file, camera number, or a stream's address",
    )  # fmt: skip
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="only these classes, by name or number")
    parser.add_argument("--batch-size", type=int, default=4, help="pictures at once")
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16", "float16", "auto"), default="float32", help="of the network"
    )
    parser.add_argument("--no-save", action="store_true", help="write no drawn pictures and videos")
    parser.add_argument("--save-txt", action="store_true", help="write YOLO text labels")
    parser.add_argument("--save-conf", action="store_true", help="with the scores in the text labels")
    parser.add_argument("--save-json", action="store_true", help="write detections.json")
    parser.add_argument("--save-csv", action="store_true", help="write detections.csv")
    parser.add_argument("--save-crop", action="store_true", help="write what is inside each box")
    parser.add_argument("--view", action="store_true", help="show the results in a window; q stops")
    parser.add_argument("--max-frames", type=int, metavar="N", help="stop a video or a stream after N frames")
    parser.add_argument("--output", type=Path, default=Path("runs/detect"), help="a new folder is made in here")
    parser.add_argument("--name", default="detect", help="the new folder's name")


def run(arguments: argparse.Namespace) -> int:
    """Detect, write what was asked for, print a summary. Returns 1 when some files could not be used; raises UserError
    when nothing could begin."""
    from rich.console import Console

    from yolov3.inference.detect import Tally
    from yolov3.inference.sources import open_source

    _check(arguments)
    source = open_source(arguments.source)
    detector = _make_detector(arguments)
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for note in source.notes:
        console.print(note)
    print(f"{detector.model.description} ({arguments.weights}) on {detector.device}")
    tally = Tally()
    folder = _detect(arguments, detector, source.items, console, tally)
    for line in _summary(detector, tally):
        print(line)
    if folder is not None:
        print(f"written: {folder}")
    if not tally.frames:
        raise UserError(f"source {arguments.source}: none of its {len(source.items)} files could be used")
    return SOME_NOT_USED if tally.problems or tally.damaged else 0


def _detect(
    arguments: argparse.Namespace, detector: Detector, items: tuple, console: Console, tally: Tally
) -> Path | None:
    """Run the loop with a bar and the wanted sinks. Returns the folder that was written, if any."""
    from contextlib import ExitStack

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from yolov3.inference.detect import DetectionLoop, Watcher
    from yolov3.run_folder import make_run_folder

    saves = not arguments.no_save or any(
        (arguments.save_txt, arguments.save_json, arguments.save_csv, arguments.save_crop)
    )
    folder = make_run_folder(arguments.output, arguments.name) if saves else None
    progress = Progress(
        TextColumn("detecting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip
    with ExitStack() as stack:
        sinks = [stack.enter_context(sink) for sink in _make_sinks(arguments, folder, tally)]
        stack.enter_context(progress)
        task = progress.add_task("detecting", total=None)
        watcher = Watcher(
            advance=lambda done, total: progress.update(task, completed=done, total=total), say=console.print
        )
        try:
            DetectionLoop(detector, sinks, watcher, tally, arguments.batch_size, arguments.max_frames).run(items)
        except KeyboardInterrupt:
            console.print(f"stopped after {tally.frames} frames; what was written is complete so far")
            raise
    return folder


def _make_sinks(arguments: argparse.Namespace, folder: Path | None, tally: Tally) -> list[Sink]:
    from yolov3.inference.sinks import CropSink, CsvSink, JsonSink, PictureSink, TextSink, WindowSink

    sinks: list[Sink] = []
    if folder is not None:
        if not arguments.no_save:
            sinks.append(PictureSink(folder))
        if arguments.save_txt:
            sinks.append(TextSink(folder, with_scores=arguments.save_conf))
        if arguments.save_json:
            sinks.append(JsonSink(folder))
        if arguments.save_csv:
            sinks.append(CsvSink(folder))
        if arguments.save_crop:
            sinks.append(CropSink(folder))
    if arguments.view:
        sinks.append(WindowSink(lambda: setattr(tally, "stopped", True)))
    return sinks


def _make_detector(arguments: argparse.Namespace) -> Detector:
    from yolov3.inference.detector import Detector

    return Detector(
        arguments.weights,
        device=arguments.device,
        confidence=arguments.confidence,
        nms_threshold=arguments.nms_threshold,
        image_size=input_size(arguments),
        fit=arguments.fit,
        classes=arguments.classes,
        class_agnostic=arguments.class_agnostic,
        max_detections=arguments.max_det,
        precision=arguments.precision,
    )


def _check(arguments: argparse.Namespace) -> None:
    import os
    import sys

    check_model_options(arguments)
    if arguments.max_frames is not None and arguments.max_frames < 1:
        raise UserError(f"--max-frames must be at least 1, found {arguments.max_frames}")
    if arguments.save_conf and not arguments.save_txt:
        raise UserError("--save-conf adds scores to the text labels; give --save-txt too")
    # OpenCV ends the whole process when a window cannot be opened.
    if (
        arguments.view
        and sys.platform == "linux"
        and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    ):
        raise UserError("--view needs a screen, and none is there (DISPLAY is not set)")


def _summary(detector: Detector, tally: Tally) -> list[str]:
    """The lines at the end: what was found, and where the time went."""
    frames = max(1, tally.frames)
    found = ", ".join(f"{count} {name}" for name, count in tally.boxes.most_common(12))
    more = len(tally.boxes) - 12
    lines = [f"{tally.frames} images, {tally.boxes.total()} boxes" + (f": {found}" if found else "")]
    if more > 0:
        lines[0] += f" and {more} more classes"
    times = detector.times
    stages = {
        "reading": tally.reading,
        "preprocessing": times.preprocess,
        "network": times.network,
        "post-processing": times.postprocess,
        "drawing and writing": tally.writing,
    }
    lines.append("milliseconds per image: " + ", ".join(f"{k} {1000 * v / frames:.1f}" for k, v in stages.items()))
    if tally.problems or tally.damaged:
        lines.append(f"{len(tally.problems)} files could not be used, {len(tally.damaged)} were damaged")
    return lines
