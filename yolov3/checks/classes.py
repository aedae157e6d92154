"""Classes that never occur, hardly ever, or not where they are needed, counted in what is learned: boxes that the readers
drop, and those that nobody is asked for (crowds, difficult objects), do not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt

import numpy as np

from yolov3.checks.finding import Finding, Severity, first_places
from yolov3.datasets.dataset import Dataset
from yolov3.watching.words import counted, some

FEWEST_OBJECTS = 10
"""Of a class, to be learned from: with fewer, what is learned is these very objects."""

ENOUGH_TO_COMPARE = 10  # images with a class in both splits together, before its share in the two is compared
OTHER_SHARE = 2.0  # times more or less often than in training
BEYOND_CHANCE = 4.0
"""Standard deviations of the difference of two shares. Images are counted and not objects, which come in heaps."""


def compare_classes(splits: Mapping[str, Dataset]) -> Iterator[Finding]:
    """What is wrong with the classes of the splits by their names, which all have the same ones."""
    names = next((dataset.names for dataset in splits.values()), ())
    counts = {split: _objects(dataset) for split, dataset in splits.items()}
    yield from _absent(counts, names)
    train = counts.get("train")
    if train is None:
        return
    rare = [f"{name} ({train[name]})" for name in names if 0 < train[name] < FEWEST_OBJECTS]
    yield from told_of_classes(
        "rare-class", "warning", rare, f"with fewer than {FEWEST_OBJECTS} objects in train",
        "they will hardly be learned", "label more, or leave them out",
    )  # fmt: skip
    for split, dataset in splits.items():
        if split != "train":
            yield from _compare(train, split, counts[split])
            yield from _compare_shares(splits["train"], dataset, split)


def _objects(dataset: Dataset) -> Counter[str]:
    """The objects of each class."""
    labels = [sample.labels[~sample.ignore] for sample in dataset.samples]
    return _by_name(np.concatenate(labels) if labels else np.zeros(0, np.int64), dataset)


def _images(dataset: Dataset) -> Counter[str]:
    """On how many images each class is."""
    labels = [np.unique(sample.labels[~sample.ignore]) for sample in dataset.samples]
    return _by_name(np.concatenate(labels) if labels else np.zeros(0, np.int64), dataset)


def _by_name(labels: np.ndarray, dataset: Dataset) -> Counter[str]:
    counts = np.bincount(labels.astype(np.int64), minlength=len(dataset.names)).tolist()
    return Counter(dict(zip(dataset.names, counts)))


def _absent(counts: Mapping[str, Counter[str]], names: Iterable[str]) -> Iterator[Finding]:
    absent = [name for name in names if not any(each[name] for each in counts.values())]
    yield from told_of_classes(
        "absent-class", "warning", absent, "without any object",
        "they cannot be learned; the network has outputs that never answer", "label some, or leave them out of the names",
    )  # fmt: skip


def _compare(train: Counter[str], split: str, found: Counter[str]) -> Iterator[Finding]:
    yield from told_of_classes(
        "class-not-in-training", "error", [f"{name} ({found[name]})" for name in found if found[name] and not train[name]],
        f"in {split} and not in train", "they cannot be learned, and are measured all the same",
        "divide the images anew (data.val_share gives every class its share), or label some in train",
    )  # fmt: skip
    yield from told_of_classes(
        "class-not-measured", "note", [name for name in train if train[name] and not found[name]],
        f"in train and not in {split}", f"{split} says nothing of them", "divide the images anew, or label some there",
    )  # fmt: skip


def _compare_shares(train: Dataset, other: Dataset, split: str) -> Iterator[Finding]:
    """Classes that are on another share of the images."""
    own, found = len(train), len(other)
    if not own or not found:
        return
    on_train, on_other = _images(train), _images(other)
    differing = []
    for name in train.names:
        here, there = on_other[name] / found, on_train[name] / own
        both = (on_train[name] + on_other[name]) / (own + found)
        chance = sqrt(both * (1 - both) * (1 / own + 1 / found))
        is_other = min(here, there) > 0 and max(here, there) >= OTHER_SHARE * min(here, there)
        enough = on_train[name] + on_other[name] >= ENOUGH_TO_COMPARE
        if enough and is_other and abs(here - there) > BEYOND_CHANCE * chance:
            differing.append(f"{name} (on {here:.0%} of the images, in train on {there:.0%})")
    yield from told_of_classes(
        "class-shares-differ", "warning", differing, f"whose share in {split} is not like that in train",
        "what is measured there is not what was learned for", "divide the images anew, at random or by data.val_share",
    )  # fmt: skip


def told_of_classes(
    kind: str, severity: Severity, names: Sequence[str], says: str, costs: str, advice: str
) -> Iterator[Finding]:
    """What is to be told of the classes of these names; nothing where there are none."""
    if names:
        what = f"{counted(len(names), 'class')} {says}: {some(names)}"
        yield Finding(kind, severity, what, first_places(names), len(names), costs, advice)
