"""``yolov3 evaluate`` from end to end: a report and its files, Darknet's own numbers, and whatever is wrong on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from yolov3.cli import main
from yolov3.config.loading import build_experiment
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.darknet_files import save_darknet
from yolov3.images.files import write_image
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.selecting.thresholds import read_thresholds
from yolov3.structures import ModelMeaning, Preprocessing

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("cat", "dog")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO data set of three noise images whose category ids have gaps."""
    root = tmp_path_factory.mktemp("data")
    (root / "annotations").mkdir()
    (root / "val2017").mkdir()
    random = np.random.default_rng(0)
    images, annotations = [], []
    for number in (5, 7, 11):
        name = f"{number:012}.png"
        write_image(root / "val2017" / name, random.integers(0, 256, (90, 120, 3), dtype=np.uint8))
        images.append({"id": number, "file_name": name, "height": 90, "width": 120})
        box = {"bbox": [10, 20, 50, 60], "area": 3000, "iscrowd": 0}
        annotations.append({"id": number, "image_id": number, "category_id": 17 + number % 2, **box})
    categories = [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return root


def write_weights(path: Path, names: tuple[str, ...] = NAMES, experiment: dict | None = None) -> Path:
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=len(names))
    save_checkpoint(path, network, meaning=ModelMeaning(names, Preprocessing((64, 96))), experiment=experiment)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights") / "small.pt", ("dog", "horse", "cat"))


def command(weights: Path, data: Path | None, output: Path, *more: str) -> list[str]:
    source = ["--data", str(data)] if data else []
    fixed = ["--workers", "0", "--device", "cpu", "--output", str(output)]
    return ["evaluate", "--weights", str(weights), *source, *fixed, *more]


def test_it_prints_a_report_and_writes_its_files(
    weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(weights, data, tmp_path, "--conf", "0.0001", "--batch-size", "2")) == 0
    printed = capsys.readouterr().out
    assert " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0." in printed
    assert "score > 0.0001, NMS iou > 0.6 per class" in printed and "3 images, 2 classes" in printed
    metrics = json.loads((tmp_path / "small" / "metrics.json").read_text())
    assert metrics["counts"]["images"] == 3 and metrics["counts"]["truths"] == 3
    settings = metrics["settings"]
    assert settings["input_size"] == [64, 96] and settings["batch_size"] == 2 and settings["multi_label"] is True
    assert str(weights) in settings["model"] and "instances_val2017.json" in settings["data"]
    predictions = json.loads((tmp_path / "small" / "predictions.json").read_text())
    assert len(predictions) == metrics["counts"]["detections"] > 0
    assert {row["image_id"] for row in predictions} <= {5, 7, 11}
    assert {row["category_id"] for row in predictions} <= {17, 18}
    two = {"metrics.json", "predictions.json"}
    files = {*two, "report.html", "report.json", "thresholds.yaml"}
    assert {path.name for path in (tmp_path / "small").iterdir()} == files
    assert printed.splitlines()[-1].startswith(
        f"written: {tmp_path / 'small'}/metrics.json, predictions.json, report.html"
    )
    assert read_thresholds(tmp_path / "small" / "thresholds.yaml").by_class.keys() == set(NAMES)
    assert main(command(weights, data, tmp_path / "plain", "--no-report")) == 0
    assert {path.name for path in (tmp_path / "plain" / "small").iterdir()} == two


def test_json_is_the_only_thing_on_the_standard_output(weights: Path, data: Path, tmp_path: Path) -> None:
    words = command(weights, data, tmp_path, "--json")
    done = subprocess.run([sys.executable, "-m", "yolov3", *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer.pop("folder") == str(tmp_path / "small")
    assert answer == json.loads((tmp_path / "small" / "metrics.json").read_text())
    assert done.stderr.startswith("data: ")


def test_settings_are_those_asked_for(weights: Path, data: Path, tmp_path: Path) -> None:
    more = "--conf-thres 0.2 --iou-thres 0.3 --max-det 5 --img-size 32 64 --class-agnostic --no-multi-label --name x"
    for folder in ("x", "x-2"):
        assert main(command(weights, data, tmp_path, *more.split())) == 0
        settings = json.loads((tmp_path / folder / "metrics.json").read_text())["settings"]
    expected = {
        "confidence": 0.2, "nms_threshold": 0.3, "max_detections": 5, "input_size": [32, 64], "class_agnostic": True,
        "multi_label": False,
    }  # fmt: skip
    assert {name: settings[name] for name in expected} == expected


def test_without_data_it_takes_that_of_the_training(data: Path, tmp_path: Path) -> None:
    given = {"data": {"root": str(data), "format": "coco", "val": "annotations/instances_val2017.json"}}
    experiment = build_experiment(given, "test").as_plain()
    weights = write_weights(tmp_path / "trained.pt", experiment=experiment)
    assert main(command(weights, None, tmp_path, "--imgsz", "64")) == 0
    assert json.loads((tmp_path / "trained" / "metrics.json").read_text())["counts"]["images"] == 3


def test_a_darknet_project_is_measured_by_its_data_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("cfg", "data/obj", "backup"):
        (tmp_path / folder).mkdir(parents=True)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    save_darknet(network, tmp_path / "backup" / "yolo_best.weights", meaning=ModelMeaning((), Preprocessing((64, 96))))
    (tmp_path / "backup" / "yolo_best.cfg").rename(tmp_path / "cfg" / "yolo.cfg")
    (tmp_path / "data" / "obj.names").write_text("cat\ndog\n")
    for number in range(3):
        write_image(tmp_path / "data" / "obj" / f"{number}.png", np.full((90, 120, 3), 80 * number, dtype=np.uint8))
        (tmp_path / "data" / "obj" / f"{number}.txt").write_text(f"{number % 2} 0.5 0.5 0.4 0.4\n")
    (tmp_path / "data" / "val.txt").write_text("data/obj/0.png\ndata/obj/1.png\ndata/obj/2.png\n")
    lines = "classes=2\ntrain=data/val.txt\nvalid=data/val.txt\nnames=data/obj.names\nbackup=backup/\n"
    (tmp_path / "data" / "obj.data").write_text(lines)
    assert main(["evaluate", "--weights", "data/obj.data", "--workers", "0"]) == 0
    told = capsys.readouterr()
    assert "3 images, 2 classes" in told.out and "backup/yolo_best.weights is taken" in told.err
    assert (tmp_path / "runs" / "evaluate" / "obj" / "metrics.json").exists()
    assert main(["detect", "--weights", "data/obj.data", "--source", "data/obj", "--no-save"]) == 0
    words = [
        "train",
        "data.file=data/obj.data",
        "model.cfg=cfg/yolo.cfg",
        "train.weights=data/obj.data",
        "train.workers=0",
    ]
    small = ["train.epochs=1", "train.batch_size=2", "train.accumulate=1", "train.multi_scale=null", "train.device=cpu"]
    assert main([*words, *small]) == 0
    assert (tmp_path / "runs" / "train" / "train" / "weights" / "best.pt").exists()
    assert main(["evaluate", "--weights", "runs/train/train", "--workers", "0"]) == 0  # on the data of its training


def test_files_of_darknet_may_be_named(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    weights = tmp_path / "a.weights"
    save_darknet(network, weights, meaning=ModelMeaning((), Preprocessing((64, 96))))
    cfg, names = (tmp_path / "a.cfg").rename(tmp_path / "other.cfg"), tmp_path / "mine.txt"
    names.write_text("dog\ncat\n")
    assert "needs the .cfg of its network" in error_of(command(weights, data, tmp_path / "runs"), capsys)
    files = ["--cfg", str(cfg), "--names", str(names)]
    assert main(command(weights, data, tmp_path / "runs", *files)) == 0
    assert main(["detect", "--weights", str(weights), "--source", str(data / "val2017"), "--no-save", *files]) == 0
    assert "belong to Darknet's weights only" in error_of(
        command(write_weights(tmp_path / "b.pt"), data, tmp_path / "runs", *files), capsys
    )


def error_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("yolov3: error: ")
    return err.removeprefix("yolov3: error: ")


def test_a_class_that_the_model_lacks(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = write_weights(tmp_path / "birds.pt", ("cat", "bird"))
    assert error_of(command(weights, data, tmp_path / "runs"), capsys) == (
        "the model has no class for dog of the data\nclasses of the model: cat, bird\nclasses of the data: cat, dog\n"
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--conf 1.5", "--conf/--conf-thres: found '1.5'; must be a number from 0 to 1"),
        ("--imgsz 100", "multiples of 32"),
        ("--imgsz 32 64 96", "--imgsz takes a side, or height and width, found 3 numbers"),
        ("--batch-size 0", "--batch-size: found '0'; must be a whole number from 1"),
        ("--workers -1", "--workers: found '-1'; must be a whole number from 0"),
        ("--max-det 0", "--max-det: found '0'; must be a whole number from 1"),
        ("--device tpu", "device 'tpu'"),
        ("--split train", "train"),
        ("--name a/b", "the name of a run must be the name of one folder"),
    ],
)
def test_wrong_settings(
    weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, message: str
) -> None:
    assert message in error_of(command(weights, data, tmp_path / "runs", *more.split()), capsys)
    assert not (tmp_path / "runs").exists()


def test_wrong_files(weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such weights file" in error_of(command(tmp_path / "no.pt", data, tmp_path), capsys)
    assert "nowhere" in error_of(command(weights, tmp_path / "nowhere", tmp_path), capsys)
    message = "does not say which data it was trained with; give --data"
    assert message in error_of(command(weights, None, tmp_path), capsys)
    (tmp_path / "file").write_text("")
    assert "cannot be made" in error_of(command(weights, data, tmp_path / "file"), capsys)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_an_image_that_cannot_be_read_is_named(
    weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    copy = shutil.copytree(data, tmp_path / "data")
    image = copy / "val2017" / "000000000007.png"
    image.write_bytes(image.read_bytes()[:2000])
    capsys.readouterr()
    assert main(command(weights, copy, tmp_path, "--workers", workers)) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"yolov3: error: {image}: ") and err.count("\n") == 1


def test_a_classifier_is_no_detector(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = Darknet53Classifier(width=0.0625, num_classes=2)
    save_checkpoint(tmp_path / "c.pt", network, meaning=ModelMeaning(NAMES, Preprocessing((64, 64))))
    assert "is no detector" in error_of(command(tmp_path / "c.pt", data, tmp_path), capsys)


def test_the_script_of_a_checkout(weights: Path, data: Path, tmp_path: Path) -> None:
    words = command(weights, data, tmp_path, "--workers", "1")[1:]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "evaluate.py"), *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "small" / "metrics.json").exists()


@pytest.mark.shared
def test_darknets_model_gets_the_twelve_numbers_that_darknet_gets(shared: Path, tmp_path: Path) -> None:
    weights, data = shared / "darknet" / "yolo-fastest-1.1.weights", shared / "datasets" / "coco-tiny"
    # Darknet's results are not capped per image.
    assert main(command(weights, data, tmp_path, "--fit", "stretch", "--max-det", "100000")) == 0
    found = json.loads((tmp_path / weights.stem / "metrics.json").read_text())["coco"]
    expected = json.loads((shared / "reference" / "darknet_coco_ap.json").read_text())[weights.stem]["stretch"]
    assert len(expected) == 12 and found == pytest.approx(expected, abs=0.005)


def test_words_are_laid_over_the_data_of_the_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = write_weights(tmp_path / "small.pt", experiment={"data": {"root": "/gone", "val": "nothing.json"}})
    words = [f"data.root={data}", "data.val=annotations/instances_val2017.json"]
    assert main(command(weights, None, tmp_path, *words)) == 0
    assert "3 images, 2 classes" in capsys.readouterr().out
    assert main(command(weights, None, tmp_path, "train.epochs=3")) == 2
    assert "'train.epochs=3': only data.key=value is understood here" in capsys.readouterr().err
    assert main(command(weights, data, tmp_path, "data.val=gone.json")) == 2
    assert f"{data}/gone.json: the annotation file does not exist" in capsys.readouterr().err


def test_the_size_that_is_told_is_the_one_that_is_used(weights, data, tmp_path, capsys):
    assert main(command(weights, data, tmp_path, "--imgsz", "32", "128")) == 0
    printed = capsys.readouterr().out
    assert printed.count("32x128 letterbox") == 1 and "64x96" not in printed
    settings = json.loads((tmp_path / "small" / "metrics.json").read_text())["settings"]
    assert settings["input_size"] == [32, 128] and settings["model"] == f"yolov3-tiny x0.0625, 3 classes ({weights})"


def test_a_warning_is_said_once_and_known_by_its_beginning(data, tmp_path, capsys):
    """Of every batch the same."""
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    torch.nn.init.constant_(network.heads[0].predict.bias, float("nan"))
    save_checkpoint(tmp_path / "nan.pt", network, meaning=ModelMeaning(NAMES, Preprocessing((64, 96))))
    for _ in range(2):  # each program says its own
        assert main(command(tmp_path / "nan.pt", data, tmp_path, "--batch-size", "1")) == 0
        out, err = capsys.readouterr()
        assert err == "warning: 18 predictions were not finite numbers and were dropped\n"
        assert "54 predictions dropped as no finite numbers" in out
