"""Checks of the classes: which never occur, which hardly, which not where they are needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from yolov3.checks.classes import compare_classes, told_of_classes
from yolov3.checks.finding import Finding, first_places
from yolov3.doctor.box_checks import other_form
from yolov3.doctor.opened import OpenedSplit
from yolov3.watching.words import counted, some

UNREAD = ("pixels-for-shares", "broken-label", "unknown-class", "one-based-classes", "broken-annotation-file")
MUCH_UNREAD = 0.05
"""Share of a split's labels; where more could not be read, counting classes tells nothing."""


def check_classes(splits: Sequence[OpenedSplit]) -> Iterator[Finding]:
    """What is wrong with the classes of a data set."""
    for split in splits:
        yield from _empty_images(split)
    if any(finding.kind == "no-class-names" for split in splits for finding in split.survey.findings):
        return  # each split has made up its own
    yield from _names_alike(splits)
    names = {split.name: split.survey.names for split in splits}
    if len(set(names.values())) > 1:
        (first, own), *others = names.items()
        second, found = next((name, each) for name, each in others if each != own)
        differing = sorted(set(own) ^ set(found)) or ["their order"]
        yield Finding(
            "other-classes", "error", f"the classes of {first} and {second} are not the same: {some(differing)}",
            first_places(differing), len(differing), "what is measured is the wrong class, or training refuses to begin",
            "give all splits the same list of classes, in the same order",
        )  # fmt: skip
        return
    # A class whose boxes could not be read, or are in another form than they should be, is not absent.
    if not any(_is_much_unread(split) or other_form(split) for split in splits):
        yield from compare_classes({split.name: split.dataset for split in splits})


def _is_much_unread(split: OpenedSplit) -> bool:
    unread = sum(finding.count for finding in split.survey.findings if finding.kind in UNREAD)
    one_based = any(finding.kind == "one-based-classes" for finding in split.survey.findings)
    return one_based or unread > MUCH_UNREAD * (len(split.survey.labels) + unread)


def _empty_images(split: OpenedSplit) -> Iterator[Finding]:
    survey = split.survey
    objects = np.bincount(survey.image_index, minlength=len(survey.images))
    empty = np.flatnonzero((objects == 0) & survey.is_labelled).tolist()
    if len(survey.labels) == 0 and survey.images and not survey.findings:
        yield Finding(
            "no-objects", "error", f"{split.name}: none of its {counted(len(survey.images), 'image')} has an object",
            (survey.source,), 1, "there is nothing to learn or to measure", "see whether the labels lie where they should",
        )  # fmt: skip
    elif empty:
        share = len(empty) / len(survey.images)
        yield Finding(
            "image-without-objects", "note",
            f"{split.name}: {counted(len(empty), 'image')} ({share:.1%}) without any object",
            first_places(survey.images[place] for place in empty), len(empty),
            "they teach what is background, unless something on them was forgotten", "look at some of them",
        )  # fmt: skip


def _names_alike(splits: Sequence[OpenedSplit]) -> Iterator[Finding]:
    alike: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(name for split in splits for name in split.survey.names):
        alike["".join(filter(str.isalnum, name.lower())) or name].append(name)
    groups = [group for group in alike.values() if len(group) > 1]
    yield from told_of_classes(
        "names-alike", "warning", [" / ".join(group) for group in groups],
        "whose names differ only in case, spaces or signs", "one thing is learned as two", "write one name everywhere",
    )  # fmt: skip
