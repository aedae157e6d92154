"""The matching is pycocotools', detection by detection."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolov3.analysis.matching import COCO_THRESHOLDS, match
from yolov3.analysis.overlaps import Overlaps, overlaps_of


def by_pycocotools(overlaps: Overlaps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each detection the truth it took, and whether it is ignored, by our numbers; of each truth its detection."""

    def index(annotations: list[dict]) -> COCO:
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image} for image in range(1, overlaps.num_images + 1)],
            "categories": [{"id": label + 1} for label in range(overlaps.num_classes)],
            "annotations": annotations,
        }
        coco.createIndex()
        return coco

    def rows(things, more) -> list[dict]:
        return [
            {"id": k + 1, "image_id": int(image) + 1, "category_id": int(label) + 1, "area": 1.0,
             "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]], **more(k)}
            for k, (image, label, box) in enumerate(zip(things.image, things.label, things.box.tolist()))
        ]  # fmt: skip

    with contextlib.redirect_stdout(io.StringIO()):
        truth = index(rows(overlaps.truths, lambda k: {"iscrowd": int(overlaps.truths.ignored[k])}))
        found = index(rows(overlaps.found, lambda k: {"iscrowd": 0, "score": float(overlaps.found.score[k])}))
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
    truth_of = np.full((10, len(overlaps.found)), -1)
    ignored = np.zeros((10, len(overlaps.found)), bool)
    found_by = np.full((10, len(overlaps.truths)), -1)
    for one in evaluation.evalImgs:
        if one is not None:
            own = np.array(one["dtIds"], int) - 1
            truth_of[:, own] = one["dtMatches"].astype(int) - 1
            ignored[:, own] = one["dtIgnore"]
            for number, row in ((k, truth_of[k]) for k in range(10)):
                right = own[(row[own] >= 0) & ~ignored[number, own]]
                found_by[number, row[right]] = right
    return truth_of, ignored, found_by


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_matching_of_pycocotools(world, seed: int) -> None:
    overlaps = overlaps_of(*world.random(seed, images=15, decimals=1 + seed % 3))
    matching = match(overlaps)
    truth_of, ignored, found_by = by_pycocotools(overlaps)
    assert matching.right[0].sum() > 15 and matching.ignored.any() and matching.wrong[0].any()
    np.testing.assert_array_equal(matching.truth_of, truth_of)
    np.testing.assert_array_equal(matching.ignored, ignored)
    np.testing.assert_array_equal(matching.found_by, found_by)
    np.testing.assert_array_equal(matching.right + matching.ignored + matching.wrong.astype(int), 1)


def test_equal_overlaps_give_the_later_truth_as_in_pycocotools(world) -> None:
    dataset = world.data(world.sample(1, [[0, 0, 50, 50], [0, 0, 50, 50]], [0, 0]))
    overlaps = overlaps_of(dataset, [world.found([[0, 0, 50, 50]] * 3, [0.9, 0.8, 0.7], [0, 0, 0])])
    matching = match(overlaps)
    np.testing.assert_array_equal(matching.truth_of, by_pycocotools(overlaps)[0])
    assert matching.truth_of[0].tolist() == [1, 0, -1]


def test_the_better_one_takes_it_and_a_free_one_is_second_choice(world) -> None:
    dataset = world.data(world.sample(1, [[0, 0, 100, 100], [20, 0, 120, 100]], [0, 0]))
    found = world.found([[0, 0, 100, 100], [2, 0, 102, 100]], [0.6, 0.9], [0, 0])
    matching = world.match(dataset, [found], thresholds=(0.5, 0.9))
    assert matching.found.score.tolist() == pytest.approx([0.9, 0.6])
    assert matching.truth_of.tolist() == [[0, 1], [0, -1]]
    assert matching.found_by.tolist() == [[0, 1], [0, -1]]
    assert matching.truths_of_classes().tolist() == [2, 0]


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_nothing_found_and_nothing_true(world, found: bool, true: bool) -> None:
    boxes = [[0, 0, 50, 50]]
    dataset = world.data(world.sample(1, boxes * true, [0] * true))
    matching = world.match(dataset, [world.found(boxes * found, [0.5] * found, [0] * found)])
    assert matching.right.shape == (len(COCO_THRESHOLDS), int(found))
    assert matching.right.all() == (true or not found) and matching.wrong.sum() == 10 * (found and not true)


def test_thresholds_outside_are_refused(world) -> None:
    for thresholds in ((), (0.05,), (0.5, 1.1)):
        with pytest.raises(ValueError, match=r"0\.1\.\.1"):
            world.match(world.data(), [], thresholds=thresholds)
