"""The options that every command with a trained model has: how boxes are chosen, how images are fitted, where it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from yolov3.dialogue.numbers import COUNT, SHARE, SIDE
from yolov3.errors import UserError

if TYPE_CHECKING:
    from yolov3.runtimes.opening import RuntimeName
    from yolov3.structures import Fit
    from yolov3.tiles.grid import TileRule

OVERLAP = 0.2  # yolov3/tiles/grid.py's, which is too slow to import for help
PRECISIONS = ("float32", "bfloat16", "float16", "int8", "auto")
RUNTIMES = ("torch", "onnxruntime", "openvino", "auto")


def add_model_options(
    parser: argparse.ArgumentParser, *, confidence: float, nms_threshold: float, thresholds: bool = False
) -> None:
    """Declare them, with these defaults; with ``thresholds`` a file of them, too."""
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="W",
        help="model file (.pt, .safetensors, .weights, .onnx, .xml), folder of a run or an export, Darknet's .data file, "
        "stem (backup/x), or the name of a known model",
    )  # fmt: skip
    add_darknet_options(parser, of="W")
    least = parser.add_mutually_exclusive_group()
    least.add_argument(
        "--conf", "--conf-thres", dest="confidence", type=SHARE, default=confidence, help="a score must be above this"
    )
    if thresholds:
        least.add_argument(
            "--thresholds", type=Path, metavar="FILE",
            help="a score must be above that of its class in this file, such as the thresholds.yaml of an evaluation; with "
            "the rules of suppression that it names",
        )  # fmt: skip
    parser.add_argument(
        "--iou", "--iou-thres", dest="nms_threshold", type=SHARE, default=nms_threshold,
        help="a box that overlaps a better one of its class by more than this is dropped",
    )  # fmt: skip
    parser.add_argument("--max-det", type=COUNT, default=300, help="most boxes of an image")
    parser.add_argument("--class-agnostic", action="store_true", help="boxes of different classes suppress each other")
    parser.add_argument(
        "--imgsz", "--img-size", dest="image_size", type=SIDE, nargs="+", metavar="N",
        help="side, or height and width, of the network's input; default: the model's own",
    )  # fmt: skip
    parser.add_argument(
        "--fit",
        choices=("letterbox", "stretch"),
        help="how images are fitted into the input; default: the model's way",
    )
    parser.add_argument(
        "--rect", action="store_true", help="compute no more of a letterbox's border than the network's strides need"
    )
    parser.add_argument(
        "--tiles", metavar="T",
        help="look at large images in parts that overlap: auto (parts as large as the network's input), ROWSxCOLUMNS, or a "
        "side in pixels",
    )  # fmt: skip
    parser.add_argument(
        "--overlap", type=SHARE, help=f"of neighbouring tiles, a share of their side (default: {OVERLAP})"
    )
    parser.add_argument(
        "--tiles-whole", action="store_true", help="look at the whole image too, for things larger than a tile"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--precision", choices=PRECISIONS,
        help="of the network; auto: bfloat16 where the processor has it; default: float32, of an exported graph its own",
    )  # fmt: skip
    parser.add_argument(
        "--runtime", choices=RUNTIMES,
        help="what computes weights; auto: the fastest that is installed; default: torch, of an exported graph its own",
    )  # fmt: skip


def add_darknet_options(parser: argparse.ArgumentParser, *, of: str) -> None:
    """Declare the files that belong to Darknet's weights, which the argument called ``of`` names."""
    parser.add_argument("--cfg", type=Path, help=f"Darknet's .cfg of {of}; default: the one of its name beside it")
    parser.add_argument("--names", type=Path, help=f"Darknet's .names of {of}; default: those beside it that fit")


class ModelValues(TypedDict):
    """What the options say, by the names that the records of options have for it."""

    cfg: Path | None
    names: Path | None
    confidence: float
    nms_threshold: float
    max_detections: int
    class_agnostic: bool
    image_size: tuple[int, int] | None
    fit: Fit | None
    rect: bool
    tiles: TileRule | None
    device: str
    precision: str | None
    runtime: RuntimeName | None


def parse_model_options(arguments: argparse.Namespace) -> ModelValues:
    """The values of the options. Raises UserError for sizes and tiles that cannot be."""
    from yolov3.tiles.grid import tile_rule

    return ModelValues(
        cfg=arguments.cfg,
        names=arguments.names,
        confidence=arguments.confidence,
        nms_threshold=arguments.nms_threshold,
        max_detections=arguments.max_det,
        class_agnostic=arguments.class_agnostic,
        image_size=parse_size(arguments.image_size),
        fit=arguments.fit,
        rect=arguments.rect,
        tiles=tile_rule(arguments.tiles, arguments.overlap, arguments.tiles_whole),
        device=arguments.device,
        precision=arguments.precision,
        runtime=arguments.runtime,
    )


def parse_size(numbers: Sequence[int] | None) -> tuple[int, int] | None:
    """(height, width) of the numbers of --imgsz. Raises UserError."""
    if numbers and len(numbers) > 2:
        raise UserError(f"--imgsz takes a side, or height and width, found {len(numbers)} numbers")
    return (numbers[0], numbers[-1]) if numbers else None
