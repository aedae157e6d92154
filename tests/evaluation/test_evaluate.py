"""Measuring a model: one that knows the answers gets all of them, a real one what Darknet's program gets."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from yolov3.config.experiment import DataSection, Experiment
from yolov3.datasets.dataset import Dataset
from yolov3.errors import UserError
from yolov3.evaluation.evaluate import EvaluateOptions, evaluate, evaluate_runtime
from yolov3.evaluation.measure import Evaluation, EvaluationSettings
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset
from yolov3.structures import ModelMeaning, Preprocessing, Suppression
from yolov3.watching.watcher import Watcher


@pytest.fixture
def run(dataset, preprocessing, selection):
    """Measures a network on the noise."""

    def run(
        network: nn.Module,
        *,
        data: Dataset = dataset,
        selection: Selection = selection,
        batch_size: int = 2,
        model_labels: tuple[int, ...] = (0, 1, 2),
        watcher: Watcher | None = None,
        rect_step: int | None = None,
    ) -> Evaluation:
        settings = EvaluationSettings(
            "a small one", data.source, len(data), 3, preprocessing, selection, batch_size, "cpu", "float32", rect_step
        )
        runtime = TorchRuntime(network, torch.device("cpu"))
        return evaluate_runtime(
            runtime, data, settings, model_labels=model_labels, workers=0, watcher=watcher or Watcher()
        )

    return run


def test_a_network_that_knows_the_answers_gets_one(dataset, run, make_oracle):
    oracle = make_oracle()
    evaluation = run(oracle)
    assert oracle.batch_sizes == [2, 2, 1]
    numbers = evaluation.coco.as_plain()
    for name in ("AP", "AP50", "AP75", "AR_100"):
        assert numbers[name] == pytest.approx(1), name
    assert evaluation.voc.mean_07 == pytest.approx(1) and evaluation.voc.mean_10 == pytest.approx(1)
    assert evaluation.counts.as_plain() == {
        "images": 5, "truths": 3, "ignored_truths": 1, "detections": 4, "dropped_detections": 0,
        "nonfinite_predictions": 0,
    }  # fmt: skip
    for sample, found in zip(dataset.samples, evaluation.detections, strict=True):
        assert found.names == dataset.names
        expected = {tuple(box) for box in sample.boxes.round().tolist()}
        assert {tuple(box) for box in found.boxes.round().tolist()} == expected


def test_a_network_with_more_classes_in_another_order(run, make_oracle):
    evaluation = run(make_oracle(labels=(4, 0, 2)), model_labels=(4, 0, 2))
    assert evaluation.coco.ap == pytest.approx(1)
    assert {int(label) for found in evaluation.detections for label in found.labels} <= {0, 1, 2}


def test_classes_that_the_data_lacks_are_left_out(run, small_network):
    evaluation = run(small_network, model_labels=(7, 8, 1))
    labels = torch.cat([found.labels for found in evaluation.detections])
    assert len(labels) and labels.min() >= 0 and labels.max() <= 2


def test_the_size_of_batches_does_not_matter(run, small_network):
    one, all_at_once = (run(small_network, batch_size=size) for size in (1, 5))
    assert one.counts.detections > 0
    for first, second in zip(one.detections, all_at_once.detections, strict=True):
        assert len(first) == len(second)
        torch.testing.assert_close(first.scores, second.scores)


def test_smaller_inputs_give_the_results_in_the_order_of_the_samples(run, make_oracle, small_network, dataset):
    evaluation = run(small_network, rect_step=32)
    assert [found.source for found in evaluation.detections] == [str(sample.path) for sample in dataset.samples]
    assert [found.image_size for found in evaluation.detections] == [sample.size for sample in dataset.samples]
    assert evaluation.as_plain()["settings"]["input_rect_step"] == 32
    assert "input_rect_step" not in run(small_network).as_plain()["settings"]


def test_settings_are_kept_with_the_numbers(run, small_network, selection):
    chosen = replace(selection, suppression=Suppression("diou"), class_agnostic=True, max_detections=7)
    settings = run(small_network, selection=chosen).settings
    assert settings is not None and settings.selection == chosen
    assert settings.as_plain()["nms_kind"] == "diou" and settings.as_plain()["max_detections"] == 7


def test_every_part_has_its_mode_afterwards(run, small_network):
    network = small_network.train()
    network.backbone.eval()
    before = [part.training for part in network.modules()]
    run(network)
    assert [part.training for part in network.modules()] == before
    assert all(parameter.requires_grad for parameter in network.parameters())


class Counting(Watcher):
    """Remembers how far things were, and may stop them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[tuple[int, int | None]] = []
        self.lines: list[str] = []
        self.stop_at = stop_at

    def report(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self.seen.append((done, total))
        assert text is not None and text.startswith("evaluating") and text.endswith("images/s")
        if done == self.stop_at:
            raise KeyboardInterrupt


def test_progress_counts_images_and_may_stop_it(run, small_network):
    watcher = Counting()
    run(small_network, watcher=watcher)
    assert watcher.seen == [(2, 5), (4, 5), (5, 5)]
    network = small_network.train()
    with pytest.raises(KeyboardInterrupt):
        run(network, watcher=Counting(stop_at=4))
    assert all(part.training for part in network.modules())


def test_times_of_the_stages(run, small_network):
    timing = run(small_network).as_plain()["timing"]
    assert set(timing) == {"data_wait_ms", "network_ms", "postprocess_ms", "images_per_second"}
    assert all(value > 0 for value in timing.values())
    total = sum(value for name, value in timing.items() if name.endswith("_ms"))
    assert timing["images_per_second"] == pytest.approx(1000 / total)


def test_a_network_without_finite_answers_is_counted(run, small_network, caplog):
    for head in small_network.heads:
        for parameter in head.parameters():
            parameter.data.fill_(float("nan"))
    with caplog.at_level(logging.ERROR):
        evaluation = run(small_network)
    assert evaluation.coco.ap == 0
    assert evaluation.counts.nonfinite_predictions == 5 * 3 * (3 * 4 + 6 * 8)


def test_nothing_to_evaluate(dataset, run, small_network):
    evaluation = run(small_network, data=replace(dataset, samples=()))
    assert evaluation.coco.ap is None and evaluation.voc.mean_07 is None and evaluation.counts.images == 0


def test_no_detections_at_all(run, small_network, selection):
    evaluation = run(small_network, selection=replace(selection, confidence=0.999))
    assert evaluation.coco.ap == 0 and evaluation.voc.mean_10 == 0


def test_memory_that_does_not_suffice_for_an_image_is_said_with_a_remedy(run, make_oracle):
    oracle = make_oracle()
    sizes = []

    def full(images: torch.Tensor) -> None:
        sizes.append(len(images))
        raise torch.OutOfMemoryError("CUDA out of memory")

    oracle.forward = full
    with pytest.raises(UserError, match=r"not enough memory for one image of 96x128; use a smaller input \(--imgsz\)"):
        run(oracle)
    assert sizes == [2, 1]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=2, val=3, unseen=0, seed=2)


def write_weights(
    path: Path,
    names: tuple[str, ...] = CLASSES,
    experiment: Experiment | None = None,
    suppression: Suppression = Suppression(),  # noqa: B008 - frozen
) -> Path:
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=len(names) or 6)
    meaning = ModelMeaning(names, Preprocessing((64, 96)), suppression)
    save_checkpoint(path, network, meaning=meaning, experiment=experiment.as_plain() if experiment else None)
    return path


def test_a_file_and_a_folder_are_enough(tmp_path, shapes):
    watcher = Counting()
    weights = write_weights(tmp_path / "small.pt")
    evaluation = evaluate(weights=weights, data=shapes, workers=0, device="cpu", batch_size=2, watcher=watcher)
    assert evaluation.counts.images == 3 and evaluation.counts.truths > 0 and evaluation.folder is None
    settings = evaluation.settings
    assert settings is not None and str(weights) in settings.model and "instances_val.json" in settings.data
    assert (settings.preprocessing.size, settings.batch_size, settings.device) == ((64, 96), 2, "cpu")
    assert watcher.seen == [(2, 3), (3, 3)]
    assert watcher.lines[0].startswith("data: 3 images, ")


def test_options_and_changes_of_them(tmp_path, shapes):
    options = EvaluateOptions(write_weights(tmp_path / "small.pt"), shapes, workers=0, device="cpu")
    settings = evaluate(options, image_size=(32, 64), fit="stretch", confidence=0.2, max_detections=5).settings
    assert settings is not None
    assert settings.preprocessing == Preprocessing(size=(32, 64), fit="stretch")
    assert (settings.selection.confidence, settings.selection.max_detections) == (0.2, 5)
    assert "64x96" not in settings.model, "the input that is used is told, and no other"
    assert evaluate(options, split="train").counts.images == 2


def test_what_happens_once_is_done_before_the_clock_runs(tmp_path, shapes, monkeypatch):
    passes = []
    whole = TorchRuntime.__call__

    def slow_at_first(self, images):
        time.sleep(0 if passes else 2)
        passes.append(tuple(images.shape))
        return whole(self, images)

    monkeypatch.setattr(TorchRuntime, "__call__", slow_at_first)
    weights = write_weights(tmp_path / "small.pt")
    evaluation = evaluate(weights=weights, data=shapes, workers=0, device="cpu", batch_size=3)
    assert passes == [(1, 3, 64, 96), (3, 3, 64, 96)]
    assert evaluation.times.images == 3 and evaluation.times.network < 2


def test_the_models_own_suppression_is_used(tmp_path, shapes):
    weights = write_weights(tmp_path / "small.pt", suppression=Suppression("diou", 0.8))
    evaluation = evaluate(weights=weights, data=shapes, workers=0, device="cpu")
    assert evaluation.settings.selection.suppression == Suppression("diou", 0.8)


def test_with_an_output_two_files_are_written_into_a_folder_of_the_weights_name(tmp_path, shapes):
    options = EvaluateOptions(
        write_weights(tmp_path / "small.pt"),
        shapes,
        workers=0,
        device="cpu",
        output=tmp_path / "runs",
        confidence=0.0001,
    )
    evaluation = evaluate(options)
    assert evaluation.folder == tmp_path / "runs" / "small"
    assert json.loads((evaluation.folder / "metrics.json").read_text())["coco"] == evaluation.coco.as_plain()
    predictions = json.loads((evaluation.folder / "predictions.json").read_text())
    assert len(predictions) == evaluation.counts.detections > 0
    assert evaluate(options).folder.name == "small-2" and evaluate(options, name="other").folder.name == "other"


def test_without_data_it_is_that_of_the_training(tmp_path, shapes):
    experiment = Experiment(data=DataSection(root=str(shapes)))
    weights = write_weights(tmp_path / "small.pt", experiment=experiment)
    assert evaluate(weights=weights, workers=0, device="cpu").counts.images == 3
    with pytest.raises(UserError, match=r"bare\.pt: does not say which data it was trained with; give --data"):
        evaluate(weights=write_weights(tmp_path / "bare.pt"), workers=0, device="cpu")
    with pytest.raises(UserError, match=r"none\.pt: its experiment names no data; give --data"):
        evaluate(weights=write_weights(tmp_path / "none.pt", experiment=Experiment()), workers=0, device="cpu")


def test_a_model_without_names_goes_by_number(tmp_path, shapes):
    evaluation = evaluate(weights=write_weights(tmp_path / "small.pt", names=()), data=shapes, workers=0, device="cpu")
    assert [row.name for row in evaluation.per_class] == list(CLASSES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "the batch size must be at least 1 and the workers at least 0, found 0 and 0"),
        ({"workers": -1}, "found 16 and -1"),
        ({"confidence": 1.5}, r"confidence must lie in \[0, 1\], found 1\.5"),
        ({"image_size": 100}, "multiples of 32"),
        ({"fit": "crop"}, "fit must be letterbox or stretch, found 'crop'"),
        ({"device": "tpu"}, "device 'tpu'"),
        ({"precision": "float16"}, "precision float16 needs a GPU"),
        ({"data": "/nowhere"}, "/nowhere: neither a data YAML nor the folder"),
        ({"weights": "/nowhere.pt"}, r"/nowhere\.pt: no such weights file"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(tmp_path, shapes, changes, message):
    options = EvaluateOptions(
        write_weights(tmp_path / "small.pt"), shapes, workers=0, device="cpu", output=tmp_path / "runs"
    )
    with pytest.raises(UserError, match=message):
        evaluate(options, **changes)
    assert not (tmp_path / "runs").exists()


def test_a_classifier_is_no_detector(tmp_path, shapes):
    network = Darknet53Classifier(width=0.0625, num_classes=2)
    save_checkpoint(tmp_path / "c.pt", network, meaning=ModelMeaning(("a", "b"), Preprocessing((64, 64))))
    with pytest.raises(UserError, match=r"c\.pt: .* is no detector"):
        evaluate(weights=tmp_path / "c.pt", data=shapes, device="cpu")


REAL_MODELS = [
    pytest.param("official/yolov3-tiny", "letterbox"),
    pytest.param("official/yolov3-tiny", "stretch", marks=pytest.mark.slow),
    pytest.param("yolo-fastest-1.1", "letterbox", marks=pytest.mark.slow),
    pytest.param("yolo-fastest-1.1", "stretch", marks=pytest.mark.slow),  # the command line's tests run this one always
    pytest.param("yolo-fastest-1.1-xl", "letterbox", marks=pytest.mark.slow),
    pytest.param("yolo-fastest-1.1-xl", "stretch", marks=pytest.mark.slow),
]


@pytest.mark.shared
@pytest.mark.parametrize(("model", "fit"), REAL_MODELS)
def test_a_real_model_gets_the_twelve_numbers_that_darknet_gets(shared, model, fit):
    weights = shared / "darknet" / f"{model}.weights"
    evaluation = evaluate(
        weights=weights,
        data=shared / "datasets" / "coco-tiny",
        fit=fit,
        max_detections=100_000,  # Darknet has no limit
        batch_size=8,
        workers=0,
        device="cpu",
    )
    expected = json.loads((shared / "reference" / "darknet_coco_ap.json").read_text())[weights.stem][fit]
    assert len(expected) == 12 and evaluation.coco.as_plain() == pytest.approx(expected, abs=0.005)


def test_an_evaluation_in_tiles_measures_what_the_detector_finds(tmp_path, write_seeing_model):
    """The boxes of both are the same; of images that are not cut the numbers are those without tiles."""
    from yolov3.inference.detector import Detector
    from yolov3.shapes.dataset import write_shapes_dataset
    from yolov3.tiles.grid import TileRule

    data = write_shapes_dataset(tmp_path / "shapes", train=1, val=5, unseen=0, seed=2)
    weights = write_seeing_model(tmp_path / "small.pt", width=0.0625)
    rule = TileRule.parse("2x2")
    how = {"weights": weights, "data": str(data), "workers": 0, "confidence": 0.2, "device": "cpu"}
    tiled = evaluate(**how, tiles=rule)
    assert tiled.as_plain()["settings"]["tiles"] == "2x2, overlap 0.2"
    detector = Detector(weights, device="cpu", confidence=0.2, nms_threshold=0.6, tiles=rule)
    selection = replace(detector.selection, multi_label=True)
    for sample, found in zip(tiled.dataset.samples, tiled.detections):
        from yolov3.datasets.dataset import read_sample_image

        (own,) = detector.detect_batch([read_sample_image(sample)], selection=selection)
        assert len(own) == len(found) and np.allclose(own.boxes, found.boxes, atol=1e-4)
    plain, uncut = evaluate(**how), evaluate(**how, tiles=TileRule(side=4000))
    assert uncut.coco == plain.coco and "tiles" not in plain.as_plain()["settings"]
