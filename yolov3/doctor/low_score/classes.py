"""Supposed mistakes in which class is which: by name or by number, counted from another number, in another order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.optimize import linear_sum_assignment  # albumentations needs and brings it

from yolov3.detections import Detections
from yolov3.doctor.low_score.hypothesis import Guess, Score
from yolov3.doctor.low_score.trial import NO_CLASS, Trial, View, labels_by_number, partners
from yolov3.files.class_names import class_key
from yolov3.watching.words import some

LEAST_PAIRS = 10
"""From fewer pairs of a box and a truth no other order of the classes is told."""

MOST_MOVED = 10
"""So many classes are named in words."""


def class_guesses(trial: Trial, view: View, names: Sequence[str], baseline: float, *, seed: int) -> list[Guess]:
    """Each other assignment of the network's classes, called ``names`` (empty: nobody knows), to the data's. The best order
    of all is found on half of the images, drawn by the seed, and measured on the others."""

    def measure(labels: tuple[int, ...]) -> Score:
        return trial.score(trial.found(view, class_labels=labels))

    guesses = [
        Guess("classes", words, fix, baseline, partial(measure, labels))
        for words, fix, labels in _other_labels(trial, names)
    ]
    order = _order_guess(trial, view, names, seed)
    return guesses if order is None else [*guesses, order]


def best_labels(counts: np.ndarray, own: Sequence[int]) -> tuple[int, ...]:
    """The one-to-one assignment of the network's labels to the data's that most pairs agree with: ``counts`` (data's classes,
    network's) of pairs. What no pair speaks of keeps its ``own`` label, or has none if that is taken."""
    favour = counts.astype(np.float64)
    for data_label, label in enumerate(own):
        if label != NO_CLASS:
            favour[data_label, label] += 0.5  # less than a pair
    labels = [NO_CLASS] * len(own)
    for data_label, label in zip(*linear_sum_assignment(favour, maximize=True)):
        if favour[data_label, label] > 0:
            labels[int(data_label)] = int(label)
    return tuple(labels)


def _other_labels(trial: Trial, names: Sequence[str]) -> list[tuple[str, str, tuple[int, ...]]]:
    """Words, what to do, and the network's label of each of the data's classes."""
    own, data_names, num_classes = trial.class_labels, trial.dataset.names, trial.network.num_classes
    number = labels_by_number(len(data_names), num_classes)
    others = [
        (
            "the names say nothing: the classes go by their numbers",
            "give the model's classes the data's names in the data's order (for Darknet's weights --names)",
            number,
        ),
        (
            "the classes go by their names, as far as the model and the data share them, and not by their numbers",
            "give the classes of the data the model's names for them, in the data's own order",
            _labels_by_name(names, data_names),
        ),
        (
            "the labels of the data are one too high: they count from 1",
            "take 1 off each label of the data, or give its first class its own name in the list of names",
            _shifted(own, number, num_classes, -1),
        ),
        (
            "the labels of the data are one too low, or the network has a class for the background first",
            "add 1 to each label of the data, or put the missing name first in the list of names",
            _shifted(own, number, num_classes, 1),
        ),
    ]
    known = {own}
    different = []
    for words, fix, labels in others:
        if labels not in known and any(label != NO_CLASS for label in labels):
            known.add(labels)
            different.append((words, fix, labels))
    return different


def _shifted(own: tuple[int, ...], number: tuple[int, ...], num_classes: int, shift: int) -> tuple[int, ...]:
    if own == number:  # the network may have a class more at either end
        return labels_by_number(len(own), num_classes, shift)
    places = range(shift, len(own) + shift)
    return tuple(own[place] if 0 <= place < len(own) else NO_CLASS for place in places)


def _labels_by_name(names: Sequence[str], data_names: Sequence[str]) -> tuple[int, ...]:
    labels = {class_key(name): label for label, name in reversed(list(enumerate(names)))}
    found = [labels.pop(class_key(name), NO_CLASS) for name in data_names]  # of two alike the first has it
    return tuple(found)


def _order_guess(trial: Trial, view: View, names: Sequence[str], seed: int) -> Guess | None:
    """The order of classes that half of the images speak for, to be measured on the others; None where too little speaks."""
    shuffled = np.random.default_rng(seed).permutation(len(trial.dataset)).tolist()
    half = len(shuffled) // 2
    learned, measured = sorted(shuffled[:half]), sorted(shuffled[half:])
    counts = _counts(trial, view, learned)
    if counts.sum() < LEAST_PAIRS:
        return None
    labels = best_labels(counts, trial.class_labels)
    if labels == trial.class_labels:
        return None
    rest = trial.dataset.part(measured)
    of_rest = [trial.found(view)[place] for place in measured]
    moved = [
        f"{trial.dataset.names[place]} is its {names[label] if names else label}"
        for place, (label, before) in enumerate(zip(labels, trial.class_labels))
        if label != before and label != NO_CLASS and counts[place, label]
    ]
    return Guess(
        "order",
        f"the classes of the network are in another order than the data's: the data's {some(moved, most=MOST_MOVED)}",
        "write the names of the classes in the order that the network was trained with: the file of names (--names), or the "
        "names of the data",
        trial.score(of_rest, rest).ap50,
        lambda: trial.score([trial.found(view, class_labels=labels)[place] for place in measured], rest),
    )


def _counts(trial: Trial, view: View, places: Sequence[int]) -> np.ndarray:
    """(data's classes, network's) int64: how often the surest box over a truth has which class, in some of the images."""
    num_classes = trial.network.num_classes
    all_classes = _in_own_labels(trial, view)
    pairs = partners(trial.dataset.part(places), [all_classes[place] for place in places], same_class=False)
    counts = np.zeros((len(trial.dataset.names), num_classes), np.int64)
    for pair in pairs:
        counts[pair.truth_label, pair.label] += 1
    return counts


def _in_own_labels(trial: Trial, view: View) -> list[Detections]:
    """What is found of all classes of the network, in its own labels."""
    return trial.found(view, class_labels=range(trial.network.num_classes))
