from __future__ import annotations

import itertools
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yolov3.batches.detection import evaluation_loader
from yolov3.boxes import shape_iou_matrix
from yolov3.codec import encode
from yolov3.config.experiment import DataSection
from yolov3.datasets.catalogue import open_dataset
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.errors import UserError
from yolov3.evaluation.class_matching import match_classes
from yolov3.evaluation.evaluate import Stages, count_nonfinite, evaluate, evaluation_mode, measure, predict, renumber
from yolov3.formats.darknet_files import load_darknet
from yolov3.geometry import Geometry
from yolov3.images.files import write_image
from yolov3.models.yolov3 import YOLOv3
from yolov3.postprocess import Selection
from yolov3.structures import Detections, Preprocessing, Sample

NAMES = ("cat", "dog", "horse")
PREPROCESSING = Preprocessing(size=(96, 128))
SELECTION = Selection(confidence=0.001, nms_threshold=0.6, multi_label=True)
CPU = torch.device("cpu")
SIZES = ((60, 100), (120, 90), (96, 128), (33, 200), (50, 50))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Five noise images of different sizes with up to two objects each, one of them to be ignored."""
    random = np.random.default_rng(0)
    samples = []
    for number, (height, width) in enumerate(SIZES):
        path = tmp_path / f"{number}.png"
        write_image(path, random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        left = [2, 2, width // 2 - 4, height - 3]
        right = [width // 2 + 2, 5, width - 3, height - 5]
        boxes = np.array([left, right][: number % 3], np.float32).reshape(-1, 4)
        labels = np.array([number % 3, (number + 1) % 3][: len(boxes)], np.int64)
        ignore = np.array([number == 2, False][: len(boxes)], bool)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        samples.append(Sample(path, (height, width), boxes, labels, ignore, areas, path.stem))
    return Dataset(tuple(samples), NAMES, (1, 2, 3), DatasetReport(), "noise with boxes")


class Oracle(nn.Module):
    """Keeps a network's contract and knows the answers: raw maps that decode to the true boxes, batch by batch."""

    def __init__(self, dataset: Dataset, labels: tuple[int, ...] = (0, 1, 2)) -> None:
        super().__init__()
        self.levels = YOLOv3(variant="yolov3-tiny", width=0.03125, num_classes=3).levels
        self.num_classes = max(labels) + 1
        self.labels = labels
        self.coming = iter(dataset.samples)
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
            geometry = Geometry.fit(sample.size, PREPROCESSING)
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


def small_network(num_classes: int = 3) -> YOLOv3:
    torch.manual_seed(1)
    return YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=num_classes)


def run(network: nn.Module, dataset: Dataset, batch_size: int = 2, **settings: object):
    arguments = {
        "preprocessing": PREPROCESSING, "selection": SELECTION, "workers": 0, "device": CPU, **settings,
    }  # fmt: skip
    return evaluate(network, dataset, batch_size=batch_size, **arguments)


def test_a_network_that_knows_the_answers_gets_one(dataset: Dataset) -> None:
    oracle = Oracle(dataset)
    evaluation = run(oracle, dataset)
    assert oracle.batch_sizes == [2, 2, 1]
    for name in ("AP", "AP50", "AP75", "AR_100"):
        assert evaluation.coco[name] == pytest.approx(1), name
    assert evaluation.voc["AP07"] == pytest.approx(1) and evaluation.voc["AP10+"] == pytest.approx(1)
    assert evaluation.counts == {
        "images": 5, "truths": 3, "ignored_truths": 1, "detections": 4, "dropped_detections": 0,
        "nonfinite_predictions": 0,
    }  # fmt: skip
    for sample, found in zip(dataset.samples, evaluation.detections, strict=True):
        assert found.names == NAMES
        expected = {tuple(box) for box in sample.boxes.round().tolist()}
        assert {tuple(box) for box in found.boxes.round().tolist()} == expected


def test_a_network_with_more_classes_in_another_order(dataset: Dataset) -> None:
    evaluation = run(Oracle(dataset, labels=(4, 0, 2)), dataset, model_labels=(4, 0, 2))
    assert evaluation.coco["AP"] == pytest.approx(1)
    assert {int(label) for found in evaluation.detections for label in found.labels} <= {0, 1, 2}


def test_classes_that_the_data_lacks_are_left_out(dataset: Dataset) -> None:
    evaluation = run(small_network(num_classes=9), dataset, model_labels=(7, 8, 1), selection=replace(SELECTION))
    labels = torch.cat([found.labels for found in evaluation.detections])
    assert len(labels) and labels.min() >= 0 and labels.max() <= 2


def test_the_size_of_batches_does_not_matter(dataset: Dataset) -> None:
    one, all_at_once = (run(small_network(), dataset, batch_size=size) for size in (1, 5))
    assert one.counts["detections"] > 0
    for first, second in zip(one.detections, all_at_once.detections, strict=True):
        assert len(first) == len(second)
        torch.testing.assert_close(first.scores, second.scores)


def test_settings_name_all_that_the_numbers_depend_on(dataset: Dataset) -> None:
    selection = replace(SELECTION, nms_kind="diou", class_agnostic=True, max_detections=7)
    settings = run(small_network(), dataset, selection=selection, model="a small one").settings
    assert settings == {
        "model": "a small one", "data": "noise with boxes", "images": 5, "num_classes": 3,
        "input_size": (96, 128), "input_fit": "letterbox", "input_resize": "area", "input_fill": 0.5,
        "confidence": 0.001, "nms_threshold": 0.6, "nms_kind": "diou", "diou_exponent": 0.6, "class_agnostic": True,
        "multi_label": True, "max_candidates": 30_000, "max_detections": 7, "coco_max_detections": 100,
        "voc_iou_threshold": 0.5, "batch_size": 2, "device": "cpu", "precision": "float32", "torch": torch.__version__,
    }  # fmt: skip


def test_every_part_gets_its_mode_back(dataset: Dataset) -> None:
    network = small_network().train()
    network.backbone.eval()
    before = [part.training for part in network.modules()]
    run(network, dataset)
    assert [part.training for part in network.modules()] == before
    assert all(parameter.requires_grad for parameter in network.parameters())
    with pytest.raises(RuntimeError, match="stop"), evaluation_mode(network):
        raise RuntimeError("stop")
    assert [part.training for part in network.modules()] == before


def test_progress_counts_images_and_may_stop_it(dataset: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    run(small_network(), dataset, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    network = small_network().train()
    with pytest.raises(KeyboardInterrupt):
        run(network, dataset, progress=stop)
    assert all(part.training for part in network.modules())


def test_times_of_the_stages(dataset: Dataset) -> None:
    timing = run(small_network(), dataset).timing
    assert set(timing) == {"data_wait_ms", "network_ms", "postprocess_ms", "images_per_second"}
    assert all(value > 0 for value in timing.values())
    total = sum(value for name, value in timing.items() if name.endswith("_ms"))
    assert timing["images_per_second"] == pytest.approx(1000 / total)


def test_a_network_without_finite_answers_is_counted(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    network = small_network()
    for head in network.heads:
        for parameter in head.parameters():
            parameter.data.fill_(float("nan"))
    with caplog.at_level(logging.ERROR):
        evaluation = run(network, dataset)
    assert evaluation.coco["AP"] == 0
    assert evaluation.counts["nonfinite_predictions"] == 5 * 3 * (3 * 4 + 6 * 8)


def test_count_nonfinite() -> None:
    raw = torch.zeros(2, 3, 4, 5, 6)
    assert count_nonfinite((raw,)) == 0
    raw[0, 0, 0, 0, :3] = float("nan")
    raw[1, 2, 3, 4, 5] = float("inf")
    assert count_nonfinite((raw, torch.zeros(1, 1, 1, 1, 6))) == 2
    huge = torch.full((1, 1, 2, 2, 6), 60_000, dtype=torch.float16)
    assert count_nonfinite((huge,)) == 0  # its sum overflows


def test_nothing_to_evaluate(dataset: Dataset) -> None:
    evaluation = run(small_network(), replace(dataset, samples=()))
    assert evaluation.coco["AP"] is None and evaluation.voc["AP07"] is None and evaluation.counts["images"] == 0


def test_no_detections_at_all(dataset: Dataset) -> None:
    evaluation = run(small_network(), dataset, selection=replace(SELECTION, confidence=0.999))
    assert evaluation.coco["AP"] == 0 and evaluation.voc["AP10+"] == 0


def test_memory_that_does_not_suffice_is_said_with_a_remedy(dataset: Dataset) -> None:
    class Full(Oracle):
        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="not enough memory for a batch of 2 images of 96x128; use a smaller batch"):
        run(Full(dataset), dataset)


def test_halves_predicted_apart_measure_as_the_whole(dataset: Dataset) -> None:
    network = small_network()
    whole = run(network, dataset)
    shares = [list(range(rank, len(dataset.samples), 2)) for rank in (0, 1)]
    gathered: dict[int, Detections] = {}
    stages = Stages()
    for share in shares:
        part = replace(dataset, samples=tuple(dataset.samples[i] for i in share))
        loader = evaluation_loader(part, preprocessing=PREPROCESSING, batch_size=2, workers=0)
        for number, found in predict(network, loader, selection=SELECTION, device=CPU, stages=stages):
            gathered[share[number]] = found
    together = measure(dataset, [gathered[i] for i in range(len(dataset.samples))], settings={}, stages=stages)
    assert together.coco == pytest.approx(whole.coco) and together.counts == whole.counts
    assert stages.images == 5


def test_renumber() -> None:
    found = Detections(torch.zeros(3, 4), torch.zeros(3), torch.tensor([5, 2, 5]), ("a", "b"))
    assert renumber([found], (5, 2))[0].labels.tolist() == [0, 1, 0]
    assert renumber([], ()) == []


@pytest.mark.shared
def test_a_real_model_scores_what_darknet_scores(shared: Path) -> None:
    expected = json.loads((shared / "reference" / "darknet_coco_ap.json").read_text())["yolo-fastest-1.1"]["stretch"]
    folder = shared / "darknet"
    model = load_darknet(folder / "yolo-fastest-1.1.weights", names_path=folder / "coco.names", fit="stretch")
    root = str(shared / "datasets" / "coco-tiny")
    dataset = open_dataset(DataSection(root=root, val="annotations/instances_val2017.json"), "val")
    selection = Selection(
        confidence=0.001,
        nms_threshold=0.6,
        nms_kind=model.nms_kind,
        diou_exponent=model.diou_exponent,
        multi_label=True,
        max_detections=100_000,  # Darknet has no limit
    )
    evaluation = run(
        model.network,
        dataset,
        batch_size=8,
        preprocessing=model.preprocessing,
        selection=selection,
        model_labels=match_classes(model.names, dataset.names),
    )
    for name in ("AP", "AP50", "AP75", "AR_100"):
        assert evaluation.coco[name] == pytest.approx(expected[name], abs=0.005), name
