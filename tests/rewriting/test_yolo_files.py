"""Lines of a class and four shares, with digits enough for the largest image; a data YAML as other programs want it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import yaml
from hypothesis import given
from hypothesis import strategies as st

from yolov3.datasets.assemble import Classes
from yolov3.rewriting.label_writer import NamedSample
from yolov3.rewriting.yolo_files import WRITER, _lines, image_folder
from yolov3.structures import Sample


def sample_of(size, boxes, ignore=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(boxes)
    ignore = np.zeros(count, bool) if ignore is None else np.array(ignore)
    return Sample("x.png", size, boxes, np.arange(count) % 3, ignore, np.ones(count, np.float32), "x")


@given(
    size=st.tuples(st.integers(1, 65_500), st.integers(1, 65_500)),
    shares=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_read_naively_the_boxes_come_back(size, shares):
    height, width = size
    left, right = sorted(shares[:2])
    top, bottom = sorted(shares[2:])
    sample = sample_of(size, [(left * width, top * height, right * width, bottom * height)])
    number, *words = _lines(sample).split()
    cx, cy, w, h = map(float, words)
    found = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
    assert number == "0" and np.abs(np.subtract(found, sample.boxes[0].astype(float))).max() < 1e-6


def test_the_files_and_their_yaml(tmp_path):
    parts = {
        "train": [NamedSample(sample_of((20, 40), [(10, 5, 30, 15), (0, 0, 40, 20)]), "a.b.png")],
        "val": [NamedSample(sample_of((20, 40), []), "c.png")],
    }
    WRITER.write(tmp_path, parts, Classes(("1", "no", "bird"), (1, 2, 3)))
    assert (tmp_path / "labels" / "train" / "a.b.txt").read_text() == "0 0.5 0.5 0.5 0.5\n1 0.5 0.5 1 1\n"
    assert (tmp_path / "labels" / "val" / "c.txt").read_bytes() == b""
    assert yaml.safe_load((tmp_path / "data.yaml").read_text()) == {
        "train": "images/train", "val": "images/val", "nc": 3, "names": {0: "1", 1: "no", 2: "bird"},
    }  # fmt: skip


def test_what_is_not_divided_lies_right_in_images(tmp_path):
    WRITER.write(tmp_path, {"default": [NamedSample(sample_of((9, 9), []), "c.png")]}, Classes(("a",), (1,)))
    assert image_folder("default") == "images" and (tmp_path / "labels" / "c.txt").is_file()
    assert set(yaml.safe_load((tmp_path / "data.yaml").read_text())) == {"nc", "names"}


def test_what_is_to_be_passed_over_is_left_out_and_counted():
    sample = sample_of((9, 9), [(0, 0, 1, 1), (1, 1, 2, 2), (2, 2, 3, 3)], [True, False, True])
    losses: Counter = Counter()
    held = WRITER.hold(sample, "crowd region", losses)
    assert held.boxes.tolist() == [[1, 1, 2, 2]] and held.labels.tolist() == [1] and len(held.areas) == 1
    assert losses.total() == 2 and len(sample.boxes) == 3
