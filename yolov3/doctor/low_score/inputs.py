"""Supposed mistakes in how images come into a network: colours, the range of pixels, the fit, the size; and in batch norm's
statistics. Each takes a pass of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from yolov3.doctor.low_score.hypothesis import Guess, Score
from yolov3.doctor.low_score.trial import Trial
from yolov3.geometry import SMALLEST_SIDE
from yolov3.machine.device import normalised
from yolov3.structures import Fit, Preprocessing, Size

USUAL_SIDES = (320, 416, 608)
"""Of YOLOv3's inputs."""

PIXEL_RANGE = 255.0
OTHER_FIT: dict[Fit, Fit] = {"letterbox": "stretch", "stretch": "letterbox"}


def pixel_guesses(trial: Trial, baseline: float) -> list[Guess]:
    """The colours in another order, the pixels in another range."""

    def guess(kind: str, words: str, fix: str, change: Callable[[Tensor], Tensor]) -> Guess:
        return Guess(kind, words, fix, baseline, lambda: trial.score(trial.found(trial.look(change=change))))

    return [
        guess(
            "colours",
            "the network expects BGR images and gets RGB",
            "turn the input channels of the first convolution around (weight.flip(1)) and save the model again, or train "
            "with RGB images",
            _swap_colours,
        ),
        guess(
            "pixel range",
            "the network expects pixels from 0 to 255 and gets 0 to 1",
            "multiply the weights of the first convolution by 255 and save the model again",
            partial(_scale_pixels, factor=PIXEL_RANGE),
        ),
        guess(
            "pixel range",
            "the network expects pixels that are divided by 255 twice",
            "divide the weights of the first convolution by 255 and save the model again",
            partial(_scale_pixels, factor=1 / PIXEL_RANGE),
        ),
    ]


def fitting_guesses(trial: Trial, baseline: float) -> list[Guess]:
    """The other fit, other sizes of the input."""
    own = trial.preprocessing
    other = replace(own, fit=OTHER_FIT[own.fit])
    fits = [
        Guess(
            "fit",
            f"the network was trained with the fit {other.fit} and gets {own.fit}",
            f"give --fit {other.fit} (in a .cfg: letter_box={int(other.fit == 'letterbox')} in [net])",
            baseline,
            lambda: _score_with(trial, other),
        )
    ]
    stride = max(level.stride for level in trial.network.levels)
    for size in other_sizes(own.size, max(SMALLEST_SIDE, stride)):
        (height, width), (own_height, own_width) = size, own.size
        fits.append(
            Guess(
                "size",
                f"the network wants an input of {width}x{height}, not of {own_width}x{own_height} (width x height)",
                f"give --imgsz {height} {width} (in a .cfg: width={width}, height={height} in [net])",
                baseline,
                partial(_score_with, trial, replace(own, size=size)),
            )
        )
    return fits


def statistics_guesses(trial: Trial, baseline: float) -> list[Guess]:
    """Batch norm with the statistics of the images at hand; nothing where the network has none."""
    sizes = [side // level.stride for level in trial.network.levels for side in trial.preprocessing.size]
    if not _norms(trial.network) or min(sizes) < 2:  # one cell of one image has no variance
        return []

    def measure() -> Score:
        with batch_statistics(trial.network):
            view = trial.look()
        return trial.score(trial.found(view))

    fix = (
        "if it was converted, take the running mean and variance over too; if it was trained here, train longer or with a "
        "larger train.norm_momentum"
    )
    words = "batch norm's running statistics do not belong to the weights: with those of the images at hand it works"
    return [Guess("batch norm", words, fix, baseline, measure)]


def other_sizes(own: Size, step: int) -> list[Size]:
    """Sizes (height, width) near one's own, its aspect kept, in multiples of ``step``: the usual ones, and for one that is not
    among them half and twice of it."""
    longer = max(own)
    sides = [side for side in USUAL_SIDES if longer / 2 <= side <= 2 * longer]
    if longer not in USUAL_SIDES:
        sides += [longer // 2, 2 * longer]
    sizes: list[Size] = []
    for side in sides:
        height, width = (max(step, round(each * side / longer / step) * step) for each in own)
        if (height, width) != own and (height, width) not in sizes:
            sizes.append((height, width))
    return sizes


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Batch norm takes the statistics of each batch, and writes none down: its running ones are laid aside, and put back."""
    aside = [(part, part.running_mean, part.running_var) for part in _norms(network)]
    for part, _, _ in aside:
        part.running_mean = part.running_var = None
    try:
        yield
    finally:
        for part, mean, variance in aside:
            part.running_mean, part.running_var = mean, variance


def _norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]


def _score_with(trial: Trial, preprocessing: Preprocessing) -> Score:
    return trial.score(trial.found(trial.look(preprocessing)))


def _swap_colours(images: Tensor) -> Tensor:
    return images.flip(1)


def _scale_pixels(images: Tensor, *, factor: float) -> Tensor:
    return normalised(images, torch.device("cpu")) * factor
