"""The images of a trial, the classes as they stand, boxes that stand for truths."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3.detections import Detections
from yolov3.doctor.low_score.trial import (
    NO_CLASS,
    labels_as_they_stand,
    labels_by_number,
    open_trial,
    partners,
)
from yolov3.evaluation.evaluate import evaluate


def test_the_score_is_that_of_an_evaluation(model, data, folder):
    trial = open_trial(model, data, images=100, device="cpu", seed=0)
    assert trial.score(trial.found(trial.look())).ap50 == pytest.approx(
        evaluate(weights=model.source, data=folder, split="train", device="cpu", workers=0).voc.mean_10, abs=1e-6
    )


def test_only_images_with_labels_are_drawn_and_the_network_is_a_copy(model, data, relabelled):
    some = relabelled(data, lambda sample: (sample.boxes, sample.labels - 3))  # some images have none left
    trial = open_trial(model, some, images=4, device="cpu", seed=3)
    assert len(trial.dataset) == 4 and all((~sample.ignore).any() for sample in trial.dataset.samples)
    assert trial.network is not model.network


def test_found_takes_other_classes(model, data):
    trial = open_trial(model, data, images=3, device="cpu", seed=0)
    view = trial.look()
    plain = trial.found(view)
    other = trial.found(view, class_labels=(1, 0, NO_CLASS, NO_CLASS, NO_CLASS, NO_CLASS))
    for before, after in zip(plain, other, strict=True):
        assert len(after) == int((before.labels < 2).sum())
        for label in (0, 1):
            torch.testing.assert_close(after.scores[after.labels == label], before.scores[before.labels == 1 - label])


def test_a_change_is_seen_by_the_network(model, data):
    trial = open_trial(model, data, images=2, device="cpu", seed=0)
    (plain, _), (dark, _) = trial.look().batches[0], trial.look(change=lambda images: images * 0).batches[0]
    assert not torch.equal(plain.maps[0], dark.maps[0])
    assert torch.equal(dark.maps[0][0], dark.maps[0][1])


def test_classes_as_they_stand():
    assert labels_as_they_stand(("Dog", "cat"), ("cat", "dog"), 2) == (1, 0)
    assert labels_as_they_stand((), ("cat", "dog"), 2) == (0, 1)
    assert labels_as_they_stand(("a", "b"), ("cat", "b"), 2) == (0, 1)  # an evaluation would refuse
    assert labels_as_they_stand(("a",), ("cat", "dog"), 1) == (0, NO_CLASS)
    assert labels_by_number(3, 3, 1) == (1, 2, NO_CLASS) and labels_by_number(3, 3, -1) == (NO_CLASS, 0, 1)


def slow_iou(first: np.ndarray, second: np.ndarray) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return float(width * height / (sum(areas) - width * height))


@pytest.mark.parametrize("same_class", [True, False])
def test_partners_as_the_slow_way_finds_them(data, same_class):
    generator = np.random.default_rng(5)
    found, expected = [], []
    for image, sample in enumerate(data.samples):
        count = 12 if image else 0
        near = sample.boxes[generator.integers(len(sample.boxes), size=count)]
        boxes = (near + generator.normal(0, 6, (count, 4))).astype(np.float32)
        scores = np.sort(generator.random(count).astype(np.float32))[::-1].copy()
        labels = generator.integers(0, 6, count)
        found.append(Detections(*map(torch.from_numpy, (boxes, scores, labels))))
        for truth, label in zip(sample.boxes, sample.labels):
            for box, score, other in zip(boxes, scores, labels):  # the best come first
                if slow_iou(truth, box) >= 0.5 and (other == label or not same_class):
                    expected.append((image, int(label), int(other), float(score)))
                    break
    pairs = partners(data, found, same_class=same_class)
    assert [(pair.image, pair.truth_label, pair.label, pair.score) for pair in pairs] == expected
    assert 5 < len(expected) <= sum(len(sample.boxes) for sample in data.samples)
