"""``yolov3 detect --weights W --source S``"""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.numbers import BATCH_SIZE, COUNT, COUNT_FROM_ZERO
from yolov3.errors import UserError
from yolov3.options.model_options import add_model_options, parse_model_options
from yolov3.outputs.catalogue import COUNTS, DRAWN, OUTPUTS

if TYPE_CHECKING:
    from yolov3.inference.detect import DetectOptions, DetectSummary
    from yolov3.watching.watcher import Watcher

HELP = "find things in images, folders, videos and camera streams"

JSONL = "jsonl"

SOME_NOT_USED = 1
"""Exit code when the rest was processed but files could not be used, or only in part, or could not be written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_model_options(parser, confidence=0.25, nms_threshold=0.45, thresholds=True)
    parser.add_argument(
        "--source", required=True, nargs="+", action="extend", metavar="S",
        help="images, videos, folders, patterns ('dir/*.jpg'), list files, camera numbers, addresses of images and "
        "streams, .streams files (an address per line), or - for the standard input (a path per line, or the bytes of an "
        "image); all streams are looked at together",
    )  # fmt: skip
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="only these classes, by name or number")
    parser.add_argument("--skip", nargs="+", default=(), metavar="CLASS", help="none of these classes")
    parser.add_argument(
        "--blur", nargs="+", default=(), metavar="CLASS",
        help="make what is found of these classes unrecognisable in all that is written and shown",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=BATCH_SIZE, default=4, help="images at once")
    parser.add_argument("--no-save", action="store_true", help="write no drawn images and videos")
    for word, kind in OUTPUTS.items():
        if word == JSONL:
            parser.add_argument("--save-jsonl", nargs="?", const="", choices=("", "-"), metavar="-", help=kind.help)
        elif word not in (DRAWN, COUNTS):
            parser.add_argument(f"--save-{word}", action="append_const", const=word, dest="save", help=kind.help)
    parser.add_argument(
        "--format", choices=("yolov3", "darknet"), default="yolov3", dest="form",
        help="of json and of the lines of --verbose: ours, or those of Darknet's -out and -ext_output",
    )  # fmt: skip
    parser.add_argument(
        "--codec", choices=("auto", "h264", "mp4v"), default="auto",
        help="of drawn videos; auto: H.264 where ffmpeg is installed with an encoder of it",
    )  # fmt: skip
    parser.add_argument("--save-conf", action="store_true", help="with the scores in the text labels")
    parser.add_argument(
        "--track", action="store_true", help="follow things through videos and streams: each keeps a number of its own"
    )
    parser.add_argument(
        "--count-line", action="append", default=[], metavar="X1,Y1,X2,Y2",
        help="count what passes this line, in both directions; pixels, or shares of the image; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--count-zone", action="append", default=[], metavar="X1,Y1,X2,Y2,X3,Y3,...",
        help="count what is in this polygon, now and in all; may be repeated",
    )  # fmt: skip
    parser.add_argument("--view", action="store_true", help="show the results in a window; q stops")
    telling = parser.add_mutually_exclusive_group()
    telling.add_argument("--verbose", action="store_true", help="tell what is in each image in a line")
    telling.add_argument("--quiet", action="store_true", help="tell only what was found, and what went wrong")
    parser.add_argument("--max-frames", type=COUNT, metavar="N", help="stop a video or a stream after N frames")
    _add_stream_arguments(parser)
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="finish what several processes (torchrun) have begun in this folder"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/detect"), help="a new folder is made in here")
    parser.add_argument("--name", default="detect", help="the new folder's name")


def _add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--realtime", action="store_true", help="play video files at their own rate, as if they were cameras"
    )
    parser.add_argument(
        "--frames", choices=("newest", "every"),
        help="which frames of a stream: the newest, passing over what came before it (default), or every one, however late",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=COUNT_FROM_ZERO, default=600, metavar="SECONDS",
        help="how long a stream that broke is tried again (default: %(default)s)",
    )  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What is to be done, whether little is to be told of it, and the folder of a run that is to be finished."""

    options: DetectOptions
    quiet: bool
    resume: Path | None


def parse(arguments: argparse.Namespace) -> Request:
    """The command's options. Raises UserError for numbers that cannot be."""
    from yolov3.inference.detect import DetectOptions
    from yolov3.inference.options import DetectorOptions
    from yolov3.sources.stream_options import StreamOptions
    from yolov3.tracking.counting import CountLine, CountZone

    if arguments.save_conf and "txt" not in (arguments.save or ()):
        raise UserError("--save-conf adds scores to the text labels; give --save-txt too")
    detector = DetectorOptions(
        **parse_model_options(arguments),
        classes=arguments.classes,
        skip=arguments.skip,
        thresholds=arguments.thresholds,
    )
    drawn = () if arguments.no_save else (DRAWN,)
    options = DetectOptions(
        weights=arguments.weights,
        source=arguments.source,
        detector=detector,
        batch_size=arguments.batch_size,
        save=tuple(dict.fromkeys((*drawn, *(arguments.save or ()), *((JSONL,) if arguments.save_jsonl == "" else ())))),
        save_scores=arguments.save_conf,
        stream_json=arguments.save_jsonl == "-",
        form=arguments.form,
        codec=arguments.codec,
        blur=arguments.blur,
        track=arguments.track,
        count_lines=tuple(map(CountLine.parse, arguments.count_line)),
        count_zones=tuple(map(CountZone.parse, arguments.count_zone)),
        view=arguments.view,
        verbose=arguments.verbose,
        max_frames=arguments.max_frames,
        streams=StreamOptions(arguments.frames, arguments.realtime, arguments.patience),
        output=arguments.output,
        name=arguments.name,
    )
    return Request(options, arguments.quiet, arguments.resume)


def run(request: Request) -> int:
    """Detect, write what was asked for, print a summary. Returns 1 when some files could not be used or written; raises
    UserError when nothing could begin."""
    from rich.console import Console

    from yolov3.inference.report import result_lines, stream_table, summary_lines
    from yolov3.processes.launch import is_one_of_several, would_be_started_again
    from yolov3.watching.lines import print_line
    from yolov3.watching.tables import print_table

    with _watcher(request) as watcher:
        summary = _detect(request, watcher)
    if summary is None:  # the first of several processes tells
        return 0
    stream = sys.stderr if request.options.stream_json else sys.stdout
    for line in result_lines(summary) if request.quiet else summary_lines(summary):
        print_line(line, stream)
    streams = stream_table(summary)
    if streams is not None and not request.quiet:
        print_table(streams, Console(file=stream))
    if summary.is_whole or (is_one_of_several() and would_be_started_again()):
        return 0
    return SOME_NOT_USED


def _detect(request: Request, watcher: Watcher) -> DetectSummary | None:
    from yolov3.processes.launch import is_one_of_several

    if request.resume is None and not is_one_of_several():
        from yolov3.inference.detect import detect

        return detect(request.options, watcher=watcher)
    from yolov3.inference.parts import detect_in_parts
    from yolov3.processes.world import join_world

    with join_world() as world:
        return detect_in_parts(request.options, world, resume=request.resume, watcher=watcher)


def _watcher(request: Request) -> AbstractContextManager[Watcher]:
    from yolov3.processes.launch import is_first_process
    from yolov3.watching.watcher import Bar, InLines, Quiet

    if request.quiet or not is_first_process():
        return nullcontext(Quiet())
    return nullcontext(InLines()) if request.options.verbose else Bar("detecting")
