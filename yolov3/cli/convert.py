"""``yolov3 convert IN OUT``"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.options.model_options import add_darknet_options

if TYPE_CHECKING:
    from yolov3.formats.convert import ConvertOptions

HELP = "carry a model between our checkpoints, safetensors and Darknet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "source", type=Path, metavar="IN",
        help="model file (.pt, .safetensors, .weights), folder of a run, Darknet's .data file, or stem",
    )  # fmt: skip
    parser.add_argument("target", type=Path, metavar="OUT", help="new file; its ending says the kind")
    add_darknet_options(parser, of="IN")
    parser.add_argument(
        "--fit", choices=("letterbox", "stretch"), help="how IN wants its images, if its files are wrong"
    )
    parser.add_argument("--image", type=Path, help="image to compare both models on; default: a generated one")


def parse(arguments: argparse.Namespace) -> ConvertOptions:
    """The command's options."""
    from yolov3.formats.convert import ConvertOptions

    return ConvertOptions(
        arguments.source, arguments.target, arguments.cfg, arguments.names, arguments.fit, arguments.image
    )


def run(options: ConvertOptions) -> int:
    """Convert, compare both models, say how far apart they are. Raises UserError."""
    from yolov3.formats.convert import convert
    from yolov3.watching.lines import print_line

    done = convert(options)
    print_line(done.description)
    print_line(f"written: {', '.join(map(str, done.files))}")
    print_line(
        f"both models run on one image: largest difference {done.largest_difference:.3g} "
        f"(largest output {done.largest_output:.3g})"
    )
    return 0
