"""Classes of the splits of a data set, counted by a slow way; the doctor's tests have more, from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolov3.checks.classes import FEWEST_OBJECTS, compare_classes
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.structures import Sample

NAMES = ("a", "b", "c", "d")


def dataset_of(images: list[list[tuple[int, bool]]]) -> Dataset:
    """Images of objects, each a label and whether it is ignored."""
    samples = []
    for number, objects in enumerate(images):
        boxes = np.tile(np.array([[0, 0, 9, 9]], np.float32), (len(objects), 1))
        labels = np.array([label for label, _ in objects], np.int64)
        ignore = np.array([ignored for _, ignored in objects], bool)
        areas = np.full(len(objects), 81, np.float32)
        samples.append(Sample(Path(f"{number}.jpg"), (20, 20), boxes, labels, ignore, areas, number))
    return Dataset(tuple(samples), NAMES, (0, 1, 2, 3), DatasetReport(), "here")


def slow(images: list[list[tuple[int, bool]]]) -> dict[str, int]:
    return {
        name: sum(label == number and not ignored for image in images for label, ignored in image)
        for number, name in enumerate(NAMES)
    }


@pytest.mark.parametrize("seed", range(8))
def test_what_is_absent_rare_or_elsewhere_is_that_of_the_slow_way(seed):
    generator = np.random.default_rng(seed)
    shares = generator.choice([0.0, 0.02, 0.2], (2, 4))

    def images(split: int, count: int) -> list[list[tuple[int, bool]]]:
        return [
            [(label, bool(generator.random() < 0.2)) for label in range(4) for _ in range(2) if generator.random() < p[label]]
            for p in [shares[split]] * count
        ]  # fmt: skip

    train, val = images(0, 60), images(1, 30)
    found = {
        each.kind: set(each.places) for each in compare_classes({"train": dataset_of(train), "val": dataset_of(val)})
    }
    own, other = slow(train), slow(val)
    expected = {
        "absent-class": {name for name in NAMES if not own[name] and not other[name]},
        "rare-class": {f"{name} ({own[name]})" for name in NAMES if 0 < own[name] < FEWEST_OBJECTS},
        "class-not-in-training": {f"{name} ({other[name]})" for name in NAMES if other[name] and not own[name]},
        "class-not-measured": {name for name in NAMES if own[name] and not other[name]},
    }
    found.pop("class-shares-differ", None)
    assert found == {kind: names for kind, names in expected.items() if names}


def test_of_nothing_nothing_is_told():
    assert list(compare_classes({})) == []
    many = dataset_of([[(label, False) for label in range(4)]] * FEWEST_OBJECTS)
    assert list(compare_classes({"train": many, "val": many})) == []
