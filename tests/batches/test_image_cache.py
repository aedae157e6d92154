"""Cached images are those of the files, whoever put them there; what cannot be believed is read anew."""

from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from yolov3.batches import image_cache
from yolov3.batches.image_cache import ImageCache
from yolov3.datasets.dataset import Dataset, DatasetReport, read_sample_image
from yolov3.errors import UserError
from yolov3.structures import Sample


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    generator = np.random.default_rng(0)
    samples = []
    for number in range(8):
        height, width = generator.integers(20, 90, 2).tolist()
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), generator.integers(0, 255, (height, width, 3)).astype(np.uint8))
        box = np.array([[2, 3, width - 2, height - 3]], np.float32)
        samples.append(
            Sample(path, (height, width), box, np.zeros(1, int), np.zeros(1, bool), np.ones(1, np.float32), number)
        )
    return Dataset(tuple(samples), ("a",), (1,), DatasetReport(), "noise")


@pytest.fixture(params=["memory", "disk"])
def folder(request, tmp_path):
    return tmp_path / "cache" if request.param == "disk" else None


def files_gone(dataset: Dataset) -> None:
    for sample in dataset.samples:
        sample.path.unlink()


def read_all(cache: ImageCache, queue) -> None:
    queue.put([int(cache.read(index).sum()) for index in range(8)])


def test_images_are_the_files_and_are_read_once(dataset, folder):
    cache = ImageCache(dataset, folder=folder)
    true = [read_sample_image(sample) for sample in dataset.samples]
    for _ in range(2):
        for index in (3, 0, 7):
            assert np.array_equal(cache.read(index), true[index])
    files_gone(dataset)
    assert np.array_equal(cache.read(3), true[3])
    with pytest.raises(UserError, match=r"4\.png"):
        cache.read(4)
    with pytest.raises(ValueError, match="read-only"):
        cache.read(3)[0, 0] = 0


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs forked processes")
def test_processes_share_what_one_has_read(dataset, folder):
    cache = ImageCache(dataset, folder=folder)
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    process = fork.Process(target=read_all, args=(cache, queue))
    process.start()
    sums = queue.get(timeout=60)
    process.join()
    files_gone(dataset)
    assert [int(cache.read(index).sum()) for index in range(8)] == sums


def test_a_process_that_is_not_forked_can_use_it_too(dataset, folder):
    copy = pickle.loads(pickle.dumps(ImageCache(dataset, folder=folder)))
    assert np.array_equal(copy.read(2), read_sample_image(dataset.samples[2]))


def test_a_file_is_found_again_and_not_believed_when_damaged(dataset, tmp_path):
    first = ImageCache(dataset, folder=tmp_path / "cache")
    true = [first.read(index).copy() for index in range(8)]
    (file,) = (tmp_path / "cache").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # a pixel of the last image
    file.write_bytes(content)
    second = ImageCache(dataset, folder=tmp_path / "cache")
    assert np.array_equal(second.read(7), true[7])
    for sample in dataset.samples[:7]:
        sample.path.rename(sample.path.with_suffix(".gone"))
    assert np.array_equal(second.read(0), true[0])


def test_a_changed_image_is_another_data_set(dataset, tmp_path):
    ImageCache(dataset, folder=tmp_path / "cache").read(0)
    cv2.imwrite(str(dataset.samples[0].path), np.zeros((*dataset.samples[0].size, 3), np.uint8))
    assert not ImageCache(dataset, folder=tmp_path / "cache").read(0).any()


def test_too_little_room_is_said_before_anything_is_read(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(image_cache, "free_memory", lambda: 20_000)
    with pytest.raises(UserError, match=r"train.cache=memory: the decoded images need .* use train.cache=disk or none"):
        ImageCache(dataset)
    huge = replace(dataset, samples=tuple(replace(sample, size=(2**26, 2**26)) for sample in dataset.samples))
    with pytest.raises(UserError, match=r"train.cache=disk: .* cannot be reserved"):
        ImageCache(huge, folder=tmp_path / "cache")


def test_every_process_of_this_machine_has_a_cache_in_memory_of_its_own(dataset, monkeypatch):
    size = sum(3 * height * width for height, width in (sample.size for sample in dataset.samples)) + 4 * 8
    monkeypatch.setattr(image_cache, "free_memory", lambda: 3 * size)
    ImageCache(dataset, processes=2)
    monkeypatch.setattr(image_cache, "free_memory", lambda: int(1.5 * size))
    ImageCache(dataset)
    with pytest.raises(UserError, match="the decoded images need"):
        ImageCache(dataset, processes=2)


def test_what_cannot_be_written_or_read_is_named(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/\w+\.pixels: train.cache=disk: .* cannot be reserved: File exists"):
        ImageCache(dataset, folder=tmp_path / "file")
    dataset.samples[5].path.unlink()
    with pytest.raises(UserError, match=r"5\.png: cannot be read: No such file"):
        ImageCache(dataset, folder=tmp_path / "cache")


def test_an_image_of_another_size_than_its_annotation_does_not_get_in(dataset, folder):
    wrong = replace(dataset.samples[1], size=(7, 9))
    cache = ImageCache(replace(dataset, samples=(dataset.samples[0], wrong, dataset.samples[2])), folder=folder)
    with pytest.raises(UserError, match=r"1\.png: the upright image is .*, its annotation says 9x7"):
        cache.read(1)
    for index in (0, 2):
        assert np.array_equal(cache.read(index), read_sample_image(dataset.samples[index]))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_and_without(dataset, folder, make_loader, everything, workers):
    plain = make_loader(dataset, augment=everything, workers=workers)
    cached = make_loader(dataset, augment=everything, workers=workers, cache=ImageCache(dataset, folder=folder))
    for epoch in range(3):
        for first, second in zip(plain.epoch(epoch), cached.epoch(epoch), strict=True):
            assert torch.equal(first.images, second.images) and torch.equal(first.targets.boxes, second.targets.boxes)


def test_parts_of_an_image_have_their_own_places(dataset, folder):
    """Two halves of one size, of one file: neither is taken for the other, now or from the folder of another run."""
    sample = next(sample for sample in dataset.samples if sample.size[1] >= 40)
    height, half = sample.size[0], sample.size[1] // 2
    nothing = {"boxes": np.zeros((0, 4), np.float32), "labels": np.zeros(0, int), "ignore": np.zeros(0, bool)}
    nothing["areas"] = np.zeros(0, np.float32)
    left, right = (
        replace(sample, size=(height, half), region=(start, 0, start + half, height), **nothing) for start in (0, half)
    )
    image = read_sample_image(sample)
    for samples in ((left, right), (right, left)):
        cache = ImageCache(replace(dataset, samples=samples), folder=folder)
        for number, part in enumerate(samples):
            start = part.region[0]
            np.testing.assert_array_equal(cache.read(number), image[:, start : start + half])
