"""``yolov3 serve --weights W``"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from yolov3.dialogue.numbers import BATCH_SIZE, COUNT, WholeNumber
from yolov3.options.model_options import add_model_options, parse_model_options

if TYPE_CHECKING:
    from yolov3.serving.options import ServeOptions

HELP = "answer requests with what is in their images, over HTTP, with a page to try it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_model_options(parser, confidence=0.25, nms_threshold=0.45, thresholds=True)
    parser.add_argument(
        "--host", default="127.0.0.1",
        help="address to listen at; for other than this machine's own a token is needed: the variable YOLOV3_TOKEN",
    )  # fmt: skip
    parser.add_argument(
        "--port",
        type=WholeNumber(0, 65_535),
        default=8000,
        help="port to listen at; 0: any that is free, which is told",
    )
    parser.add_argument(
        "--batch-size", type=BATCH_SIZE, default=8, help="most images that go through the network at once"
    )
    parser.add_argument("--queue", type=COUNT, default=64, help="requests in the house at a time; others get a 503")


def parse(arguments: argparse.Namespace) -> ServeOptions:
    """The command's options. Raises UserError for numbers that cannot be, and where the extra is missing."""
    from yolov3.inference.options import DetectorOptions
    from yolov3.machine.extras import require_extra
    from yolov3.serving.options import TOKEN_VARIABLE, ServeOptions

    for module in ("starlette", "uvicorn", "multipart", "prometheus_client"):
        require_extra(module, "serving")
    return ServeOptions(
        weights=arguments.weights,
        detector=DetectorOptions(**parse_model_options(arguments), thresholds=arguments.thresholds),
        host=arguments.host,
        port=arguments.port,
        batch_size=arguments.batch_size,
        queue=arguments.queue,
        token=os.environ.get(TOKEN_VARIABLE) or None,
    )


def run(options: ServeOptions) -> int:
    """Serve until a signal comes, which is raised. Raises UserError when it cannot begin."""
    from yolov3 import __version__
    from yolov3.serving.server import serve
    from yolov3.watching.lines import print_line

    serve(options, print_line, version=__version__)
    return 0
