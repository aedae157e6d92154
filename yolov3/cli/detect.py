"""``yolov3 detect --weights W --source S``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.cli.model_options import add_model_options, parse_batch_size, parse_model_options
from yolov3.errors import UserError
from yolov3.outputs.catalogue import DRAWN, OUTPUTS

if TYPE_CHECKING:
    from yolov3.inference.detect import DetectOptions

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
    parser.add_argument("--no-save", action="store_true", help="write no drawn pictures and videos")
    for word, kind in OUTPUTS.items():
        if word != DRAWN:
            parser.add_argument(f"--save-{word}", action="append_const", const=word, dest="save", help=kind.help)
    parser.add_argument("--save-conf", action="store_true", help="with the scores in the text labels")
    parser.add_argument("--view", action="store_true", help="show the results in a window; q stops")
    parser.add_argument("--max-frames", type=int, metavar="N", help="stop a video or a stream after N frames")
    parser.add_argument("--output", type=Path, default=Path("runs/detect"), help="a new folder is made in here")
    parser.add_argument("--name", default="detect", help="the new folder's name")


def parse(arguments: argparse.Namespace) -> DetectOptions:
    """The command's options. Raises UserError for numbers that cannot be."""
    from yolov3.inference.detect import DetectOptions
    from yolov3.inference.detector import DetectorOptions

    if arguments.max_frames is not None and arguments.max_frames < 1:
        raise UserError(f"--max-frames must be at least 1, found {arguments.max_frames}")
    if arguments.save_conf and "txt" not in (arguments.save or ()):
        raise UserError("--save-conf adds scores to the text labels; give --save-txt too")
    detector = DetectorOptions(**parse_model_options(arguments), classes=arguments.classes)
    drawn = () if arguments.no_save else (DRAWN,)
    return DetectOptions(
        weights=arguments.weights,
        source=arguments.source,
        detector=detector,
        batch_size=parse_batch_size(arguments),
        save=tuple(dict.fromkeys((*drawn, *(arguments.save or ())))),
        save_scores=arguments.save_conf,
        view=arguments.view,
        max_frames=arguments.max_frames,
        output=arguments.output,
        name=arguments.name,
    )


def run(options: DetectOptions) -> int:
    """Detect, write what was asked for, print a summary. Returns 1 when some files could not be used; raises UserError
    when nothing could begin."""
    from yolov3.inference.detect import detect
    from yolov3.inference.report import summary_lines
    from yolov3.watching.lines import print_line
    from yolov3.watching.watcher import Bar

    with Bar("detecting") as bar:
        summary = detect(options, watcher=bar)
    for line in summary_lines(summary):
        print_line(line)
    return 0 if summary.is_whole else SOME_NOT_USED
