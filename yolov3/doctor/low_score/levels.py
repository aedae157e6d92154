"""Supposed mistakes in what a network's raw maps mean: which anchors a level has, their scale, the arithmetic of boxes. All
decode the same maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from yolov3.anchors import TINY_ANCHORS, YOLOV3_ANCHORS, AnchorSet, anchors_text
from yolov3.doctor.low_score.hypothesis import Guess
from yolov3.doctor.low_score.trial import Trial, View
from yolov3.structures import Level

PUBLISHED: dict[str, AnchorSet] = {"YOLOv3": YOLOV3_ANCHORS, "YOLOv3-tiny": TINY_ANCHORS}
OTHER_SIDES = (320, 416, 512, 608, 640)
"""Of inputs that anchors may have been fitted to."""

XY_SCALES = (1.0, 1.05, 1.1, 1.2, 2.0)
XY_SCALES_OF_YOLOV4 = (1.05, 1.1, 1.2)
"""Of its three levels, coarse first; yolov4.cfg."""

Levels = tuple[Level, ...]
Anchors = tuple[tuple[float, float], ...]


class Reading(NamedTuple):
    """A way to read the maps."""

    kind: str
    words: str
    levels: Levels


def level_guesses(trial: Trial, view: View, baseline: float) -> list[Guess]:
    """Each other way to read the maps of a view."""
    own = trial.network.levels

    def guess(reading: Reading) -> Guess:
        return Guess(
            reading.kind,
            reading.words,
            _fix(own, reading.levels),
            baseline,
            lambda: trial.score(trial.found(view, levels=reading.levels)),
        )

    return [guess(reading) for reading in other_readings(own, max(trial.preprocessing.size))]


def other_readings(own: Levels, side: int) -> list[Reading]:
    """The usual mistaken readings of the maps of ``own`` levels and an input whose longer side is ``side`` pixels, each
    once."""
    readings: list[Reading] = []
    for reading in (*_other_masks(own), *_other_scales(own, side), *_other_arithmetic(own)):
        if reading.levels != own and all(reading.levels != before.levels for before in readings):
            readings.append(reading)
    return readings


def anchor_ladder(own: Levels) -> Anchors:
    """All anchors of the levels from small to large, each once; the published list where they are a part of one, as with
    masks that leave one out."""
    anchors = dict.fromkeys(anchor for level in reversed(own) for anchor in level.anchors)
    for known in PUBLISHED.values():
        whole = dict.fromkeys((float(width), float(height)) for level in reversed(known) for width, height in level)
        if anchors.keys() <= whole.keys():
            anchors = whole
            break
    return tuple(sorted(anchors, key=lambda anchor: anchor[0] * anchor[1]))


def _other_masks(own: Levels) -> Iterator[Reading]:
    """Anchors on other levels: those of another level, a window of the list that begins elsewhere, a published set."""
    for name, known in PUBLISHED.items():
        if [len(level) for level in known] == [len(level.anchors) for level in own]:
            yield Reading("anchors", f"the network was trained with the anchors of {name}", _with_anchors(own, known))
    swapped = tuple(level.anchors for level in reversed(own))
    if [len(anchors) for anchors in swapped] == [len(level.anchors) for level in own]:
        yield Reading("masks", "the anchors of the levels are in the wrong order", _with_anchors(own, swapped))
    ladder = anchor_ladder(own)
    for number, level in enumerate(own):
        count = len(level.anchors)
        for start in range(len(ladder) - count + 1):
            levels = list(own)
            levels[number] = replace(level, anchors=ladder[start : start + count])
            mask = ",".join(str(place) for place in range(start, start + count))
            words = (
                f"the level of stride {level.stride} was trained with other anchors than {anchors_text(level.anchors)}: "
                f"mask {mask} of {anchors_text(ladder)}"
            )
            yield Reading("masks", words, tuple(levels))
    turned = tuple(tuple((height, width) for width, height in level.anchors) for level in own)
    yield Reading("anchors", "widths and heights of the anchors are exchanged", _with_anchors(own, turned))
    reverse = tuple(tuple(reversed(level.anchors)) for level in own)
    yield Reading("anchors", "the anchors of each level are in the reverse order", _with_anchors(own, reverse))


def _other_scales(own: Levels, side: int) -> Iterator[Reading]:
    strides = tuple(float(level.stride) for level in own)
    yield Reading("anchors", "the anchors are given in cells instead of pixels", _scaled(own, strides))
    inverse = tuple(1 / stride for stride in strides)
    yield Reading("anchors", "the anchors are multiplied by the stride once too often", _scaled(own, inverse))
    yield Reading("anchors", "the anchors are given as shares of the input's side", _scaled(own, (side,) * len(own)))
    for other in OTHER_SIDES:
        if other == side:
            continue
        for first, second in ((side, other), (other, side)):
            words = f"the anchors are in pixels of an input of {second}, and the network has those of {first}"
            yield Reading("anchors", words, _scaled(own, (first / second,) * len(own)))


def _other_arithmetic(own: Levels) -> Iterator[Reading]:
    flipped = tuple(replace(level, new_coordinates=not level.new_coordinates) for level in own)
    has = "with" if own[0].new_coordinates else "without"
    yield Reading("boxes", f"the boxes are not meant {has} new_coords", flipped)
    scales = [(scale,) * len(own) for scale in XY_SCALES]
    if len(own) == len(XY_SCALES_OF_YOLOV4):
        scales.append(XY_SCALES_OF_YOLOV4)
    for each in scales:
        levels = tuple(replace(level, xy_scale=scale) for level, scale in zip(own, each))
        text = ", ".join(f"{scale:g}" for scale in dict.fromkeys(each))
        yield Reading("boxes", f"the network was trained with another scale_x_y: {text}", levels)


def _with_anchors(own: Levels, anchors: AnchorSet) -> Levels:
    return tuple(
        replace(level, anchors=tuple((float(width), float(height)) for width, height in given))
        for level, given in zip(own, anchors)
    )


def _scaled(own: Levels, factors: tuple[float, ...]) -> Levels:
    return tuple(
        replace(level, anchors=tuple((width * factor, height * factor) for width, height in level.anchors))
        for level, factor in zip(own, factors)
    )


def _fix(own: Levels, levels: Levels) -> str:
    """What to write where, for the levels that differ."""
    parts = []
    for before, after in zip(own, levels):
        if after.anchors != before.anchors:
            parts.append(f"anchors {anchors_text(after.anchors)}")
        if after.xy_scale != before.xy_scale:
            parts.append(f"scale_x_y={after.xy_scale:g}")
        if after.new_coordinates != before.new_coordinates:
            parts.append(f"new_coords={int(after.new_coordinates)}")
        if parts and after != before:
            parts[-1] += f" at stride {after.stride}"
    return (
        f"give the [yolo] layers of the .cfg (by mask and anchors): {'; '.join(parts)}; a checkpoint becomes .weights with "
        "such a .cfg by converting it"
    )
