"""``yolov3 export WEIGHTS --to onnx|openvino``"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.dialogue.numbers import COUNT, PERCENT, SHARE, SIDE
from yolov3.options.model_options import add_darknet_options, parse_size

if TYPE_CHECKING:
    from yolov3.export.options import ExportOptions

HELP = "carry a model out of PyTorch, to onnxruntime or OpenVINO, and prove what changed"

FAILED = 1
"""Exit code when the graph was written and does not hold what it should."""


@dataclass(frozen=True)
class ExportWords:
    """What is exported; whether a program reads the answer."""

    options: ExportOptions
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "weights", type=Path, metavar="WEIGHTS",
        help="model file (.pt, .safetensors, .weights), folder of a run, Darknet's .data file, or stem",
    )  # fmt: skip
    add_darknet_options(parser, of="WEIGHTS")
    parser.add_argument("--to", choices=("onnx", "openvino"), default="onnx", help="for which program")
    parser.add_argument(
        "--precision", choices=("float32", "float16", "bfloat16", "int8"), default="float32",
        help="of the graph; bfloat16 with --to openvino only; int8 is fitted to images of the training",
    )  # fmt: skip
    parser.add_argument(
        "--outputs", choices=("boxes", "raw", "darknet"), default="boxes",
        help="decoded boxes and probabilities, the network's raw maps, or confs and boxes as Darknet v5.1 exports them",
    )  # fmt: skip
    parser.add_argument(
        "--nms", action="store_true", help="the graph suppresses boxes itself, by the next four options"
    )
    parser.add_argument("--conf", dest="confidence", type=SHARE, default=0.25, help="a score must be above this")
    parser.add_argument("--iou", dest="nms_threshold", type=SHARE, default=0.45, help="overlap that suppresses")
    parser.add_argument("--max-det", type=COUNT, default=300, help="most boxes of an image")
    parser.add_argument(
        "--class-agnostic", action="store_true", help="boxes of different classes suppress each other too"
    )
    parser.add_argument("--dynamic", action="store_true", help="any number of images of any size in multiples of 32")
    parser.add_argument(
        "--imgsz", "--img-size", dest="image_size", type=SIDE, nargs="+", metavar="N",
        help="side, or height and width, of the input; default: the model's own",
    )  # fmt: skip
    parser.add_argument(
        "--fit", choices=("letterbox", "stretch"), help="how images are fitted; default: the model's way"
    )
    parser.add_argument(
        "--calibrate",
        metavar="DATA",
        help="data whose training images int8 is fitted to; default: that of the training",
    )
    parser.add_argument(
        "--check", metavar="DATA",
        help="data whose validation images the graph is proven on; default: that of the training, else drawn images",
    )  # fmt: skip
    parser.add_argument(
        "--max-drop",
        type=PERCENT,
        default=0.5,
        metavar="POINTS",
        help="of AP50 that may be lost where it is not float32",
    )
    parser.add_argument("--output", type=Path, default=Path("runs/export"), help="a new folder is made in here")
    parser.add_argument("--name", help="the new folder's name; default: the model's")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> ExportWords:
    """The command's words. Raises UserError for what does not go together."""
    from yolov3.export.options import ExportOptions

    options = ExportOptions(
        weights=arguments.weights,
        to=arguments.to,
        precision=arguments.precision,
        outputs=arguments.outputs,
        nms=arguments.nms,
        confidence=arguments.confidence,
        nms_threshold=arguments.nms_threshold,
        max_detections=arguments.max_det,
        class_agnostic=arguments.class_agnostic,
        dynamic=arguments.dynamic,
        image_size=parse_size(arguments.image_size),
        fit=arguments.fit,
        cfg=arguments.cfg,
        names=arguments.names,
        calibrate=arguments.calibrate,
        check=arguments.check,
        max_drop=arguments.max_drop,
        output=arguments.output,
        name=arguments.name,
    )
    return ExportWords(options, arguments.json)


def run(words: ExportWords) -> int:
    """Export, prove, say what came of it. Returns 1 when the graph does not hold; raises UserError."""
    from yolov3.export.export import export_model
    from yolov3.export.report import report_lines
    from yolov3.watching.lines import print_line
    from yolov3.watching.watcher import Bar

    with output_kept_free(words.json), Bar("exporting") as bar:
        report = export_model(words.options, watcher=bar)
    if words.json:
        print_json(report.as_plain())
    else:
        for line in report_lines(report):
            print_line(line)
    return 0 if report.passed else FAILED
