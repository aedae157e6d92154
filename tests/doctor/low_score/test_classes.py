"""Classes that are mixed up on purpose."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from yolov3.doctor.low_score.classes import best_labels, class_guesses
from yolov3.doctor.low_score.explain import explain_low_score
from yolov3.doctor.low_score.trial import NO_CLASS, open_trial


@pytest.mark.parametrize(("shift", "words"), [(1, "one too high"), (-1, "one too low")])
def test_labels_that_count_from_another_number(model, data, relabelled, shift, words):
    shifted = relabelled(data, lambda sample: (sample.boxes, sample.labels + shift))
    explanation = explain_low_score(model, shifted, device="cpu")
    assert explanation.best is not None and explanation.best.kind == "classes", explanation.verdict
    assert words in explanation.best.words


def test_a_network_with_a_class_for_the_background(model, data, relabelled):
    fewer = relabelled(data, lambda sample: (sample.boxes, sample.labels - 1))
    fewer = replace(fewer, names=tuple("vwxyz"), category_ids=(1, 2, 3, 4, 5))
    explanation = explain_low_score(replace(model, meaning=replace(model.meaning, names=())), fewer, device="cpu")
    assert explanation.best is not None and "for the background first" in explanation.best.words


def test_names_in_the_wrong_order(model, data):
    renamed = replace(model, meaning=replace(model.meaning, names=(*data.names[1:], data.names[0])))
    explanation = explain_low_score(renamed, data, device="cpu")
    assert explanation.best is not None and "go by their numbers" in explanation.best.words, explanation.verdict
    assert "--names" in explanation.best.fix


def test_names_that_only_some_classes_share(model, data, relabelled):
    """An evaluation refuses it; by number it is wrong, by name five of six are right."""
    turned = relabelled(data, lambda sample: (sample.boxes, (sample.labels + 2) % 6))
    names = (*(data.names[(place - 2) % 6].upper() for place in range(5)), "thing")
    explanation = explain_low_score(model, replace(turned, names=names), device="cpu")
    (by_name,) = [each for each in explanation.tried if "go by their names" in each.words]
    assert by_name.explains and 0.7 < by_name.ap50 < 0.9
    assert explanation.best is not None and "thing is its ring" in explanation.best.words  # is better still


def test_another_order_is_found_on_one_half_and_measured_on_the_other(model, data, relabelled):
    order = np.array([3, 5, 0, 4, 1, 2])
    mixed = relabelled(data, lambda sample: (sample.boxes, order[sample.labels]))
    mixed = replace(mixed, samples=mixed.samples * 2)  # as many in each half
    explanation = explain_low_score(model, mixed, device="cpu")
    best = explanation.best
    assert best is not None and "in another order" in best.words, explanation.verdict
    assert f"the data's {data.names[0]} is its {data.names[2]}" in best.words
    assert best.ap50 > 0.9 and "on the half of them it was not found on" in explanation.verdict


def test_labels_at_random_have_no_order(model, data, relabelled):
    generator = np.random.default_rng(0)
    noise = relabelled(data, lambda sample: (sample.boxes, generator.integers(0, 6, len(sample.labels))))
    explanation = explain_low_score(model, noise, device="cpu")
    assert explanation.best is None, explanation.verdict


def test_of_a_sound_model_and_of_few_pairs_no_order_is_guessed(model, data):
    for images in (2, 12):
        trial = open_trial(model, data, images=images, device="cpu", seed=0)
        guesses = class_guesses(trial, trial.look(), model.names, 1.0, seed=0)
        assert not any("another order" in guess.words for guess in guesses)


@given(arrays(np.int64, (4, 4), elements=st.integers(0, 9)))
def test_the_best_order_is_that_of_all_orders(counts):
    labels = best_labels(counts, (0, 1, 2, 3))
    used = [label for label in labels if label != NO_CLASS]
    assert len(set(used)) == len(used)

    def agreeing(order: tuple[int, ...]) -> float:
        return sum(counts[place, label] + 0.5 * (place == label) for place, label in enumerate(order) if label >= 0)

    assert agreeing(labels) == max(map(agreeing, itertools.permutations(range(4))))


def test_classes_that_nothing_speaks_of():
    counts = np.zeros((3, 4), np.int64)
    assert best_labels(counts, (2, NO_CLASS, 0)) == (2, NO_CLASS, 0)
    counts[0, 0] = 1  # its label is taken from the last class
    assert best_labels(counts, (2, NO_CLASS, 0)) == (0, NO_CLASS, NO_CLASS)
