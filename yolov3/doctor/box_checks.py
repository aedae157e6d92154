"""Checks of the boxes as they are written: where they lie, whether they have an area, whether their numbers mean what they
are taken for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np

from yolov3.checks.finding import Finding, Severity, first_places
from yolov3.datasets.assemble import CLIP_TOLERANCE
from yolov3.doctor.opened import OpenedSplit
from yolov3.doctor.survey import Form, corners
from yolov3.watching.words import counted

FEWEST_FOR_A_FORM = 10
"""Boxes from which it is told that all of them are written in another form: a few could be slips."""

MISFIT_SHARE = 0.2
"""Of the boxes as they are read; among boxes that only a hand slipped with, a hundredth is much."""

FITTING_SHARE = 0.98
"""Of the boxes read in the other form; a few may be wrong besides."""

FIT_TOLERANCE = 1.0  # pixels that a box may reach out of its image when it is asked whether a form fits

SAME_BOX = 0.1
"""Pixels: annotation tools do not place corners finer, and six decimals of a share are less in any image."""

FORM_NAMES: dict[Form, str] = {
    "xyxy": "two corners (left, top, right, bottom)",
    "xywh": "a corner and the size (left, top, width, height)",
    "cxcywh": "the centre and the size (x, y, width, height)",
}


def check_boxes(split: OpenedSplit) -> Iterator[Finding]:
    """What is wrong with the boxes of a split."""
    another = other_form(split)
    if another is not None:
        yield _wrong_form(split, another)
        return
    yield from _check_areas(split)
    yield from _check_edges(split)
    yield from _check_doubles(split)


def other_form(split: OpenedSplit) -> Form | None:
    """The form in which the numbers of a split make sense, where they make none in their format's own."""
    numbers = split.survey.in_pixels(split.sizes)
    measured = ~np.isnan(split.boxes).any(axis=1)
    if measured.sum() < FEWEST_FOR_A_FORM:
        return None
    numbers, sizes = numbers[measured], split.sizes[measured]
    fitting = {form: float(_fits(corners(numbers, form), sizes).mean()) for form in get_args(Form)}
    if fitting.pop(split.survey.form) > 1 - MISFIT_SHARE:
        return None
    best: Form = max(fitting, key=lambda form: fitting[form])
    return best if fitting[best] >= FITTING_SHARE else None


def _fits(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(M,) bool: which boxes (M, 4) have an area and lie in their image of ``sizes`` (M, 2)."""
    inside = (boxes[:, :2] >= -FIT_TOLERANCE) & (boxes[:, 2:] <= sizes[:, ::-1] + FIT_TOLERANCE)
    return np.all((boxes[:, 2:] > boxes[:, :2]) & inside, axis=1)


def _wrong_form(split: OpenedSplit, form: Form) -> Finding:
    survey = split.survey
    misfit = np.flatnonzero(~_fits(split.boxes, split.sizes)).tolist()
    what = (
        f"{split.name}: {len(misfit)} of {counted(len(split.boxes), 'box')} make no sense as {FORM_NAMES[survey.form]}, "
        f"and nearly all do as {FORM_NAMES[form]}"
    )
    return Finding(
        "wrong-box-form", "error", what, first_places(map(survey.place_of, misfit)), len(misfit),
        "boxes are dropped, clipped, or lie where nothing is",
        f"write boxes as {FORM_NAMES[survey.form]}, as {survey.format.upper()} has them",
    )  # fmt: skip


def _check_areas(split: OpenedSplit) -> Iterator[Finding]:
    sides = split.boxes[:, 2:] - split.boxes[:, :2]
    if split.survey.form == "xyxy":
        # As written: a box of one pixel, whose corners are the same, is none to the readers.
        sides = split.survey.numbers[:, 2:] - split.survey.numbers[:, :2]
    inside_out = (sides < 0).any(axis=1)
    flat = (sides == 0).any(axis=1) & ~inside_out
    yield from _told(
        split, inside_out, "inside-out-box", "warning",
        "whose right or bottom lies before its left or top" if split.survey.form == "xyxy" else "with a negative side",
        "it is dropped: the object is learned as background", "exchange the corners",
    )  # fmt: skip
    yield from _told(
        split, flat, "box-without-area", "warning", "without area",
        "it is dropped: if there is an object, it is learned as background", "draw it anew, or remove it",
    )  # fmt: skip


def _check_edges(split: OpenedSplit) -> Iterator[Finding]:
    boxes, limits = split.boxes, np.tile(split.sizes[:, ::-1], 2).astype(np.float64)
    has_area = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    outside = has_area & ((boxes[:, 2:] <= 0) | (boxes[:, :2] >= limits[:, :2])).any(axis=1)
    moved = np.abs(np.clip(boxes, 0, limits) - boxes).max(axis=1, initial=0)
    reaching = has_area & ~outside & (moved > CLIP_TOLERANCE)
    if split.survey.one_based:
        from_zero = has_area & (split.survey.numbers[:, :2] == 0).any(axis=1)
        # What reaches out by that one pixel alone is told once.
        reaching = reaching & ~(from_zero & (moved <= 1))
        yield from _told(
            split, from_zero, "zero-based-corners", "note", "with a corner at 0, where VOC's first pixel is 1",
            "if all are counted from 0, each lies a pixel too far to the left and to the top", "data.one_based=false",
        )  # fmt: skip
    yield from _told(
        split, outside, "box-outside", "warning", "wholly outside of its image",
        "it is dropped; perhaps the annotation belongs to another image", "see whether image and annotation belong together",
    )  # fmt: skip
    yield from _told(
        split, reaching, "box-reaches-out", "warning", f"reaching out of its image by more than {CLIP_TOLERANCE:g} pixels",
        "it is cut at the edge, which is right where the object goes on outside", "see whether it is meant so",
    )  # fmt: skip


def _check_doubles(split: OpenedSplit) -> Iterator[Finding]:
    survey = split.survey
    chosen = np.flatnonzero(split.known & ~survey.ignore)
    places = np.rint(split.boxes[chosen] / SAME_BOX).astype(np.int64)
    of_image = np.column_stack((survey.image_index[chosen], places))
    boxes, box_of = np.unique(of_image, axis=0, return_inverse=True)
    labels = survey.labels[chosen]
    pairs, first = np.unique(np.column_stack((box_of.reshape(-1), labels)), axis=0, return_index=True)
    doubled = np.ones(len(chosen), bool)
    doubled[first] = False
    classes = np.bincount(pairs[:, 0], minlength=len(boxes)) if len(pairs) else np.zeros(0, np.int64)
    ambiguous = (classes[box_of.reshape(-1)] > 1) & ~doubled if len(chosen) else doubled
    for where, kind, says, costs, advice in (
        (doubled, "doubled-box", "written twice, with one class", "the object counts twice, and one of the two is never found",
         "remove one"),
        (ambiguous, "box-with-two-classes", "of which another one has the very place and another class",
         "the network learns both classes there; measured, one of the two is never found", "keep the right one"),
    ):  # fmt: skip
        mask = np.zeros(len(split.boxes), bool)
        mask[chosen[where]] = True
        yield from _told(split, mask, kind, "warning", says, costs, advice)


def _told(
    split: OpenedSplit, mask: np.ndarray, kind: str, severity: Severity, says: str, costs: str, advice: str
) -> Iterator[Finding]:
    numbers = np.flatnonzero(mask).tolist()
    if numbers:
        what = f"{split.name}: {len(numbers)} of {counted(len(mask), 'box')} {says}"
        places = first_places(f"{split.survey.place_of(number)}" for number in numbers)
        yield Finding(kind, severity, what, places, len(numbers), costs, advice)
