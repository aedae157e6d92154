"""Checks of the classes: which never occur, which hardly, which not where they are needed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt

import numpy as np

from yolov3.doctor.finding import Finding, Severity, first_places
from yolov3.doctor.opened import OpenedSplit
from yolov3.doctor.survey import UNKNOWN_CLASS
from yolov3.watching.words import counted, some

FEWEST_OBJECTS = 10
"""Of a class, to be learned from: with fewer, what is learned is these very objects."""

ENOUGH_TO_COMPARE = 10  # images with a class in both splits together, before its share in the two is compared
OTHER_SHARE = 2.0  # times more or less often than in training
BEYOND_CHANCE = 4.0
"""Standard deviations of the difference of two shares. Images are counted and not objects, which come in heaps."""

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
    if any(_is_much_unread(split) for split in splits):
        return
    counts: dict[str, Counter[str]] = {split.name: _counts(split) for split in splits}
    yield from _absent(counts, splits[0].survey.names)
    train = counts.get("train")
    if train is None:
        return
    rare = [f"{name} ({train[name]})" for name in splits[0].survey.names if 0 < train[name] < FEWEST_OBJECTS]
    yield from _told(
        "rare-class", "warning", rare, f"with fewer than {FEWEST_OBJECTS} objects in train",
        "they will hardly be learned", "label more, or leave them out",
    )  # fmt: skip
    learned = next(split for split in splits if split.name == "train")
    for split in splits:
        if split is not learned:
            yield from _compare(train, split.name, counts[split.name])
            yield from _compare_shares(learned, split)


def _counts(split: OpenedSplit) -> Counter[str]:
    """The objects of each class that are learned, by its name."""
    labels = split.survey.labels[~split.survey.ignore & (split.survey.labels != UNKNOWN_CLASS)]
    counts = np.bincount(labels, minlength=len(split.survey.names)).tolist()
    return Counter(dict(zip(split.survey.names, counts)))


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
    yield from _told(
        "names-alike", "warning", [" / ".join(group) for group in groups],
        "whose names differ only in case, spaces or signs", "one thing is learned as two", "write one name everywhere",
    )  # fmt: skip


def _absent(counts: Mapping[str, Counter[str]], names: Iterable[str]) -> Iterator[Finding]:
    absent = [name for name in names if not any(each[name] for each in counts.values())]
    yield from _told(
        "absent-class", "warning", absent, "without any object",
        "they cannot be learned; the network has outputs that never answer", "label some, or leave them out of the names",
    )  # fmt: skip


def _compare(train: Counter[str], split: str, found: Counter[str]) -> Iterator[Finding]:
    yield from _told(
        "class-not-in-training", "error", [f"{name} ({found[name]})" for name in found if found[name] and not train[name]],
        f"in {split} and not in train", "they cannot be learned, and are measured all the same",
        "divide the images anew (data.val_share gives every class its share), or label some in train",
    )  # fmt: skip
    yield from _told(
        "class-not-measured", "note", [name for name in train if train[name] and not found[name]],
        f"in train and not in {split}", f"{split} says nothing of them", "divide the images anew, or label some there",
    )  # fmt: skip


def _compare_shares(train: OpenedSplit, other: OpenedSplit) -> Iterator[Finding]:
    """Classes that are on another share of the images."""
    own, found = len(train.survey.images), len(other.survey.images)
    if not own or not found:
        return
    on_train, on_other = _images_with(train), _images_with(other)
    differing = []
    for name in train.survey.names:
        here, there = on_other[name] / found, on_train[name] / own
        both = (on_train[name] + on_other[name]) / (own + found)
        chance = sqrt(both * (1 - both) * (1 / own + 1 / found))
        is_other = min(here, there) > 0 and max(here, there) >= OTHER_SHARE * min(here, there)
        enough = on_train[name] + on_other[name] >= ENOUGH_TO_COMPARE
        if enough and is_other and abs(here - there) > BEYOND_CHANCE * chance:
            differing.append(f"{name} (on {here:.0%} of the images, in train on {there:.0%})")
    yield from _told(
        "class-shares-differ", "warning", differing, f"whose share in {other.name} is not like that in train",
        "what is measured there is not what was learned for", "divide the images anew, at random or by data.val_share",
    )  # fmt: skip


def _images_with(split: OpenedSplit) -> Counter[str]:
    """On how many images each class is."""
    survey = split.survey
    usable = ~survey.ignore & (survey.labels != UNKNOWN_CLASS)
    pairs = np.unique(np.column_stack((survey.image_index[usable], survey.labels[usable])), axis=0)
    counts = np.bincount(pairs[:, 1], minlength=len(survey.names)).tolist()
    return Counter(dict(zip(survey.names, counts)))


def _told(kind: str, severity: Severity, names: Sequence[str], says: str, costs: str, advice: str) -> Iterator[Finding]:
    if names:
        what = f"{counted(len(names), 'class')} {says}: {some(names)}"
        yield Finding(kind, severity, what, first_places(names), len(names), costs, advice)
