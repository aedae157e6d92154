"""``yolov3 evaluate --weights W --data D``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.dialogue.numbers import BATCH_SIZE, WORKERS
from yolov3.errors import UserError
from yolov3.options.model_options import add_model_options, parse_model_options

if TYPE_CHECKING:
    from yolov3.evaluation.evaluate import EvaluateOptions
    from yolov3.evaluation.measure import Evaluation
    from yolov3.watching.watcher import Watcher

HELP = "measure a model on a data set: COCO's and VOC's average precision"


@dataclass(frozen=True)
class EvaluateWords:
    """What is measured and how; whether a program reads the answer; whether a page is written; the folder of a run that is to
    be finished."""

    options: EvaluateOptions
    json: bool
    report: bool
    resume: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_model_options(parser, confidence=0.001, nms_threshold=0.6)
    parser.add_argument(
        "--data",
        metavar="D",
        help="data set folder, YAML (yours or a shipped one), .data file or COCO json; without it, the data of the model's "
        "training",
    )
    parser.add_argument("changes", nargs="*", metavar="data.key=value", help="settings laid over the data's")
    parser.add_argument("--split", choices=("train", "val", "test"), default="val", help="which part of the data")
    parser.add_argument(
        "--multi-label", action=argparse.BooleanOptionalAction, default=True, help="a box may carry several classes"
    )
    parser.add_argument("--batch-size", type=BATCH_SIZE, default=16, help="images at once")
    parser.add_argument("--workers", type=WORKERS, default=2, help="processes that read images; 0: none but this one")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="finish what several processes (torchrun) have begun in this folder"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/evaluate"), help="a new folder is made in here")
    parser.add_argument("--name", help="the new folder's name; default: that of the weights")
    parser.add_argument(
        "--no-report", action="store_true", help="write no report.html, report.json and thresholds.yaml"
    )
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> EvaluateWords:
    """The command's words. Raises UserError for numbers that cannot be."""
    from yolov3.evaluation.evaluate import EvaluateOptions

    if arguments.workers < 0:
        raise UserError(f"--workers must be at least 0, found {arguments.workers}")
    options = EvaluateOptions(
        weights=arguments.weights,
        data=arguments.data,
        data_changes=tuple(arguments.changes),
        split=arguments.split,
        **parse_model_options(arguments),
        multi_label=arguments.multi_label,
        batch_size=arguments.batch_size,
        workers=arguments.workers,
        output=arguments.output,
        name=arguments.name,
    )
    return EvaluateWords(options, arguments.json, not arguments.no_report, arguments.resume)


def run(words: EvaluateWords) -> int:
    """Evaluate, print the report or JSON, write ``metrics.json``, ``predictions.json`` and the page. Raises UserError."""
    from yolov3 import __version__
    from yolov3.evaluation.report import METRICS, PREDICTIONS, print_report
    from yolov3.options.experiment_options import tell_shipped
    from yolov3.reporting.report import NUMBERS, REPORT, THRESHOLDS, Measured, write_report
    from yolov3.watching.lines import print_line
    from yolov3.watching.watcher import Bar

    tell_shipped(words.options.data)
    with output_kept_free(words.json), Bar("evaluating") as bar:
        evaluation = _evaluate(words, bar)
        if evaluation is None:  # the first of several processes tells
            return 0
        if words.report and evaluation.folder is not None:
            write_report(evaluation.folder, Measured.of(evaluation), made_with=f"yolov3 {__version__}")
    if words.json:
        print_json({**evaluation.as_plain(), "folder": str(evaluation.folder)})
        return 0
    print_report(evaluation)
    written = [METRICS, PREDICTIONS, *([REPORT, NUMBERS, THRESHOLDS] if words.report else [])]
    print_line(f"written: {evaluation.folder}/{', '.join(written)}")
    return 0


def _evaluate(words: EvaluateWords, bar: Watcher) -> Evaluation | None:
    from yolov3.processes.launch import is_one_of_several
    from yolov3.watching.watcher import Quiet

    if words.resume is None and not is_one_of_several():
        from yolov3.evaluation.evaluate import evaluate

        return evaluate(words.options, watcher=bar)
    from yolov3.evaluation.parts import evaluate_in_parts
    from yolov3.processes.world import join_world

    with join_world() as world:
        watcher = bar if world.is_first else Quiet()
        return evaluate_in_parts(words.options, world, resume=words.resume, watcher=watcher)
