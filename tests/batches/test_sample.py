"""One training image: a pure function of its numbers, alone, as one of four, or blended with another."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.batches.sample import MOSAIC_CENTRE, TrainingSample, TrainingSampleMaker, blend
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.structures import Preprocessing, Sample

FIELDS = ("image", "boxes", "labels", "ignore", "weights")


def same(first: TrainingSample, second: TrainingSample) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


@pytest.fixture(scope="module")
def colours(tmp_path_factory) -> Dataset:
    """Four images of one shade each (40, 80, 120, 160), of different sizes, filled by their object, which is ignored in
    every other."""
    folder = tmp_path_factory.mktemp("colours")
    samples = []
    for number, (height, width) in enumerate(((100, 100), (60, 120), (120, 60), (80, 90))):
        path: Path = folder / f"{number}.png"
        cv2.imwrite(str(path), np.full((height, width, 3), 40 * (number + 1), np.uint8))
        box = np.array([[0, 0, width, height]], np.float32)
        ignore = np.array([number % 2 == 1])
        samples.append(Sample(path, (height, width), box, np.array([number]), ignore, np.ones(1, np.float32), number))
    return Dataset(tuple(samples), ("a", "b", "c", "d"), (1, 2, 3, 4), DatasetReport(), "colours")


def test_an_image_depends_on_seed_epoch_and_number_alone(dataset, everything, preprocessing):
    maker, again = (TrainingSampleMaker(dataset, everything, seed=5) for _ in range(2))
    first = [maker.make(index, epoch=2, preprocessing=preprocessing) for index in range(10)]
    backwards = [again.make(index, epoch=2, preprocessing=preprocessing) for index in reversed(range(10))]
    assert all(same(a, b) for a, b in zip(first, reversed(backwards), strict=True))
    others = [
        maker.make(0, epoch=3, preprocessing=preprocessing),
        TrainingSampleMaker(dataset, everything, seed=6).make(0, epoch=2, preprocessing=preprocessing),
    ]
    assert not any(same(first[0], other) for other in others)


def test_every_array_has_its_form(dataset, everything, preprocessing):
    maker = TrainingSampleMaker(dataset, everything, seed=1)
    for index in range(10):
        for epoch in range(5):
            sample = maker.make(index, epoch=epoch, preprocessing=preprocessing)
            count = len(sample.boxes)
            assert sample.image.shape == (64, 96, 3) and sample.image.dtype == np.uint8
            assert sample.boxes.shape == (count, 4) and sample.boxes.dtype == np.float32
            assert sample.labels.shape == sample.ignore.shape == sample.weights.shape == (count,)
            assert (sample.boxes >= 0).all() and (sample.boxes <= (96, 64, 96, 64)).all()
            assert ((sample.boxes[:, 2:] - sample.boxes[:, :2]) >= 1).all()


def test_without_joining_an_image_is_alone(colours, plain, preprocessing):
    joined = plain.model_copy(update={"mosaic": 1.0, "mixup": 1.0})
    for index in range(4):
        sample = TrainingSampleMaker(colours, joined, 0).make(index, epoch=0, preprocessing=preprocessing, mixing=False)
        assert sample.labels.tolist() == [index] and sample.ignore.tolist() == [index % 2 == 1]
        assert sample.weights.tolist() == [1]
        left, top, right, bottom = sample.boxes[0].round().astype(int)
        outside = np.ones((64, 96), bool)
        outside[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = False
        assert (sample.image[top + 2 : bottom - 2, left + 2 : right - 2] == 40 * (index + 1)).all()
        assert outside.any() and (sample.image[outside] == 128).all()


def test_four_images_meet_in_a_point_and_each_box_lies_on_its_own(colours, plain):
    mosaic = plain.model_copy(update={"mosaic": 1.0, "scale": (2.0, 3.0), "minimum_visible": 0.0})
    preprocessing = Preprocessing(size=(128, 160))
    maker = TrainingSampleMaker(colours, mosaic, seed=0)
    centres = []
    for epoch in range(40):
        sample = maker.make(epoch % 4, epoch=epoch, preprocessing=preprocessing)
        assert len(sample.boxes) == 4 and sample.labels[0] == epoch % 4
        right, bottom = sample.boxes[0, 2:]
        inner = sample.boxes[[0, 1, 2, 3], [2, 0, 2, 0]], sample.boxes[[0, 1, 2, 3], [3, 3, 1, 1]]
        assert list(zip(*inner)) == [(right, bottom)] * 4
        for (x1, y1, x2, y2), label in zip(sample.boxes.round().astype(int), sample.labels):
            inside = sample.image[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
            assert inside.size and (inside == 40 * (label + 1)).all()
        centres.append((right / 160, bottom / 128))
    low, high = MOSAIC_CENTRE
    assert np.min(centres) >= low - 0.01 and np.max(centres) <= high and np.ptp(centres, axis=0).min() > 0.35


def test_mixed_images_share_their_weight(dataset, plain, preprocessing):
    maker = TrainingSampleMaker(dataset, plain.model_copy(update={"mixup": 1.0}), seed=3)
    shares = []
    for index in range(10):
        sample = maker.make(index, epoch=0, preprocessing=preprocessing)
        assert len(sample.boxes) == 2 and sample.labels[0] == index % 3
        assert sample.weights.sum() == pytest.approx(1, abs=1e-6)
        shares.append(sample.weights[0])
    assert min(shares) < 0.4 and max(shares) > 0.6


def test_joining_happens_as_often_as_the_settings_say(dataset, plain, preprocessing):
    for name, expected in (("mosaic", 4), ("mixup", 2)):
        maker = TrainingSampleMaker(
            dataset, plain.model_copy(update={name: 0.4, "minimum_visible": 0.0, "scale": (0.5, 0.5)}), seed=0
        )
        joined = [len(maker.make(1, epoch=e, preprocessing=preprocessing).boxes) > 1 for e in range(200)]
        assert 55 <= sum(joined) <= 105, expected


def test_blending_pixel_by_pixel():
    generator = np.random.default_rng(0)

    def drawn(count: int) -> TrainingSample:
        return TrainingSample(
            generator.integers(0, 256, (3, 4, 3), dtype=np.uint8),
            generator.uniform(0, 3, (count, 4)).astype(np.float32),
            generator.integers(0, 9, count),
            generator.random(count) < 0.5,
            np.ones(count, np.float32),
        )

    first, second = drawn(2), drawn(3)
    blended = blend(first, second, 0.3)
    assert blended.image.dtype == np.uint8
    for row, column, channel in np.ndindex(3, 4, 3):
        place = row, column, channel
        expected = 0.3 * float(first.image[place]) + 0.7 * float(second.image[place])
        assert float(blended.image[place]) == pytest.approx(expected, abs=0.5 + 1e-4)
    np.testing.assert_allclose(blended.weights, [0.3, 0.3, 0.7, 0.7, 0.7], rtol=1e-6)
    for name in ("boxes", "labels", "ignore"):
        np.testing.assert_array_equal(
            getattr(blended, name), np.concatenate((getattr(first, name), getattr(second, name)))
        )


def test_blending_with_nothing_else_than_oneself_is_oneself():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    none = np.zeros(0)
    sample = TrainingSample(image, np.zeros((0, 4), np.float32), none.astype(int), none.astype(bool), none)
    np.testing.assert_array_equal(blend(sample, sample, 0.37).image, image)
    assert len(blend(sample, sample, 0.37).boxes) == 0
