"""``yolov3 models``: which networks there are and what they cost."""

from __future__ import annotations

import argparse

from yolov3.errors import UserError

HELP = "list the networks with their parameters and operations"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--imgsz", "--img-size", dest="image_size", type=int, default=416, help="side of the input")
    parser.add_argument("--num-classes", type=int, default=80, help="classes of the detectors")
    parser.add_argument("--width", type=float, default=1.0, help="factor on every layer's channels")


def run(arguments: argparse.Namespace) -> int:
    """Print the table, as Markdown, so that it can be pasted."""
    import torch

    from yolov3.models import Darknet53Classifier, YOLOv3
    from yolov3.models.cost import count_operations, count_parameters
    from yolov3.models.yolov3 import VARIANTS

    side = arguments.image_size
    if side < 32 or side % 32:
        raise UserError(f"--imgsz must be a multiple of 32, found {side}")
    if arguments.num_classes < 1 or arguments.width <= 0:
        raise UserError("--num-classes and --width must be above 0")
    with torch.device("meta"):
        networks = {
            name: YOLOv3(num_classes=arguments.num_classes, variant=name, width=arguments.width) for name in VARIANTS
        }
        classifier = Darknet53Classifier(num_classes=1000, width=arguments.width)
    print("| model | classes | input | strides | parameters | operations (GFLOP) |")
    print("|---|--:|--:|---|--:|--:|")
    for name, network in networks.items():
        strides = ", ".join(str(level.stride) for level in network.levels)
        cost = count_operations(network, (side, side)) / 1e9
        print(f"| {name} | {network.num_classes} | {side} | {strides} | {count_parameters(network):,} | {cost:.2f} |")
    cost = count_operations(classifier, (256, 256)) / 1e9
    print(f"| darknet53 (classifier) | 1000 | 256 | 32 | {count_parameters(classifier):,} | {cost:.2f} |")
    return 0
