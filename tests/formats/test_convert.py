"""Models carried from one kind of file to another and back stay the same models."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from yolov3 import Detector, UserError, load_model
from yolov3.cli import main
from yolov3.darknet.detector import detector_from_cfg
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.convert import convert
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Preprocessing

NAMES = ("red", "green", "blue")


@pytest.fixture(params=["yolov3", "yolov3-spp", "yolov3-tiny"])
def checkpoint(request, tmp_path) -> Path:
    torch.manual_seed(0)
    network = YOLOv3(num_classes=3, variant=request.param, width=1 / 16)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
    path = tmp_path / "model.pt"
    preprocessing = Preprocessing(size=(64, 96), fit="stretch", resize="darknet")
    save_checkpoint(path, network, names=NAMES, preprocessing=preprocessing, nms_kind="diou", diou_exponent=0.7)
    return path


ROOT = Path(__file__).resolve().parents[2]


def test_all_the_way_round(checkpoint, tmp_path):
    stations = [
        checkpoint,
        *(tmp_path / name for name in ("a.safetensors", "b.weights", "c.pt", "d.safetensors", "e.pt")),
    ]
    for source, target in itertools.pairwise(stations):
        done = convert(source, target)
        assert done.largest_difference == 0 < done.largest_output
    first, last = load_model(stations[0]), load_model(stations[-1])
    assert (first.names, first.preprocessing, first.nms_kind, first.diou_exponent) == (
        last.names, last.preprocessing, last.nms_kind, last.diou_exponent,
    )  # fmt: skip
    for name, tensor in first.network.state_dict().items():
        if not name.endswith("num_batches_tracked"):  # Darknet has no such count
            assert torch.equal(tensor, last.network.state_dict()[name]), name


def test_a_classifier(tmp_path):
    network = Darknet53Classifier(num_classes=4, width=1 / 16)
    save_checkpoint(tmp_path / "c.pt", network, names=("a", "b", "c", "d"), preprocessing=Preprocessing(size=(64, 64)))
    assert convert(tmp_path / "c.pt", tmp_path / "c.weights").largest_difference < 1e-6
    assert convert(tmp_path / "c.weights", tmp_path / "d.safetensors").largest_difference == 0


@pytest.mark.shared
@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl"])
def test_a_real_graph_keeps_its_detections(shared, tmp_path, name):
    source = shared / "darknet" / f"{name}.weights"
    assert convert(source, tmp_path / "a.pt").largest_difference == 0
    assert convert(tmp_path / "a.pt", tmp_path / "b.weights").largest_difference == 0
    assert convert(source, tmp_path / "same.weights").files[0].read_bytes() == source.read_bytes()
    image = shared / "images" / "dog.jpg"
    found = [Detector(path)(image) for path in (source, tmp_path / "a.pt", tmp_path / "b.weights")]
    assert len(found[0]) >= 2 and "dog" in {found[0].name_of(label) for label in found[0].labels.tolist()}
    for other in found[1:]:
        assert torch.equal(found[0].boxes, other.boxes) and torch.equal(found[0].scores, other.scores)


def test_the_command_and_what_it_refuses(checkpoint, tmp_path, capsys):
    assert main(["convert", str(checkpoint), str(tmp_path / "x.weights")]) == 0
    assert "largest difference 0" in capsys.readouterr().out
    assert {path.suffix for path in tmp_path.glob("x.*")} == {".weights", ".cfg", ".names"}
    for arguments, message in (
        ([checkpoint, tmp_path / "x.onnx"], "models are written as"),
        ([checkpoint, tmp_path / "no" / "x.pt"], "does not exist"),
        ([checkpoint, checkpoint], "the same file"),
        ([tmp_path / "none.pt", tmp_path / "y.pt"], "no such weights file"),
        ([checkpoint, tmp_path / "y.pt", "--fit", "stretch"], "belong to Darknet's weights only"),
    ):
        assert main(["convert", *map(str, arguments)]) == 2
        assert message in capsys.readouterr().err


def test_damaged_safetensors_are_refused(checkpoint, tmp_path):
    path = tmp_path / "a.safetensors"
    convert(checkpoint, path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="not readable as safetensors"):
        load_model(path)
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="not a model of this project"):
        load_model(path)
    save_file({"x": torch.zeros(1)}, path, metadata={"yolov3-checkpoint": json.dumps({"version": 99})})
    with pytest.raises(UserError, match="another version"):
        load_model(path)


@pytest.mark.shared
def test_a_cfg_for_other_classes(shared):
    network = detector_from_cfg(shared / "darknet" / "yolo-fastest-1.1.cfg", num_classes=3)
    shapes = [tuple(raw.shape) for raw in network.eval()(torch.zeros(1, 3, 320, 320))]
    assert network.num_classes == 3 and shapes == [(1, 3, 10, 10, 8), (1, 3, 20, 20, 8)]
    assert isinstance(detector_from_cfg("configs/darknet/yolov3-tiny.cfg", num_classes=5), YOLOv3)


@pytest.mark.shared
def test_a_graph_without_classes_is_no_detector(shared, tmp_path):
    with pytest.raises(UserError, match="not a detector"):
        detector_from_cfg("configs/darknet/darknet53.cfg", num_classes=3)
    assert np.isfinite(load_model(shared / "darknet" / "yolo-fastest-1.1.weights").diou_exponent)


@pytest.mark.parametrize("name", ["yolov3", "yolov3-spp", "yolov3-tiny"])
def test_a_shipped_cfg_becomes_a_network_that_computes(name):
    network = detector_from_cfg(ROOT / "configs" / "darknet" / f"{name}.cfg", num_classes=2).eval()
    with torch.no_grad():
        maps = network(torch.zeros(1, 3, 32, 64))
    assert [tuple(m.shape) for m in maps] == [
        (1, 3, 32 // level.stride, 64 // level.stride, 7) for level in network.levels
    ]
    assert all(bool(m.isfinite().all()) for m in maps)
