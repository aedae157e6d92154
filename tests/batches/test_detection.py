"""Batches for detectors: boxes where the things are, and evaluation images fitted and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov3.batches.detection import evaluation_loader, stack_images
from yolov3.config.learning import AugmentSection
from yolov3.datasets.dataset import read_sample_image
from yolov3.geometry import Geometry
from yolov3.structures import Preprocessing


def test_epochs_and_images_differ(dataset, make_loader):
    loader = make_loader(dataset, augment=AugmentSection())
    first, second = (torch.cat([batch.images for batch in loader.epoch(epoch)]) for epoch in (0, 1))
    assert not torch.equal(first, second)
    means = {round(float(image.float().mean()), 6) for image in first}
    assert len(means) >= 10  # the last batch is filled with images seen before


def test_plain_images_are_the_evaluations_images(dataset, make_loader, plain, preprocessing):
    centred = plain.model_copy(update={"translate": 0.0})
    trained = {
        sample.image_id: image
        for batch in make_loader(dataset, augment=centred).epoch(0)
        for sample, image in zip(batch.samples, batch.images)
    }
    assert len(trained) == 10
    for batch in evaluation_loader(dataset, preprocessing=preprocessing, batch_size=3, workers=0):
        for sample, image in zip(batch.samples, batch.images):
            difference = (trained[sample.image_id].float() - image.float()).abs().mean()
            assert float(difference) < 6  # one is averaged, the other interpolated, and offsets differ by half a pixel


@pytest.mark.parametrize("augment", [AugmentSection(scale=(0.6, 1.4)), AugmentSection(mosaic=1, scale=(0.4, 0.8))])
def test_boxes_lie_on_the_things(dataset, make_loader, augment):
    augment = augment.model_copy(update={"hue": 0.0, "saturation": 1.0, "exposure": 1.0, "flip_vertical": 0.5})
    for batch in make_loader(dataset, augment=augment).epoch(0):
        for index in range(len(batch)):
            white = (batch.images[index].float().mean(dim=0) > 220).float()
            covered = torch.zeros_like(white)
            own = batch.targets.boxes[batch.targets.image_index == index]
            for left, top, right, bottom in own.round().int().tolist():
                covered[top:bottom, left:right] = 1
            union = ((white + covered) > 0).sum()
            assert union == 0 or float((white * covered).sum() / union) > 0.85


def test_mixed_images_weigh_less(dataset, make_loader, plain):
    batch = next(make_loader(dataset, augment=plain.model_copy(update={"mixup": 1.0})).epoch(0))
    for index in range(len(batch)):
        assert float(batch.targets.weights[batch.targets.image_index == index].sum()) == pytest.approx(1, abs=1e-5)


def test_the_last_epochs_are_plain(dataset, make_loader, plain):
    loader = make_loader(dataset, augment=plain.model_copy(update={"mixup": 1.0, "close_mosaic": 2}))
    counts = [sum(len(batch.targets) for batch in loader.epoch(epoch, total_epochs=4)) for epoch in range(4)]
    assert counts[:2] == [24, 24] and counts[2:] == [12, 12]


def test_batches_have_the_size_that_was_drawn_for_them(dataset, make_loader):
    batches = list(make_loader(dataset, batch_size=1, sides=(64, 160), every=1).epoch(0))
    assert len({batch.size for batch in batches}) > 2
    for batch in batches:
        height, width = batch.size
        assert batch.images.shape == (1, 3, height, width) and 64 <= width <= 160 and height <= width
        assert (batch.targets.boxes <= torch.tensor([width, height, width, height])).all()


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(size=(64, 96)),
        Preprocessing(size=(96, 64), fit="stretch", resize="bilinear"),
        Preprocessing(size=(64, 64), resize="darknet", fill=0.25),
    ],
    ids=["letterbox", "stretch", "darknet"],
)
def test_evaluation_batches_are_the_images_fitted_one_by_one(dataset, preprocessing):
    first = dataset.samples[0]
    nothing = replace(
        first, boxes=first.boxes[:0], labels=first.labels[:0], ignore=first.ignore[:0], areas=first.areas[:0]
    )
    ignored = replace(dataset.samples[3], ignore=np.array([True]))
    data = replace(dataset, samples=(dataset.samples[2], nothing, ignored, *dataset.samples[4:]))
    loader = evaluation_loader(data, preprocessing=preprocessing, batch_size=4, workers=0)
    batches = list(loader)
    assert [len(batch) for batch in batches] == [4, 4, 1] and len(loader) == 3
    assert [sample for batch in batches for sample in batch.samples] == list(data.samples)
    for batch in batches:
        assert batch.size == preprocessing.size
        for index, (sample, geometry) in enumerate(zip(batch.samples, batch.geometries, strict=True)):
            assert geometry == Geometry.fit(sample.size, preprocessing)
            fitted = geometry.apply_image(read_sample_image(sample))
            assert torch.equal(batch.images[index], torch.from_numpy(fitted).permute(2, 0, 1))
            own = batch.targets.of_images(index, index + 1)
            np.testing.assert_array_equal(own.boxes, geometry.boxes_to_network(sample.boxes))
            assert own.labels.tolist() == sample.labels.tolist() and own.ignore.tolist() == sample.ignore.tolist()
            assert (own.weights == 1).all()


def test_inputs_no_larger_than_their_images_need_come_by_size(tmp_path, files):
    data = files.opened(files.write_coco(tmp_path / "data"))  # of 48x64, 33x57 and 80x40 pixels
    preprocessing = Preprocessing(size=(128, 128))
    loader = evaluation_loader(data, preprocessing=preprocessing, batch_size=4, workers=0, step=32)
    batches = list(loader)
    assert sorted(loader.indices) == [0, 1, 2]
    assert [data.samples[index] for index in loader.indices] == [each for batch in batches for each in batch.samples]
    assert {batch.size for batch in batches} == {(96, 128), (128, 64)}
    for batch in batches:
        for image, sample, geometry in zip(batch.images, batch.samples, batch.geometries, strict=True):
            assert geometry == Geometry.fit(sample.size, preprocessing, 32) and geometry.network_size == batch.size
            fitted = geometry.apply_image(read_sample_image(sample))
            assert torch.equal(image, torch.from_numpy(fitted).permute(2, 0, 1))


def test_an_evaluation_can_be_gone_through_again(dataset, preprocessing):
    loader = evaluation_loader(dataset, preprocessing=preprocessing, batch_size=4, workers=1)
    first, second = (torch.cat([batch.images for batch in loader]) for _ in range(2))
    assert torch.equal(first, second)


def test_images_are_stacked_in_the_order_of_their_memory():
    images = [np.full((2, 5, 3), number, np.uint8) for number in range(4)]
    stacked = stack_images(images)
    assert stacked.shape == (4, 3, 2, 5) and stacked.is_contiguous(memory_format=torch.channels_last)
    assert stacked[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
