"""Crops for classifiers: parts of the image and nothing else, and batches of them with their labels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from yolov3.batches.classification import (
    CROP_AREA,
    CROP_ASPECT,
    SHORT_SIDE,
    classification_evaluation_loader,
    classification_training_loader,
    middle_crop,
    training_crop,
)
from yolov3.batches.plan import EpochSettings
from yolov3.datasets.class_folders import ClassFolders, read_class_folders
from yolov3.errors import UserError
from yolov3.images.files import read_image


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> ClassFolders:
    """Seven noise images of different sizes in three class folders."""
    folder = tmp_path_factory.mktemp("classes")
    generator = np.random.default_rng(0)
    for number in range(7):
        place = folder / "abc"[number % 3]
        place.mkdir(exist_ok=True)
        height, width = generator.integers(40, 90, 2)
        cv2.imwrite(str(place / f"{number}.png"), generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return read_class_folders(folder)


def places(height: int, width: int) -> np.ndarray:
    """An image whose red says the column and whose green says the row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack((columns, rows, np.zeros_like(rows)), axis=2)


@pytest.mark.parametrize(("height", "width"), [(180, 240), (240, 100), (72, 72), (1, 9), (1, 1)])
def test_the_middle_square_is_in_the_middle(height, width):
    crop = middle_crop(places(height, width), 32)
    assert crop.shape == (32, 32, 3)
    edge = min(height, width) / SHORT_SIDE
    columns, rows = crop[..., 0].astype(float), crop[..., 1].astype(float)
    assert columns.mean() == pytest.approx((width - 1) / 2, abs=1) and rows.mean() == pytest.approx(
        (height - 1) / 2, abs=1
    )
    for values in (columns, rows):
        assert np.ptp(values) == pytest.approx(edge * 31 / 32, abs=edge / 24 + 1)


def test_a_training_crop_is_a_part_of_the_image_of_the_sizes_that_were_said(plain):
    height, width = 200, 240
    image = places(height, width)
    shares, aspects, corners = [], [], []
    for seed in range(300):
        crop = training_crop(image, 64, np.random.default_rng(seed), plain).astype(float)
        assert crop.shape == (64, 64, 3)
        left, right, top, bottom = crop[..., 0].min(), crop[..., 0].max(), crop[..., 1].min(), crop[..., 1].max()
        assert (np.diff(crop[..., 0], axis=1) >= 0).all() and (np.diff(crop[..., 1], axis=0) >= 0).all()
        crop_width, crop_height = (right - left) * 64 / 63, (bottom - top) * 64 / 63
        shares.append(crop_width * crop_height / (height * width))
        aspects.append(crop_width / crop_height)
        corners.append((left, top))
    assert CROP_AREA[0] * 0.93 < min(shares) < 0.3 and 0.9 < max(shares) < CROP_AREA[1] * 1.07
    assert CROP_ASPECT[0] * 0.95 < min(aspects) < 0.8 and 1.25 < max(aspects) < CROP_ASPECT[1] * 1.05
    assert np.max(corners, axis=0).min() > 60


def test_half_of_the_crops_are_mirrored(plain):
    flipped = plain.model_copy(update={"flip": 0.5})
    falling = [
        (
            np.diff(training_crop(places(90, 90), 16, np.random.default_rng(seed), flipped)[8, :, 0].astype(int)) < 0
        ).all()
        for seed in range(200)
    ]
    assert 70 <= sum(falling) <= 130


def test_an_image_that_no_crop_fits_is_taken_whole(plain):
    for size in ((1, 400), (1, 1)):
        crop = training_crop(np.full((*size, 3), 77, np.uint8), 32, np.random.default_rng(0), plain)
        assert crop.shape == (32, 32, 3) and (crop == 77).all()


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_batches_are_the_middle_squares_in_order(data, workers):
    loader = classification_evaluation_loader(data, side=32, batch_size=3, workers=workers)
    batches = list(loader)
    assert [len(batch) for batch in batches] == [3, 3, 1] and len(loader) == 3
    assert tuple(path for batch in batches for path in batch.paths) == data.paths
    assert [label for batch in batches for label in batch.labels.tolist()] == list(data.labels)
    for batch in batches:
        assert batch.size == (32, 32) and batch.labels.dtype == torch.int64
        for image, path in zip(batch.images, batch.paths):
            np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), middle_crop(read_image(path), 32))


@pytest.mark.parametrize("workers", [1, 2])
def test_training_batches_are_the_same_whoever_makes_them(data, workers):
    settings = EpochSettings(batch_size=4, seed=3, size=(32, 32))
    alone, helped = (classification_training_loader(data, settings=settings, workers=count) for count in (0, workers))
    seen = []
    for epoch in (0, 4):
        for first, second in zip(alone.epoch(epoch), helped.epoch(epoch), strict=True):
            assert torch.equal(first.images, second.images) and torch.equal(first.labels, second.labels)
            assert first.paths == second.paths and first.size == (32, 32)
            assert [data.labels[data.paths.index(path)] for path in first.paths] == first.labels.tolist()
            seen.append(first)
    assert len(alone) == 2 and {path for batch in seen[:2] for path in batch.paths} == set(data.paths)
    assert not torch.equal(seen[0].images, seen[2].images)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named(data, tmp_path, workers):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    broken = ClassFolders((*data.paths, bad), (*data.labels, 0), data.names)
    with pytest.raises(UserError, match=r"^\S*bad\.png: not an image"):
        list(classification_evaluation_loader(broken, side=32, batch_size=4, workers=workers))
