"""Candidates, against every place asked one by one, and what a device other than the main memory is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.selecting import candidates as module
from yolov3.selecting.candidates import Candidates, candidates_of, in_main_memory
from yolov3.structures import DensePredictions


def random_predictions(seed: int, batch: int = 3, places: int = 40, classes: int = 3) -> DensePredictions:
    generator = torch.Generator().manual_seed(seed)
    parts = [
        torch.rand(*shape, generator=generator)
        for shape in ((batch, places, 4), (batch, places), (batch, places, classes))
    ]
    parts[1][0] = 0.1  # an image in which there is nothing
    return DensePredictions(*parts)


def one_by_one(predictions, image, confidence, multi_label, classes):
    found = []
    for place, objectness in enumerate(predictions.objectness[image].tolist()):
        if objectness > confidence:
            scores = (predictions.objectness[image, place] * predictions.classes[image, place]).tolist()
            scores = [score * (classes is None or label in classes) for label, score in enumerate(scores)]
            pairs = list(enumerate(scores)) if multi_label else [max(enumerate(scores), key=lambda pair: pair[1])]
            found += [(place, label, score) for label, score in pairs if score > confidence]
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([None, (0,), (2, 1)]), st.sampled_from([1, 3]))
def test_each_place_is_asked_for_itself(seed, multi_label, classes, batch):
    predictions = random_predictions(seed, batch)
    images = candidates_of(predictions, 0.3, multi_label=multi_label, classes=classes)
    assert len(images) == batch
    for image, found in enumerate(images):
        expected = one_by_one(predictions, image, 0.3, multi_label, classes)
        assert found.labels.tolist() == [label for _, label, _ in expected]
        assert np.allclose(found.scores, [score for *_, score in expected])
        assert np.array_equal(found.boxes, predictions.boxes[image].numpy()[[place for place, *_ in expected]])


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("classes", [None, (1,)])
def test_tensors_and_arrays_say_the_same(monkeypatch, multi_label, classes):
    """As on another device, where nothing is an array until it is taken home."""
    predictions = random_predictions(1)
    arrays = candidates_of(predictions, 0.3, multi_label=multi_label, classes=classes)
    monkeypatch.setattr(module, "_near", lambda tensor: tensor)
    tensors = candidates_of(predictions, 0.3, multi_label=multi_label, classes=classes)
    for one, other in zip(arrays, tensors, strict=True):
        assert all(isinstance(part, torch.Tensor) for part in other)
        assert all(np.array_equal(first, in_main_memory(second)) for first, second in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["arrays", "tensors"])
def test_the_surest_of_too_many(kind):
    scores = [0.2, 0.9, 0.1, 0.8]
    few = Candidates(*map(kind, (np.arange(16).reshape(4, 4), np.array(scores), np.arange(4))))
    assert few.best(4) is few
    assert few.best(2).labels.tolist() == [1, 3] and few.best(2).boxes.tolist() == [[4, 5, 6, 7], [12, 13, 14, 15]]
