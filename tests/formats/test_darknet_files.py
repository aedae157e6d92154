"""Whole models from Darknet's files: found, recognised, meant as they were trained, and written for Darknet again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from yolov3.boxes import clip_boxes, cxcywh_to_xyxy
from yolov3.darknet.cfg import parse_cfg, read_cfg
from yolov3.darknet.cfg_to_plan import plan_from_cfg
from yolov3.darknet.graph import DarknetGraph
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.meaning import meaning_of
from yolov3.darknet.native import native_plan
from yolov3.datasets.darknet_data import read_data
from yolov3.errors import UserError
from yolov3.files.class_names import read_names, write_names
from yolov3.formats.darknet_files import (
    RELEASED_TINY_ANCHORS,
    darknet_cfg_text,
    load_darknet,
    load_start,
    read_darknet,
    save_darknet,
)
from yolov3.formats.darknet_weights import write_weights
from yolov3.formats.model import LoadedModel
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.postprocess import Selection, postprocess
from yolov3.structures import Preprocessing

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
WIDTH = 1 / 8
PREPROCESSING = Preprocessing((64, 96), "letterbox", "darknet", 0.5)
ORIGINAL = DarknetHeader(0, 2, 0, 64)


def tiny(classes: int = 3) -> YOLOv3:
    return YOLOv3(variant="yolov3-tiny", num_classes=classes, width=WIDTH).eval()


@pytest.fixture
def saved(tmp_path) -> Path:
    """A tiny network of three classes, with its names, in Darknet's files."""
    weights = tmp_path / "cells.weights"
    save_darknet(tiny(), weights, preprocessing=PREPROCESSING, names=("red", "white", "platelet"))
    return weights


# ---- the real models ----


@pytest.mark.shared
@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl"])
def test_real_models_detect_what_the_c_program_detects(shared, name, fit):
    """Tolerance of the reference: entries of 0.2 or more with IoU 0.98 and the score within 0.03, nothing added above
    0.25."""
    reference = json.loads((shared / "reference" / "darknet_detections.json").read_text())[name][fit]
    model = load_darknet(shared / "darknet" / f"{name}.weights", fit=fit)
    assert isinstance(model.network, DarknetGraph)
    assert model.names[16] == "dog"
    assert model.preprocessing == Preprocessing((320, 320), fit, "darknet", 0.5)
    assert (model.nms_kind, model.diou_exponent) == ("diou", 0.6)
    selection = Selection(
        confidence=0.1, nms_threshold=0.45, nms_kind=model.nms_kind, diou_exponent=model.diou_exponent, multi_label=True
    )
    assert len(reference) == 5
    for image, entries in reference.items():
        image = read_image(shared / "images" / image)
        geometry = Geometry.fit(image.shape[:2], model.preprocessing)
        batch = torch.from_numpy(np.ascontiguousarray(geometry.apply_image(image).transpose(2, 0, 1)))[None]
        with torch.no_grad():
            raw = model.network(batch)
        found = postprocess(raw, model.network.levels, [geometry], selection, model.names)[0]
        height, width = image.shape[:2]
        explained = torch.zeros(len(found), dtype=torch.bool)
        for entry in entries:
            box = cxcywh_to_xyxy(torch.tensor([entry["box_cxcywh_relative"]])) * torch.tensor([width, height] * 2)
            same = (found.labels == entry["class_id"]) & (
                box_iou(clip_boxes(box, (height, width)), found.boxes)[0] > 0.98
            )
            near = same & ((found.scores - entry["score"]).abs() < 0.03)
            assert near.any() or entry["score"] < 0.2, f"{image}: {entry} was not found"
            explained |= near
        assert not (found.scores[~explained] > 0.25).any(), f"{image}: something was added"


@pytest.mark.shared
def test_real_models_say_by_their_files_how_images_are_fitted(shared):
    model = load_darknet(shared / "darknet" / "yolo-fastest-1.1.weights")
    assert model.preprocessing.fit == "stretch"
    assert model.description == "DarknetGraph from Darknet, 80 classes, 320x320 stretch"
    micro = shared / "reference" / "darknet_micro"
    assert load_darknet(micro / "yolov3-micro.weights").preprocessing.fit == "letterbox"
    assert isinstance(load_darknet(micro / "yolov3-spp-micro.weights").network, YOLOv3)
    assert isinstance(load_darknet(micro / "darknet53-micro.weights").network, Darknet53Classifier)


# ---- loading ----


def test_a_saved_model_is_the_same_when_loaded(tmp_path, saved):
    original = tiny()
    files = save_darknet(original, saved, preprocessing=PREPROCESSING, names=("a", "b", "c"))
    assert [file.name for file in files] == ["cells.weights", "cells.cfg", "cells.names"]
    model = load_darknet(saved)
    assert isinstance(model, LoadedModel)
    assert isinstance(model.network, YOLOv3)
    assert not model.network.training
    assert (model.names, model.preprocessing, model.nms_kind) == (("a", "b", "c"), PREPROCESSING, "iou")
    assert model.network.levels == original.levels
    state = model.network.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in original.state_dict().items())
    image = torch.rand(1, 3, 64, 96)
    for found, expected in zip(model.network(image), original(image)):
        assert torch.equal(found, expected)


def test_the_header_travels(tmp_path, saved):
    save_darknet(tiny(), saved, preprocessing=PREPROCESSING, header=DarknetHeader(0, 1, 0, 9))
    model = read_darknet(saved)
    assert model.header == DarknetHeader(0, 1, 0, 9)
    again = tmp_path / "again.weights"
    save_darknet(model.network, again, preprocessing=model.meaning.preprocessing, header=model.header)
    assert again.read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("name", ["cells_final", "cells_best", "cells_last", "cells_4000"])
def test_the_cfg_beside_is_found_for_names_that_darknet_gives(saved, name):
    saved.rename(saved.with_stem(name))
    assert load_darknet(saved.with_stem(name)).names == ("red", "white", "platelet")
    write_names(saved.with_name(f"{name}.names"), ("its", "own", "names"))
    assert load_darknet(saved.with_stem(name)).names == ("its", "own", "names")


def test_names_given_must_fit(tmp_path, saved):
    write_names(tmp_path / "two.names", ("a", "b"))
    with pytest.raises(UserError, match=r"two\.names: 2 names, but the network has 3 classes"):
        load_darknet(saved, names_path=tmp_path / "two.names")
    saved.with_suffix(".names").unlink()
    assert load_darknet(saved).names == ()
    write_names(tmp_path / "three.names", ("a", "b", "c"))
    (tmp_path / "broken.names").write_bytes(b"\xff\xfe\x00")
    assert load_darknet(saved).names == ("a", "b", "c")


def test_weights_without_a_cfg_are_refused_unless_published(tmp_path, saved):
    saved.with_suffix(".cfg").unlink()
    with pytest.raises(UserError, match=r"needs the \.cfg of its network"):
        load_darknet(saved)


def test_files_that_do_not_belong_together_are_refused_before_anything_is_built(tmp_path, saved):
    text = darknet_cfg_text(YOLOv3(num_classes=3, width=WIDTH), preprocessing=PREPROCESSING)
    (tmp_path / "other.cfg").write_text(text)
    with pytest.raises(UserError, match="weights of another network"):
        load_darknet(saved, tmp_path / "other.cfg")
    huge = "[net]\nwidth=64\nheight=64\nchannels=3\n" + "[convolutional]\nfilters=8192\nsize=3\npad=1\n" * 2
    (tmp_path / "huge.cfg").write_text(huge + "[avgpool]\n")
    with pytest.raises(UserError, match="weights of another network"):
        load_darknet(saved, tmp_path / "huge.cfg")
    with pytest.raises(UserError, match="cannot be read"):
        load_darknet(saved, tmp_path / "none.cfg")


def test_an_input_that_cannot_be_used_is_refused_with_its_line(saved):
    cfg = saved.with_suffix(".cfg")
    cfg.write_text(cfg.read_text().replace("width=96", "width=100"))
    with pytest.raises(UserError, match=r"cells\.cfg:2: .*multiples of 32 .*100"):
        load_darknet(saved)


def test_a_backbone_starts_a_network_and_is_no_model(tmp_path):
    source, target = YOLOv3(num_classes=3, width=WIDTH), YOLOv3(num_classes=5, width=WIDTH)
    backbone = tmp_path / "darknet53.conv.74"
    write_weights(backbone, source, layers=74)
    head = target.heads[0].predict.weight.clone()
    report = load_start(target, backbone)
    assert report.ended_before == 75
    for key, tensor in source.backbone.state_dict().items():
        assert torch.equal(tensor, target.backbone.state_dict()[key])
    assert torch.equal(head, target.heads[0].predict.weight)
    (tmp_path / "x.cfg").write_text(darknet_cfg_text(source, preprocessing=PREPROCESSING))
    with pytest.raises(UserError, match=r"holds the layers before layer 75 of 107 only: a backbone"):
        load_darknet(backbone, tmp_path / "x.cfg")
    with pytest.raises(UserError, match="another network"):
        load_start(YOLOv3(variant="yolov3-tiny", width=WIDTH), backbone)


# ---- the released tiny weights ----


def full_tiny(folder: Path, header: DarknetHeader) -> Path:
    network = YOLOv3(variant="yolov3-tiny", num_classes=80)
    path = folder / "yolov3-tiny.weights"
    write_weights(path, network, header=header)
    assert path.stat().st_size == 35_434_956
    return path


def anchors_of(model: LoadedModel) -> tuple:
    return tuple(level.anchors for level in model.network.levels)


def test_released_tiny_weights_get_the_masks_they_were_trained_with(tmp_path, caplog):
    path = full_tiny(tmp_path, ORIGINAL)
    model = load_darknet(path)  # known by its size
    assert anchors_of(model) == RELEASED_TINY_ANCHORS
    assert model.preprocessing == Preprocessing((416, 416), "letterbox", "darknet", 0.5)
    assert "trained with mask 1,2,3" in caplog.text
    model = load_darknet(path, CONFIGS / "yolov3-tiny.cfg")
    assert anchors_of(model) == RELEASED_TINY_ANCHORS
    save_darknet(model.network, tmp_path / "kept.weights", preprocessing=model.preprocessing)
    assert anchors_of(load_darknet(tmp_path / "kept.weights")) == RELEASED_TINY_ANCHORS


def test_tiny_weights_of_users_follow_their_cfg(tmp_path, caplog):
    path = full_tiny(tmp_path, DarknetHeader(0, 2, 5, 64))
    model = load_darknet(path, CONFIGS / "yolov3-tiny.cfg")
    assert anchors_of(model)[1] == ((10, 14), (23, 27), (37, 58))
    own = tmp_path / "own.cfg"
    own.write_text((CONFIGS / "yolov3-tiny.cfg").read_text().replace("10,14,", "11,14,"))
    model = load_darknet(full_tiny(tmp_path, ORIGINAL), own)
    assert anchors_of(model)[1] == ((11, 14), (23, 27), (37, 58))
    assert "mask 1,2,3" not in caplog.text


# ---- what a model means ----

NET = "[net]\nwidth=64\nheight=64\nchannels=3\nmomentum=0.9\n"
YOLO = "[convolutional]\nfilters=7\n[yolo]\nanchors=1,2\nclasses=2\nnum=1\n"


@pytest.mark.parametrize(
    ("text", "header", "fit"),
    [
        (NET + YOLO, None, "letterbox"),
        (NET + YOLO, ORIGINAL, "letterbox"),
        (NET + YOLO, DarknetHeader(0, 2, 5), "stretch"),
        (NET + "letter_box=1\n" + YOLO, DarknetHeader(0, 2, 5), "letterbox"),
        (NET + "letter_box=0\n" + YOLO, ORIGINAL, "stretch"),
        (NET + "mosaic=1\n" + YOLO, ORIGINAL, "stretch"),
        (NET + YOLO + "iou_loss=ciou\n", None, "stretch"),
        (NET + YOLO + "scale_x_y=1.0\n", None, "stretch"),
        (NET + YOLO.replace("filters=7", "filters=7\nactivation=mish"), None, "stretch"),
        (NET + YOLO.replace("filters=7", "filters=7\nactivation=leaky\nstopbackward=1"), None, "letterbox"),
        (NET + YOLO + "[scale_channels]\nfrom=-2\n", None, "stretch"),
    ],
)
def test_how_images_are_fitted_is_told_by_the_files(text, header, fit):
    cfg = parse_cfg(text)
    assert meaning_of(cfg, header).preprocessing == Preprocessing((64, 64), fit, "darknet", 0.5)
    assert meaning_of(cfg, header, fit="stretch").preprocessing.fit == "stretch"


@pytest.mark.parametrize(
    ("options", "kind", "exponent"),
    [
        ("", "iou", 0.6),
        ("nms_kind=default\nbeta_nms=0.3\n", "iou", 0.6),
        ("nms_kind=greedynms\nbeta_nms=0.3\n", "diou", 0.6),
        ("nms_kind=diounms\nbeta_nms=0.3\n", "diou", 0.3),
        ("nms_kind=diounms\n", "diou", 0.6),
    ],
)
def test_the_rule_of_suppression_is_the_last_yolo_layers(options, kind, exponent):
    meaning = meaning_of(parse_cfg(NET + YOLO + "nms_kind=diounms\nbeta_nms=0.9\n" + YOLO + options))
    assert (meaning.nms_kind, meaning.diou_exponent) == (kind, exponent)


def test_unknown_rules_are_refused():
    with pytest.raises(UserError, match="nms_kind=cornersnms cannot be done"):
        meaning_of(parse_cfg(NET + YOLO + "nms_kind=cornersnms\n", "x.cfg"))
    with pytest.raises(UserError, match="beta_nms must be above 0"):
        meaning_of(parse_cfg(NET + YOLO + "nms_kind=diounms\nbeta_nms=0\n", "x.cfg"))


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_the_meaning_survives_being_written(tmp_path, fit):
    weights = tmp_path / "a.weights"
    preprocessing = Preprocessing((96, 64), fit, "darknet", 0.5)
    save_darknet(tiny(), weights, preprocessing=preprocessing, nms_kind="diou", diou_exponent=0.4)
    model = load_darknet(weights)
    assert (model.preprocessing, model.nms_kind, model.diou_exponent) == (preprocessing, "diou", 0.4)


# ---- the .cfg files of this project ----


@pytest.mark.parametrize("name", ["yolov3", "yolov3-spp", "yolov3-tiny", "darknet53"])
def test_the_shipped_cfgs_are_our_networks(name):
    with torch.device("meta"):
        network = Darknet53Classifier() if name == "darknet53" else YOLOv3(variant=name)
    path = CONFIGS / f"{name}.cfg"
    plan = plan_from_cfg(read_cfg(path))
    assert plan == native_plan(network, plan.input_shape[1:])
    preprocessing = Preprocessing(plan.input_shape[1:], "letterbox", "darknet", 0.5)
    assert path.read_text() == darknet_cfg_text(network, preprocessing=preprocessing)


# ---- names and data files ----


def test_names_are_read_and_written(tmp_path):
    path = tmp_path / "a.names"
    path.write_bytes("\ufeffperson\r\ntraffic light\r\n naïve \r\n\r\n\n".encode())
    assert read_names(path) == ("person", "traffic light", "naïve")
    write_names(path, ("person", "traffic light"))
    assert path.read_bytes() == b"person\ntraffic light\n"
    for content, message in ((b"", "no class names"), (b"a\n\nb\n", "a.names:2: a blank line"), (b"\xff", "UTF-8")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=message):
            read_names(path)
    path.write_bytes(b"a\nb\x00c\n")
    with pytest.raises(UserError, match=r"a\.names:2: .* unprintable"):
        read_names(path)
    with pytest.raises(UserError, match="cannot be written to a"):
        write_names(path, ("a\nb",))
    with pytest.raises(UserError, match="cannot be read"):
        read_names(tmp_path / "none.names")


@pytest.mark.shared
def test_the_names_at_hand(shared):
    names = read_names(shared / "darknet" / "coco.names")
    assert (len(names), names[0], names[-1]) == (80, "person", "toothbrush")


def test_data_files(tmp_path):
    (tmp_path / "cfg").mkdir()
    (tmp_path / "train.txt").write_text("")
    path = tmp_path / "cfg" / "a.data"
    path.write_text(
        "# mine\nclasses= 3\ntrain  = train.txt\nvalid = gone.txt\nnames=a.names\nbackup = backup/\neval=coco\n"
    )
    data = read_data(path)
    assert (data.classes, data.train, data.valid, data.names) == (3, "train.txt", "gone.txt", "a.names")
    assert data.find(data.train) == (tmp_path / "train.txt").resolve()
    with pytest.raises(UserError, match=r"gone\.txt was found neither in"):
        data.find(data.valid)
    for text, message in (
        ("classes=x\n", "a.data:1: classes must be"),
        ("train\n", "a.data:1: expected"),
        ("", "no key"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_data(path)
