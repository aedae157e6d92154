"""The tables class by class against pycocotools' of everything at once, and those of the faster library."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolov3.evaluation import coco_tables as module
from yolov3.evaluation.coco_tables import Found, Truths, coco_tables, metric_library, metric_library_version


def random_boxes(seed: int, *, images: int = 12, classes: int = 3, crowded: int = 20) -> tuple[Truths, Found]:
    """Truths, a tenth of them crowds, detections about them and elsewhere, scores that are often equal, ids in any order."""
    random = np.random.default_rng(seed)
    ids = random.permutation(np.arange(5, 5 + 3 * images, 3))[:images]
    truths, found = [], []
    for image in ids:
        for _ in range(random.poisson(3)):
            label, box = random.integers(classes), np.r_[random.uniform(0, 300, 2), random.uniform(3, 200, 2)]
            truths.append((image, label, box, box[2] * box[3] * random.uniform(0.4, 1), random.random() < 0.1))
            for _ in range(random.integers(0, 4)):
                near = np.abs(box + random.normal(0, 0.1, 4) * np.tile(box[2:], 2))
                other = random.integers(classes) if random.random() < 0.2 else label
                found.append((image, other, near, round(random.random(), 1)))
        for _ in range(random.integers(0, crowded)):
            box = np.r_[random.uniform(0, 300, 2), random.uniform(3, 100, 2)]
            found.append((image, random.integers(classes), box, round(random.random() ** 3, 2)))
    return (
        Truths(*(np.array([row[k] for row in truths]).reshape(-1, *shape) for k, shape in enumerate(((), (), (4,), (), ())))),
        Found(*(np.array([row[k] for row in found]).reshape(-1, *shape) for k, shape in enumerate(((), (), (4,), ())))),
    )  # fmt: skip


def all_at_once(truths: Truths, found: Found, classes: int) -> COCOeval:
    """As pycocotools' documentation does it: one evaluation of all images and classes."""

    def indexed(rows: list[dict]) -> COCO:
        coco = COCO()
        coco.dataset = {
            "images": [{"id": int(image)} for image in np.union1d(truths.image, found.image)],
            "categories": [{"id": label + 1} for label in range(classes)],
            "annotations": [{"id": number, **row} for number, row in enumerate(rows, start=1)],
        }
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(
            indexed(
                [
                    {"image_id": image, "category_id": label + 1, "bbox": box, "area": area, "iscrowd": int(crowd)}
                    for image, label, box, area, crowd in zip(
                        *(column.tolist() for column in (truths.image, truths.label, truths.boxes, truths.areas)),
                        truths.crowd.tolist(), strict=True,
                    )
                ]
            ),
            indexed(
                [
                    {"image_id": image, "category_id": label + 1, "bbox": box, "area": box[2] * box[3], "score": score}
                    for image, label, box, score in zip(
                        *(column.tolist() for column in (found.image, found.label, found.boxes, found.scores)), strict=True
                    )
                ]
            ),
            iouType="bbox",
        )  # fmt: skip
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("library", ["pycocotools", "hotcoco"])
@pytest.mark.parametrize("at_once", [1, 7, 20_000])
@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([1, 20, 400]))
def test_the_tables_are_those_of_all_at_once_to_the_last_bit(library, at_once, seed, classes, crowded):
    if library == "hotcoco":
        pytest.importorskip("hotcoco", reason="needs the extra analysis")
    truths, found = random_boxes(seed, images=4 if crowded == 400 else 12, classes=classes, crowded=crowded)
    if not len(truths.image):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BOXES_AT_ONCE", at_once)
        tables = coco_tables(truths, found, classes, library)
    expected = all_at_once(truths, found, classes)
    np.testing.assert_array_equal(tables.precision, expected.eval["precision"])
    np.testing.assert_array_equal(tables.recall, expected.eval["recall"])
    np.testing.assert_array_equal(tables.stats(), expected.stats)


@pytest.mark.parametrize("library", ["pycocotools", "hotcoco"])
@pytest.mark.parametrize("missing", ["truths", "detections", "all", "all but crowds"])
def test_what_is_missing_is_so_as_in_pycocotools(library, missing):
    if library == "hotcoco":
        pytest.importorskip("hotcoco", reason="needs the extra analysis")
    truths, found = random_boxes(3)
    if missing in ("truths", "all"):
        truths = truths[:0]
    if missing in ("detections", "all"):
        found = found[:0]
    if missing == "all but crowds":
        truths = Truths(truths.image, truths.label, truths.boxes, truths.areas, np.ones(len(truths.image), bool))
    tables = coco_tables(truths, found, 3, library)
    if missing == "detections":
        assert tables.stats().tolist() == all_at_once(truths, found, 3).stats.tolist()
        assert tables.stats()[0] == 0
    else:
        assert (tables.precision == -1).all()
        assert (tables.recall == -1).all()
        assert (tables.stats() == -1).all()


def test_the_library_that_measured_is_told():
    assert metric_library() in ("pycocotools", "hotcoco")
    assert metric_library_version().startswith(metric_library() + " ")
