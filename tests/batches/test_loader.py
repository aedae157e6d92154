"""Batches: the same whatever makes them, every image once, boxes where the things are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from yolov3.batches.augment import Augmenter
from yolov3.batches.detection import evaluation_loader, training_loader
from yolov3.batches.placement import clip_placed, draw_placement, place_boxes, place_image
from yolov3.batches.plan import plan_epoch
from yolov3.config.experiment import AugmentSection
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.errors import UserError
from yolov3.structures import Preprocessing, Sample

PREPROCESSING = Preprocessing(size=(64, 96))
PLAIN = AugmentSection(flip=0, hue=0, saturation=1, exposure=1, jitter=0)
EVERYTHING = AugmentSection(
    flip=0.5, flip_vertical=0.5, rotate=20, blur=0.5, noise=0.5, mosaic=0.5, mixup=0.5, scale=(0.5, 1.5)
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    """Ten black images, each with a white rectangle that is its object."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    samples = []
    for number in range(10):
        height, width = (int(side) for side in generator.integers(80, 200, 2))
        left, top = (int(share * side) for share, side in zip(generator.uniform(0.1, 0.4, 2), (width, height)))
        right, bottom = left + width // 2, top + height // 2
        image = np.zeros((height, width, 3), np.uint8)
        image[top:bottom, left:right] = 255
        cv2.imwrite(str(folder / f"{number}.png"), image)
        box = np.array([[left, top, right, bottom]], np.float32)
        one = np.ones(1, np.float32)
        labels, ignore = np.array([number % 3]), np.array([False])
        samples.append(Sample(folder / f"{number}.png", (height, width), box, labels, ignore, one, number))
    return Dataset(tuple(samples), ("a", "b", "c"), (1, 2, 3), DatasetReport(), "rectangles")


def loader_of(dataset, *, augment=EVERYTHING, workers=0, **more):
    settings = dict(augment=augment, preprocessing=PREPROCESSING, batch_size=4, workers=workers, seed=3) | more
    return TrainingLoader(dataset, **settings)


def fingerprint(batch) -> list[torch.Tensor]:
    targets = batch.targets
    return [batch.images, targets.boxes, targets.labels, targets.image_index, targets.ignore, targets.weights]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(dataset, workers):
    settings = dict(multi_scale=(64, 160), multi_scale_every=1)
    alone, helped = loader_of(dataset, **settings), loader_of(dataset, workers=workers, **settings)
    for epoch in (0, 1, 5):
        for first, second in zip(alone.epoch(epoch), helped.epoch(epoch), strict=True):
            assert [sample.image_id for sample in first.samples] == [sample.image_id for sample in second.samples]
            assert all(torch.equal(a, b) for a, b in zip(fingerprint(first), fingerprint(second)))


def test_an_epoch_goes_on_where_it_stopped(dataset):
    loader = loader_of(dataset)
    whole, rest = list(loader.epoch(2)), list(loader.epoch(2, start=1))
    assert len(whole) == len(loader) == 3 and len(rest) == 2
    assert all(torch.equal(a.images, b.images) for a, b in zip(whole[1:], rest))


def test_epochs_and_images_differ(dataset):
    loader = loader_of(dataset, augment=AugmentSection())
    first, second = (torch.cat([batch.images for batch in loader.epoch(epoch)]) for epoch in (0, 1))
    assert not torch.equal(first, second)
    means = {round(float(image.float().mean()), 6) for image in first}
    assert len(means) >= 10  # the last batch is filled with images seen before


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100])
@pytest.mark.parametrize("world", [1, 2])
def test_every_image_comes_once_and_ranks_share_a_batch(count, world):
    plans = [
        plan_epoch(count, seed=1, epoch=4, batch_size=8, base=(64, 64), rank=rank, world=world) for rank in range(world)
    ]
    assert len({len(plan) for plan in plans}) == 1
    merged = [index for batches in zip(*plans) for batch in zip(*(plan.indices for plan in batches)) for index in batch]
    assert sorted(set(merged)) == list(range(count))
    assert len(merged) == -(-count // 8) * 8
    if count >= 8:
        assert max(merged.count(index) for index in set(merged)) <= 2


def test_sizes_are_drawn_anew_every_few_batches():
    plans = plan_epoch(400, seed=0, epoch=0, batch_size=4, base=(416, 416), sides=(320, 608), every=10)
    sides = [plan.size for plan in plans]
    assert all(len(set(sides[start : start + 10])) == 1 for start in range(0, 100, 10))
    assert len(set(sides)) > 3 and {height for height, _ in sides} <= set(range(320, 609, 32))


def test_plain_images_are_the_evaluations_images(dataset):
    centred = PLAIN.model_copy(update={"translate": 0.0})
    trained = {
        sample.image_id: image
        for batch in loader_of(dataset, augment=centred).epoch(0)
        for sample, image in zip(batch.samples, batch.images)
    }
    for batch in evaluation_loader(dataset, preprocessing=PREPROCESSING, batch_size=3, workers=0):
        for sample, image in zip(batch.samples, batch.images):
            difference = (trained[sample.image_id].float() - image.float()).abs().mean()
            assert float(difference) < 6  # one is averaged, the other interpolated, and offsets differ by half a pixel


@pytest.mark.parametrize("augment", [AugmentSection(scale=(0.6, 1.4)), AugmentSection(mosaic=1, scale=(0.4, 0.8))])
def test_boxes_lie_on_the_things(dataset, augment):
    augment = augment.model_copy(update={"hue": 0.0, "saturation": 1.0, "exposure": 1.0, "flip_vertical": 0.5})
    for batch in loader_of(dataset, augment=augment).epoch(0):
        for index in range(len(batch)):
            white = (batch.images[index].float().mean(dim=0) > 220).float()
            covered = torch.zeros_like(white)
            for left, top, right, bottom in (
                batch.targets.boxes[batch.targets.image_index == index].round().int().tolist()
            ):
                covered[top:bottom, left:right] = 1
            union = ((white + covered) > 0).sum()
            assert union == 0 or float((white * covered).sum() / union) > 0.85


def test_mixed_images_weigh_less(dataset):
    batch = next(loader_of(dataset, augment=PLAIN.model_copy(update={"mixup": 1.0})).epoch(0))
    for index in range(len(batch)):
        assert float(batch.targets.weights[batch.targets.image_index == index].sum()) == pytest.approx(1, abs=1e-5)


def test_the_last_epochs_are_plain(dataset):
    augment = PLAIN.model_copy(update={"mixup": 1.0, "close_mosaic": 2})
    loader = loader_of(dataset, augment=augment)
    counts = [sum(len(batch.targets) for batch in loader.epoch(epoch, total_epochs=4)) for epoch in range(4)]
    assert counts[:2] == [24, 24] and counts[2:] == [12, 12]


def test_a_turned_box_holds_its_ellipse():
    matrix = draw_placement(
        np.random.default_rng(1), (100, 150), PREPROCESSING, PLAIN.model_copy(update={"rotate": 180.0})
    )
    box = np.array([[30.0, 20, 110, 60]])
    angle = np.linspace(0, 2 * np.pi, 2000)
    points = np.stack((70 + 40 * np.cos(angle), 40 + 20 * np.sin(angle)), axis=1) @ matrix[:, :2].T + matrix[:, 2]
    expected = [*points.min(axis=0), *points.max(axis=0)]
    np.testing.assert_allclose(place_boxes(box, matrix)[0], expected, atol=1e-3)


def test_placement_is_darknets_when_nothing_is_switched_on():
    """Without jitter an image fills the input in one direction, and its corners lie where the letterbox puts them."""
    matrix = draw_placement(np.random.default_rng(0), (100, 200), Preprocessing(size=(64, 64)), PLAIN)
    corners = np.array([[0, 0], [200, 100]]) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(corners[1] - corners[0], (64, 32))
    assert corners[0, 0] == pytest.approx(0) and 0 <= corners[0, 1] <= 32


def test_flat_and_empty_boxes_pass_every_stage():
    boxes = np.array([[5, 5, 5, 9], [1, 1, 3, 3]], np.float64)
    clipped, keep = clip_placed(boxes, (0, 0, 10, 10), minimum_visible=0.1)
    assert keep.tolist() == [False, True]
    image, none = Augmenter(EVERYTHING)(np.random.default_rng(0), np.zeros((64, 64, 3), np.uint8), clipped[:0])
    assert image.shape == (64, 64, 3) and none.shape == (0, 4)


def test_a_image_is_resampled_where_its_boxes_are():
    image = np.zeros((90, 90, 3), np.uint8)
    image[30:60, 30:60] = 255
    matrix = np.array([[1.5, 0, 7.0], [0, 0.8, 3.0]])
    placed = place_image(image, matrix, (100, 160), fill=0)
    left, top, right, bottom = place_boxes(np.array([[30.0, 30, 60, 60]]), matrix)[0]
    rows, columns = np.flatnonzero(placed[:, 80, 0] > 127), np.flatnonzero(placed[40, :, 0] > 127)
    assert (columns[0], columns[-1] + 1, rows[0], rows[-1] + 1) == pytest.approx((left, right, top, bottom), abs=0.51)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named_in_one_line(dataset, tmp_path, workers):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    from dataclasses import replace

    broken = replace(dataset, samples=(replace(dataset.samples[0], path=bad),))
    with pytest.raises(UserError, match=r"^\S*bad\.png: the file is empty \(0 bytes\)$"):
        list(loader_of(broken, workers=workers).epoch(0))


def test_a_killed_worker_is_named_with_what_it_was_at_and_only_by_the_loader(dataset):
    """Not by an exception out of nowhere in whatever the main process is doing."""
    loader = loader_of(dataset, workers=1)
    batches = loader.epoch(0)
    next(batches)
    (worker,) = loader._loader._iterator._workers
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)
    assert not worker.is_alive()
    with pytest.raises(UserError, match=r"a loader process was killed.*of epoch \d+, whose first picture is .*\.png"):
        for epoch in range(1, 4):
            list(batches)
            batches = loader.epoch(epoch)


def test_a_hanging_worker_is_named_and_does_not_keep_the_process_from_ending(tmp_path):
    """One image takes for ever, as on a network drive that is gone; in a process of its own, because that is to end."""
    for number in range(8):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((64, 64, 3), np.uint8))
        (tmp_path / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    program = f"""
import time
import yolov3.batches.loader as module
import yolov3.batches.sample as reading
from yolov3.config.experiment import AugmentSection, DataSection
from yolov3.datasets.catalogue import open_dataset
from yolov3.structures import Preprocessing

module.PATIENCE = 2.0
data = open_dataset(DataSection(root={str(tmp_path)!r}, format="yolo", train=".", names=("thing",)), "train")
read = reading.read_sample_image
reading.read_sample_image = lambda sample: time.sleep(600) if sample is data.samples[5] else read(sample)
loader = module.TrainingLoader(
    data, augment=AugmentSection(), preprocessing=Preprocessing(size=(64, 64)), batch_size=1, workers=2, seed=0
)
list(loader.epoch(0))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert re.search(
        r"UserError: a loader process has not answered for 2 seconds at batch \d of epoch 1, whose first .*5\.png",
        ended.stderr,
    )
