"""Models carried from one kind of file to another and back stay the same models."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from yolov3 import Detector
from yolov3.darknet.header import DarknetHeader
from yolov3.errors import UserError
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.convert import Conversion, ConvertOptions, compare, convert
from yolov3.formats.darknet_files import load_darknet, save_darknet
from yolov3.formats.darknet_weights import inspect_weights
from yolov3.formats.load import load_model
from yolov3.formats.model import LoadedModel
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

NAMES = ("red", "green", "blue")
MEANING = ModelMeaning(NAMES, Preprocessing((64, 96), "stretch", "darknet"), Suppression("diou", 0.7))


def carry(source: Path, target: Path, **more) -> Conversion:
    return convert(ConvertOptions(source, target, **more))


@pytest.fixture(params=["yolov3", "yolov3-spp", "yolov3-tiny"])
def every_checkpoint(request, tmp_path, fill) -> Path:
    path = tmp_path / "model.pt"
    network = fill(YOLOv3(num_classes=3, variant=request.param, width=1 / 16))
    save_checkpoint(path, network, meaning=MEANING, experiment={"recipe": "darknet"})
    return path


@pytest.fixture
def checkpoint(tmp_path, fill) -> Path:
    path = tmp_path / "model.pt"
    save_checkpoint(path, fill(YOLOv3(num_classes=3, variant="yolov3-tiny", width=1 / 16)), meaning=MEANING)
    return path


def test_all_the_way_round(every_checkpoint, tmp_path):
    stations = [
        every_checkpoint,
        *(tmp_path / name for name in ("a.safetensors", "b.weights", "c.pt", "d.safetensors", "e.pt")),
    ]
    for source, target in itertools.pairwise(stations):
        done = carry(source, target)
        assert done.largest_difference == 0 < done.largest_output
    first, last = load_model(stations[0]), load_model(stations[-1])
    assert first.meaning == last.meaning == MEANING
    for name, tensor in first.network.state_dict().items():
        if not name.endswith("num_batches_tracked"):  # Darknet has no such count
            assert torch.equal(tensor, last.network.state_dict()[name]), name


def test_what_was_written_is_told(checkpoint, tmp_path):
    done = carry(checkpoint, tmp_path / "x.weights")
    assert done.files == tuple(tmp_path / f"x.{kind}" for kind in ("weights", "cfg", "names"))
    assert done.description == "yolov3-tiny x0.0625, 3 classes, 64x96 stretch"
    assert carry(tmp_path / "x.weights", tmp_path / "y.pt").files == (tmp_path / "y.pt",)


def test_the_experiment_travels_where_the_file_can_hold_it(every_checkpoint, tmp_path):
    carry(every_checkpoint, tmp_path / "a.safetensors")
    carry(tmp_path / "a.safetensors", tmp_path / "b.pt")
    assert load_model(tmp_path / "b.pt").experiment == {"recipe": "darknet"}


def test_a_classifier(tmp_path, fill):
    network = fill(Darknet53Classifier(num_classes=4, width=1 / 16))
    meaning = ModelMeaning(("a", "b", "c", "d"), Preprocessing((64, 96), "stretch", "darknet"))
    save_checkpoint(tmp_path / "c.pt", network, meaning=meaning)
    done = carry(tmp_path / "c.pt", tmp_path / "c.weights")
    assert done.largest_difference <= 1e-6 * done.largest_output
    assert carry(tmp_path / "c.weights", tmp_path / "d.safetensors").largest_difference == 0
    assert load_model(tmp_path / "d.safetensors").meaning == meaning


@pytest.mark.shared
@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl"])
def test_a_real_graph_keeps_its_detections(shared, tmp_path, name):
    source = shared / "darknet" / f"{name}.weights"
    assert carry(source, tmp_path / "a.pt").largest_difference == 0
    assert carry(tmp_path / "a.pt", tmp_path / "b.weights").largest_difference == 0
    assert carry(source, tmp_path / "same.weights").files[0].read_bytes() == source.read_bytes()
    image = shared / "images" / "dog.jpg"
    found = [Detector(path)(image) for path in (source, tmp_path / "a.pt", tmp_path / "b.weights")]
    assert len(found[0]) >= 2 and "dog" in {found[0].name_of(label) for label in found[0].labels.tolist()}
    for other in found[1:]:
        assert torch.equal(found[0].boxes, other.boxes) and torch.equal(found[0].scores, other.scores)


@pytest.mark.shared
def test_the_official_tiny_weights_keep_their_anchors_in_every_form(shared, tmp_path):
    source = shared / "darknet" / "official" / "yolov3-tiny.weights"
    assert carry(source, tmp_path / "a.pt").largest_difference == 0
    assert carry(tmp_path / "a.pt", tmp_path / "b.weights").largest_difference == 0
    levels = [load_model(path).detector().levels for path in (source, tmp_path / "a.pt", tmp_path / "b.weights")]
    assert levels[0] == levels[1] == levels[2]
    assert levels[0][1].anchors == ((23, 27), (37, 58), (81, 82))


def test_the_header_of_darknets_weights_is_kept(checkpoint, tmp_path):
    model = load_model(checkpoint)
    header = DarknetHeader(0, 1, 0, 640)
    save_darknet(model.network, tmp_path / "old.weights", meaning=model.meaning, header=header)
    carry(tmp_path / "old.weights", tmp_path / "new.weights")
    assert inspect_weights(tmp_path / "new.weights").header == header
    assert (tmp_path / "new.weights").read_bytes() == (tmp_path / "old.weights").read_bytes()


def test_what_belongs_to_darknets_weights_is_given_beside_them(checkpoint, tmp_path):
    carry(checkpoint, tmp_path / "a.weights")
    (tmp_path / "a.cfg").rename(tmp_path / "other.cfg")
    (tmp_path / "a.names").unlink()
    (tmp_path / "list.txt").write_text("x\ny\nz\n")
    carry(
        tmp_path / "a.weights",
        tmp_path / "b.pt",
        cfg=tmp_path / "other.cfg",
        names=tmp_path / "list.txt",
        fit="letterbox",
    )
    model = load_model(tmp_path / "b.pt")
    assert model.names == ("x", "y", "z")
    assert model.meaning.preprocessing == Preprocessing((64, 96), "letterbox", "darknet")


def test_models_are_compared_on_the_image_that_was_given(checkpoint, tmp_path):
    image = tmp_path / "x.png"
    cv2.imwrite(str(image), np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8))
    given = carry(checkpoint, tmp_path / "a.safetensors", image=image)
    drawn = carry(checkpoint, tmp_path / "b.safetensors")
    assert given.largest_output != drawn.largest_output
    with pytest.raises(UserError, match=r"none\.png"):
        carry(checkpoint, tmp_path / "c.pt", image=tmp_path / "none.png")


def test_the_largest_difference_is_found_wherever_it_is(tmp_path):
    torch.manual_seed(0)
    first, second = (YOLOv3(variant="yolov3-tiny", num_classes=3, width=1 / 16).eval() for _ in range(2))
    second.load_state_dict(first.state_dict())
    models = [LoadedModel(network, MEANING, source=f"{i}.pt") for i, network in enumerate((first, second))]
    assert compare(*models)[0] == 0
    with torch.no_grad():
        second.heads[1].predict.bias[7] -= 3
    difference, largest = compare(*models)
    assert difference == pytest.approx(3)
    assert largest > 1


def test_models_of_other_outputs_cannot_be_compared():
    models = [
        LoadedModel(
            YOLOv3(variant="yolov3-tiny", num_classes=classes, width=1 / 16).eval(), MEANING, source=f"{classes}.pt"
        )
        for classes in (2, 3)
    ]
    with pytest.raises(UserError, match=r"3\.pt: its outputs have other shapes than those of 2\.pt"):
        compare(*models)


@pytest.mark.parametrize(
    ("source", "target", "more", "message"),
    [
        ("model.pt", "x.onnx", {}, "x.onnx: models are written as .pt, .safetensors, .weights, found .onnx"),
        ("model.pt", "x", {}, "found no ending"),
        ("model.pt", "no/x.pt", {}, "the folder .*no does not exist"),
        ("model.pt", "model.pt", {}, "the source and the target are the same file"),
        ("model.pt", "link.pt", {}, "the source and the target are the same file"),
        ("none.pt", "y.pt", {}, "none.pt: no such weights file"),
        ("none.weights", "y.pt", {}, "none.weights: no such weights file; in its folder are link.pt, model.pt"),
        ("model.pt", "y.pt", {"fit": "stretch"}, "--fit belongs to Darknet's weights only"),
        ("model.pt", "y.pt", {"cfg": Path("x.cfg")}, "--cfg and --names belong to Darknet's weights only"),
        ("model.pt", "y.pt", {"names": Path("x.names")}, "--cfg and --names belong to Darknet's weights only"),
    ],
)
def test_what_cannot_be_carried_is_refused_and_nothing_is_written(checkpoint, tmp_path, source, target, more, message):
    (tmp_path / "link.pt").symlink_to(checkpoint)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=message):
        carry(tmp_path / source, tmp_path / target, **more)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_older_file_of_that_name_is_replaced(checkpoint, tmp_path):
    target = tmp_path / "x.safetensors"
    target.write_bytes(b"old")
    os.utime(target, (0, 0))
    carry(checkpoint, target)
    assert load_model(target).names == NAMES


def test_endings_may_be_in_capitals(checkpoint, tmp_path):
    carry(checkpoint, tmp_path / "X.SAFETENSORS")
    assert load_model(tmp_path / "X.SAFETENSORS").meaning == MEANING


def test_darknets_own_backups_are_a_source(checkpoint, tmp_path):
    carry(checkpoint, tmp_path / "a.weights")
    (tmp_path / "a.weights").rename(tmp_path / "a.backup")
    assert carry(tmp_path / "a.backup", tmp_path / "b.pt").largest_difference == 0
    assert load_darknet(tmp_path / "a.backup").meaning == load_model(tmp_path / "b.pt").meaning
