"""Anchors proposed for an experiment: those it has, those of its boxes, and how well either match."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from yolov3 import UserError
from yolov3.anchors import TINY_ANCHORS
from yolov3.config.loading import build_experiment
from yolov3.images.files import write_image
from yolov3.training.anchors import propose_anchors

SIZE = (100, 200)  # (height, width) of all images here; an input of 64 makes them 32x64


def write_boxes(folder, boxes, split="train"):
    """A COCO data set of one grey image per (width, height, iscrowd)."""
    (folder / "annotations").mkdir(parents=True)
    (folder / split).mkdir()
    images, annotations = [], []
    for number, (width, height, crowd) in enumerate(boxes, start=1):
        write_image(folder / split / f"{number}.png", np.full((*SIZE, 3), 128, np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "height": SIZE[0], "width": SIZE[1]})
        box = {"bbox": [5, 5, width, height], "area": width * height, "iscrowd": crowd}
        annotations.append({"id": number, "image_id": number, "category_id": 1, **box})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return folder


def experiment_for(folder, **model):
    values = {"data": {"root": str(folder)}, "model": {"variant": "yolov3-tiny", "image_size": 64, **model}}
    return build_experiment(values, "the test")


BOXES = [(10, 20, 0), (20, 10, 0), (40, 40, 0), (60, 80, 0), (100, 50, 0), (160, 90, 0)]


def test_six_sizes_of_boxes_are_six_anchors(tmp_path):
    """As the network sees them: images of 200 pixels in an input of 64. A crowd is not learned and does not count."""
    folder = write_boxes(tmp_path / "data", [*BOXES, (180, 20, 1)])
    found = propose_anchors(experiment_for(folder))
    scale = 64 / 200
    sizes = sorted(((w * scale, h * scale) for w, h, _ in BOXES), key=lambda sides: sides[0] * sides[1])
    fine, coarse = [found.clustered[1], found.clustered[0]]
    assert found.num_boxes == 6 and str(folder) in found.source
    np.testing.assert_allclose(sorted([*fine, *coarse]), sorted(sizes), atol=0.6)
    assert max(w * h for w, h in fine) <= min(w * h for w, h in coarse)
    assert found.clustered_match.recall == 1 and found.clustered_match.mean_iou > 0.9


def test_the_anchors_it_has_are_measured_beside_them(tmp_path):
    folder = write_boxes(tmp_path / "data", BOXES)
    found = propose_anchors(experiment_for(folder))
    assert found.now == TINY_ANCHORS
    shapes = np.array([(w * 0.32, h * 0.32) for w, h, _ in BOXES])
    anchors = np.array([anchor for level in TINY_ANCHORS for anchor in level])
    inner = np.minimum(shapes[:, None], anchors).prod(axis=2)
    overlaps = (inner / (shapes.prod(axis=1)[:, None] + anchors.prod(axis=1) - inner)).max(axis=1)
    assert found.now_match.mean_iou == pytest.approx(overlaps.mean(), abs=1e-6)
    assert found.now_match.recall == pytest.approx((overlaps > 0.5).mean())
    own = ((8.0, 8.0), (9.0, 9.0), (10.0, 10.0))
    assert propose_anchors(experiment_for(folder, anchors=(own, own))).now == (own, own)


def test_the_seed_decides(tmp_path):
    generator = np.random.default_rng(0)
    boxes = [(int(w), int(h), 0) for w, h in generator.integers(8, 90, (30, 2))]
    experiment = experiment_for(write_boxes(tmp_path / "data", boxes))
    first, again, other = (propose_anchors(experiment, seed=seed) for seed in (0, 0, 5))
    assert first == again and first.clustered != other.clustered


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([(10, 20, 0), (10, 20, 0), (20, 10, 0)], "6 anchors cannot be fitted to 2 different boxes"),
        ([(10, 20, 1)], "no boxes to learn from"),
    ],
)
def test_too_few_boxes_are_told_with_their_source(tmp_path, boxes, message):
    folder = write_boxes(tmp_path / "data", boxes)
    with pytest.raises(UserError, match=f"{re.escape(str(folder))}.*: {message}"):
        propose_anchors(experiment_for(folder))
