"""Images and objects of each class, counted as a slow loop counts them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.rewriting.counts import count_part, counts_table
from yolov3.structures import Sample

NAMES = ("cat", "dog", "bird")


def dataset_of(labels: list[list[int]]) -> Dataset:
    samples = tuple(
        Sample(
            f"{number}.jpg", (9, 9), np.tile(np.float32([1, 1, 4, 4]), (len(own), 1)), np.array(own, np.int64),
            np.zeros(len(own), bool), np.full(len(own), 9, np.float32), str(number),
        )
        for number, own in enumerate(labels)
    )  # fmt: skip
    return Dataset(samples, NAMES, (1, 2, 3), DatasetReport(), "drawn")


@given(st.lists(st.lists(st.integers(0, 2), max_size=5), max_size=8))
def test_as_a_loop_counts(labels):
    counts = count_part(dataset_of(labels))
    assert counts.images == len(labels) and counts.backgrounds == labels.count([])
    for label in range(3):
        assert counts.images_of[label] == sum(label in own for own in labels)
        assert counts.objects_of[label] == sum(own.count(label) for own in labels)
    assert counts.objects == sum(map(len, labels))


def test_the_table_and_the_plain_values():
    parts = {"train": count_part(dataset_of([[0, 0, 1], []])), "val": count_part(dataset_of([[1]]))}
    table = counts_table(NAMES, parts)
    assert table.headings == ("class", "train images", "train objects", "val images", "val objects")
    assert table.rows == (
        ("cat", "1", "2", "0", "0"),
        ("dog", "1", "1", "1", "1"),
        ("bird", "0", "0", "0", "0"),
        ("(no objects)", "1", "0", "0", "0"),
        ("all", "2", "3", "1", "1"),
    )
    assert [row[0] for row in counts_table(NAMES, {"val": parts["val"]}).rows] == [*NAMES, "all"]
    assert parts["val"].as_plain(NAMES) == {
        "images": 1, "backgrounds": 0, "objects": 1,
        "classes": [
            {"name": "cat", "images": 0, "objects": 0},
            {"name": "dog", "images": 1, "objects": 1},
            {"name": "bird", "images": 0, "objects": 0},
        ],
    }  # fmt: skip
