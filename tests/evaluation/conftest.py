"""A data set of noise with boxes, and a network that knows the answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yolov3.boxes import shape_iou_matrix
from yolov3.codec import encode
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.geometry import Geometry
from yolov3.images.files import write_image
from yolov3.models.contract import DetectionNetwork
from yolov3.models.yolov3 import YOLOv3
from yolov3.selecting.postprocess import Selection
from yolov3.structures import Preprocessing, Sample

SIZES = ((60, 100), (120, 90), (96, 128), (33, 200), (50, 50))


@pytest.fixture(scope="session")
def preprocessing() -> Preprocessing:
    return Preprocessing(size=(96, 128))


@pytest.fixture(scope="session")
def selection() -> Selection:
    return Selection(confidence=0.001, nms_threshold=0.6, multi_label=True)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Five noise images of different sizes with up to two objects each, one of them to be ignored."""
    folder = tmp_path_factory.mktemp("noise")
    random = np.random.default_rng(0)
    samples = []
    for number, (height, width) in enumerate(SIZES):
        path: Path = folder / f"{number}.png"
        write_image(path, random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        left = [2, 2, width // 2 - 4, height - 3]
        right = [width // 2 + 2, 5, width - 3, height - 5]
        boxes = np.array([left, right][: number % 3], np.float32).reshape(-1, 4)
        labels = np.array([number % 3, (number + 1) % 3][: len(boxes)], np.int64)
        ignore = np.array([number == 2, False][: len(boxes)], bool)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        samples.append(Sample(path, (height, width), boxes, labels, ignore, areas, path.stem))
    return Dataset(tuple(samples), ("cat", "dog", "horse"), (1, 2, 3), DatasetReport(), "noise with boxes")


class Oracle(DetectionNetwork):
    """Keeps a network's contract and knows the answers: raw maps that decode to the true boxes, batch by batch."""

    def __init__(self, dataset: Dataset, preprocessing: Preprocessing, labels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = YOLOv3(variant="yolov3-tiny", width=0.03125, num_classes=3).levels
        self.num_classes = max(labels) + 1
        self.backbone = None
        self.labels = labels
        self.preprocessing = preprocessing
        self.coming = itertools.cycle(dataset.samples)
        self.batch_sizes: list[int] = []
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        assert not self.training and not self.norm.training and not torch.is_grad_enabled()
        assert images.dtype == torch.float32 and images.min() >= 0 and images.max() <= 1
        count, _, height, width = images.shape
        self.batch_sizes.append(count)
        raw = tuple(
            torch.full((count, 3, height // level.stride, width // level.stride, 5 + self.num_classes), -20.0)
            for level in self.levels
        )
        for image, sample in enumerate(itertools.islice(self.coming, count)):
            geometry = Geometry.fit(sample.size, self.preprocessing)
            for box, label in zip(torch.from_numpy(geometry.boxes_to_network(sample.boxes)), sample.labels.tolist()):
                self._plant(raw, image, box, self.labels[label])
        return raw

    def _plant(self, raw: tuple[Tensor, ...], image: int, box: Tensor, label: int) -> None:
        anchors = torch.tensor(self.levels[1].anchors)
        anchor = int(shape_iou_matrix((box[2:] - box[:2])[None], anchors).argmax())
        column, row = ((box[:2] + box[2:]) / 2 / self.levels[1].stride).floor().long().tolist()
        values = encode(box[None], torch.tensor([[column, row]]), anchors[anchor][None], self.levels[1])[0]
        place = raw[1][image, anchor, row, column]
        place[:2] = torch.logit(values[:2].clamp(1e-6, 1 - 1e-6))
        place[2:4] = values[2:]
        place[4] = place[5 + label] = 20.0


@pytest.fixture
def make_oracle(dataset: Dataset, preprocessing: Preprocessing) -> Callable[..., Oracle]:
    """A network that knows the answers; ``labels`` are its labels of the data set's classes."""
    return lambda labels=(0, 1, 2): Oracle(dataset, preprocessing, labels)


@pytest.fixture
def small_network() -> YOLOv3:
    """A network that knows nothing, of nine classes."""
    torch.manual_seed(1)
    return YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=9)
