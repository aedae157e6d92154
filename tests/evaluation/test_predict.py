"""What a runtime finds, batch by batch, whatever it is."""

from __future__ import annotations

import logging

import pytest
import torch

from yolov3.batches.detection import evaluation_loader
from yolov3.detections import Detections
from yolov3.evaluation.predict import predict, renumber
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.structures import DensePredictions
from yolov3.watching.stage_times import StageTimes


def loader(dataset, preprocessing, batch_size: int = 2):
    return evaluation_loader(dataset, preprocessing=preprocessing, batch_size=batch_size, workers=0)


def test_boxes_lie_in_pixels_of_the_images_with_names(dataset, preprocessing, selection, make_oracle):
    runtime = TorchRuntime(make_oracle(), torch.device("cpu"))
    batches = list(predict(runtime, loader(dataset, preprocessing), selection=selection, names=dataset.names))
    assert [len(found.detections) for found in batches] == [2, 2, 1]
    assert [found.nonfinite for found in batches] == [0, 0, 0]
    detections = [each for found in batches for each in found.detections]
    for sample, found in zip(dataset.samples, detections, strict=True):
        assert found.names == dataset.names and found.boxes.device.type == "cpu"
        assert (found.source, found.image_size) == (str(sample.path), sample.size)
        expected = {tuple(box) for box in sample.boxes.round().tolist()}
        assert {tuple(box) for box in found.boxes.round().tolist()} == expected


def test_batches_are_asked_for_one_at_a_time(dataset, preprocessing, selection, make_oracle):
    oracle = make_oracle()
    batches = predict(TorchRuntime(oracle, torch.device("cpu")), loader(dataset, preprocessing, 1), selection=selection)
    assert oracle.batch_sizes == []
    next(batches)
    next(batches)
    assert oracle.batch_sizes == [1, 1]


def test_times_and_images_are_counted(dataset, preprocessing, selection, make_oracle):
    times = StageTimes(images=100)
    runtime = TorchRuntime(make_oracle(), torch.device("cpu"))
    for number, _ in enumerate(predict(runtime, loader(dataset, preprocessing), selection=selection, times=times)):
        assert times.images == 100 + min(2 * (number + 1), 5)
    assert times.reading > 0 and times.network > 0 and times.selecting > 0 and times.fitting == times.writing == 0


def test_predictions_without_finite_numbers_are_counted_where_they_are(dataset, preprocessing, selection, caplog):
    class Broken:
        """Gives nine places an image, two of the second batch's of which are no numbers."""

        num_classes, device, precision, calls = 3, "nowhere", "none", 0

        def __call__(self, images: torch.Tensor) -> DensePredictions:
            self.calls += 1
            boxes = torch.zeros(len(images), 9, 4)
            if self.calls == 2:
                boxes[0, 3] = float("nan")
                boxes[1, 8, 2] = float("inf")
            return DensePredictions(boxes, torch.zeros(len(images), 9), torch.zeros(len(images), 9, 3))

    with caplog.at_level(logging.ERROR):
        found = list(predict(Broken(), loader(dataset, preprocessing), selection=selection))
    assert [each.nonfinite for each in found] == [0, 2, 0]


def test_nothing_to_look_at(dataset, preprocessing, selection, make_oracle):
    runtime = TorchRuntime(make_oracle(), torch.device("cpu"))
    assert list(predict(runtime, loader(dataset.first(0), preprocessing), selection=selection)) == []


def test_labels_are_counted_anew():
    found = Detections(torch.zeros(3, 4), torch.zeros(3), torch.tensor([5, 2, 5]), ("a", "b"))
    (own,) = renumber([found], (5, 2))
    assert own.labels.tolist() == [0, 1, 0] and own.names == ("a", "b")
    assert renumber([], ()) == []
    assert renumber([Detections.empty()], (3,))[0].labels.tolist() == []


def test_labels_that_are_not_asked_for_do_not_become_another():
    assert renumber([Detections(torch.zeros(1, 4), torch.zeros(1), torch.tensor([1]))], (5, 2))[0].labels.tolist() == [
        -1
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 5, 100])
def test_the_size_of_batches_does_not_matter(dataset, preprocessing, selection, small_network, batch_size):
    runtime = TorchRuntime(small_network.eval(), torch.device("cpu"))
    whole, parts = (
        [
            d
            for found in predict(runtime, loader(dataset, preprocessing, size), selection=selection)
            for d in found.detections
        ]
        for size in (2, batch_size)
    )
    assert sum(map(len, whole)) > 0
    for first, second in zip(whole, parts, strict=True):
        assert len(first) == len(second)
        torch.testing.assert_close(first.scores, second.scores)
