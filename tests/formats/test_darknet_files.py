"""Whole models from Darknet's files: found, recognised, meant as they were trained, and written for Darknet again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from yolov3.anchors import TINY_ANCHORS
from yolov3.boxes import clip_boxes, cxcywh_to_xyxy
from yolov3.codec import decode
from yolov3.darknet.cfg import parse_cfg, read_cfg
from yolov3.darknet.cfg_to_plan import plan_from_cfg
from yolov3.darknet.graph import DarknetGraph, build_graph
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.meaning import meaning_of
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.files.class_names import published_names, write_names
from yolov3.formats.darknet_files import (
    PUBLISHED,
    RELEASED_TINY_ANCHORS,
    TINY_BYTES,
    cfg_beside,
    darknet_cfg_text,
    load_darknet,
    save_darknet,
    trained_anchors,
)
from yolov3.formats.darknet_weights import WeightsFile, inspect_weights, write_weights
from yolov3.formats.model import LoadedModel
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
WIDTH = 1 / 8
PREPROCESSING = Preprocessing((64, 96), "letterbox", "darknet", 0.5)
MEANING = ModelMeaning(("red", "white", "platelet"), PREPROCESSING)
ORIGINAL = DarknetHeader(0, 2, 0, 64)


def tiny(classes: int = 3) -> YOLOv3:
    return YOLOv3(variant="yolov3-tiny", num_classes=classes, width=WIDTH).eval()


@pytest.fixture
def saved(tmp_path) -> Path:
    """A tiny network of three classes, with its names, in Darknet's files."""
    weights = tmp_path / "cells.weights"
    save_darknet(tiny(), weights, meaning=MEANING)
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
    assert model.meaning.preprocessing == Preprocessing((320, 320), fit, "darknet", 0.5)
    assert model.meaning.suppression == Suppression("diou", 0.6)
    selection = Selection(confidence=0.1, nms_threshold=0.45, suppression=model.meaning.suppression, multi_label=True)
    assert len(reference) == 5
    for image, entries in reference.items():
        image = read_image(shared / "images" / image)
        geometry = Geometry.fit(image.shape[:2], model.meaning.preprocessing)
        batch = torch.from_numpy(np.ascontiguousarray(geometry.apply_image(image).transpose(2, 0, 1)))[None]
        with torch.no_grad():
            raw = model.network(batch)
        found = postprocess(decode(raw, model.network.levels), [geometry], selection, model.names)[0]
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
    assert model.meaning.preprocessing.fit == "stretch"
    assert model.description == "DarknetGraph from Darknet, 80 classes, 320x320 stretch"
    micro = shared / "reference" / "darknet_micro"
    assert load_darknet(micro / "yolov3-micro.weights").meaning.preprocessing.fit == "letterbox"
    assert isinstance(load_darknet(micro / "yolov3-spp-micro.weights").network, YOLOv3)
    assert isinstance(load_darknet(micro / "darknet53-micro.weights").network, Darknet53Classifier)


# ---- loading ----


def test_a_saved_model_is_the_same_when_loaded(tmp_path, saved):
    original = tiny()
    files = save_darknet(original, saved, meaning=ModelMeaning(("a", "b", "c"), PREPROCESSING))
    assert [file.name for file in files] == ["cells.weights", "cells.cfg", "cells.names"]
    model = load_darknet(saved)
    assert isinstance(model, LoadedModel)
    assert isinstance(model.network, YOLOv3)
    assert not model.network.training
    assert model.meaning == ModelMeaning(("a", "b", "c"), PREPROCESSING, Suppression("iou", 0.6))
    assert (model.source, model.experiment) == (str(saved), None)
    assert model.description == "yolov3-tiny from Darknet, 3 classes, 64x96 letterbox"
    assert model.network.levels == original.levels
    state = model.network.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in original.state_dict().items())
    image = torch.rand(1, 3, 64, 96)
    for found, expected in zip(model.network(image), original(image)):
        assert torch.equal(found, expected)


def test_the_header_travels(tmp_path, saved):
    save_darknet(tiny(), saved, meaning=MEANING, header=DarknetHeader(0, 1, 0, 9))
    header = inspect_weights(saved).header
    assert header == DarknetHeader(0, 1, 0, 9)
    model = load_darknet(saved)
    again = tmp_path / "again.weights"
    save_darknet(model.network, again, meaning=model.meaning, header=header)
    assert again.read_bytes() == saved.read_bytes()


def test_a_graph_is_the_same_when_loaded(tmp_path, fill):
    plan = plan_from_cfg(
        parse_cfg(darknet_cfg_text(tiny(), MEANING).replace("activation=leaky", "activation=swish", 1))
    )
    original = fill(build_graph(plan))
    save_darknet(original, tmp_path / "graph.weights", meaning=MEANING)
    model = load_darknet(tmp_path / "graph.weights")
    assert isinstance(model.network, DarknetGraph)
    assert model.description == "DarknetGraph from Darknet, 3 classes, 64x96 letterbox"
    image = torch.rand(1, 3, 64, 96)
    for found, expected in zip(model.network(image), original(image), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["cells.cfg", "cells.pt", "cells"])
def test_darknets_weights_are_written_under_their_own_ending(tmp_path, name):
    with pytest.raises(UserError, match=rf"{name}: Darknet's weights are written to a file that ends in \.weights"):
        save_darknet(tiny(), tmp_path / name, meaning=MEANING)
    assert list(tmp_path.iterdir()) == []


def test_without_names_no_file_of_names_is_written(tmp_path):
    files = save_darknet(tiny(), tmp_path / "a.weights", meaning=ModelMeaning((), PREPROCESSING))
    assert [file.name for file in files] == ["a.weights", "a.cfg"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.cfg", "a.weights"]


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
    text = darknet_cfg_text(YOLOv3(num_classes=3, width=WIDTH), MEANING)
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


def test_a_backbone_is_no_model(tmp_path):
    source = YOLOv3(num_classes=3, width=WIDTH)
    backbone = tmp_path / "darknet53.conv.74"
    write_weights(backbone, source, layers=74)
    (tmp_path / "x.cfg").write_text(darknet_cfg_text(source, MEANING))
    with pytest.raises(UserError, match=r"holds the layers before layer 75 of 107 only: a backbone"):
        load_darknet(backbone, tmp_path / "x.cfg")


def test_the_keys_that_were_passed_over_are_told(saved, caplog):
    caplog.set_level("INFO")
    cfg = saved.with_suffix(".cfg")
    cfg.write_text(cfg.read_text().replace("width=96", "width=96\nwidth=64"))
    assert load_darknet(saved).meaning.preprocessing.size == (64, 96)
    assert f"{cfg}:3: width is given twice; the first counts (96)" in caplog.text


def test_statistics_begin_at_no_batch(saved):
    counts = [t for name, t in load_darknet(saved).network.state_dict().items() if name.endswith("num_batches_tracked")]
    assert len(counts) == 11
    assert all(count == 0 for count in counts)


@pytest.mark.parametrize(
    ("stem", "cfg"),
    [
        ("cells", "cells"),
        ("cells_final", "cells"),
        ("cells_1000", "cells"),
        ("cells_512x512", "cells"),
        ("cells_final_ema", "cells"),
        ("cells_final", "cells_final"),
        ("cells_v2", None),
        ("final", None),
        ("cellsfinal", None),
    ],
)
def test_which_cfg_lies_beside(tmp_path, stem, cfg):
    for name in ("cells", *([cfg] if cfg else [])):
        (tmp_path / f"{name}.cfg").write_text("")
    found = cfg_beside(tmp_path / f"{stem}.weights")
    assert found == (tmp_path / f"{cfg}.cfg" if cfg else None)


def test_several_files_of_names_that_fit_are_none(saved):
    saved.with_suffix(".names").unlink()
    for name in ("a", "b"):
        write_names(saved.with_name(f"{name}.names"), ("x", "y", "z"))
    assert load_darknet(saved).names == ("x", "y", "z")  # they say the same
    write_names(saved.with_name("b.names"), ("x", "y", "w"))
    assert load_darknet(saved).names == ()


def test_names_in_the_folder_for_them_are_taken_where_none_are_nearer(saved):
    saved.with_suffix(".names").unlink()
    (saved.parent / "data").mkdir()
    write_names(saved.parent / "data" / "far.names", ("x", "y", "z"))
    write_names(saved.with_name("other.names"), ("x", "y"))  # of another network
    assert load_darknet(saved).names == ("x", "y", "z")
    write_names(saved.with_name("near.names"), ("a", "b", "c"))
    assert load_darknet(saved).names == ("a", "b", "c")


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
    assert model.meaning.preprocessing == Preprocessing((416, 416), "letterbox", "darknet", 0.5)
    assert "trained with mask 1,2,3" in caplog.text
    model = load_darknet(path, CONFIGS / "yolov3-tiny.cfg")
    assert anchors_of(model) == RELEASED_TINY_ANCHORS
    save_darknet(model.network, tmp_path / "kept.weights", meaning=model.meaning)
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


@pytest.mark.parametrize(
    ("size", "header", "anchors", "found"),
    [
        (TINY_BYTES, ORIGINAL, TINY_ANCHORS, RELEASED_TINY_ANCHORS),
        (TINY_BYTES, DarknetHeader(0, 2, 5), TINY_ANCHORS, TINY_ANCHORS),
        (TINY_BYTES + 4, ORIGINAL, TINY_ANCHORS, TINY_ANCHORS),
        (TINY_BYTES, ORIGINAL, (TINY_ANCHORS[1], TINY_ANCHORS[0]), (TINY_ANCHORS[1], TINY_ANCHORS[0])),
    ],
    ids=["released", "of a user", "another size", "other anchors"],
)
def test_only_the_released_file_was_trained_with_other_anchors(size, header, anchors, found):
    file = WeightsFile(Path("x.weights"), header, (size - header.size) // 4)
    assert trained_anchors(file, anchors) == found


@pytest.mark.shared
def test_the_official_file_is_known_with_and_without_its_cfg(shared, tmp_path):
    official = shared / "darknet" / "official" / "yolov3-tiny.weights"
    alone = Path(shutil.copyfile(official, tmp_path / "tiny.weights"))
    for path in (official, alone):
        model = load_darknet(path)
        assert isinstance(model.network, YOLOv3)
        assert anchors_of(model) == RELEASED_TINY_ANCHORS
        assert model.meaning == ModelMeaning(
            published_names("coco"), Preprocessing((416, 416), "letterbox", "darknet", 0.5), Suppression()
        )


# ---- files that were published ----


def test_published_files_have_the_bytes_of_their_networks():
    for size, published in PUBLISHED.items():
        with torch.device("meta"):
            if published.variant is None:
                network = Darknet53Classifier(num_classes=published.num_classes)
            else:
                network = YOLOv3(variant=published.variant, num_classes=published.num_classes)
        numbers = sum(t.numel() for t in network.state_dict().values() if t.is_floating_point())
        assert size == 20 + 4 * numbers
        assert published.data_set is None or len(published_names(published.data_set)) == published.num_classes


@pytest.mark.parametrize(
    ("header", "beside", "expected"),
    [
        (ORIGINAL, None, "coco"),
        (DarknetHeader(0, 2, 5), None, ()),
        (ORIGINAL, "yolov3-tiny.names", "own"),
        (ORIGINAL, "other.names", "own"),
    ],
    ids=["published", "of a user", "names of its own", "names beside"],
)
def test_a_published_file_has_the_names_of_its_data_set(tmp_path, header, beside, expected):
    path = full_tiny(tmp_path, header)
    own = tuple(f"class {number}" for number in range(80))
    if beside:
        write_names(tmp_path / beside, own)
    names = {"coco": published_names("coco"), "own": own, (): ()}[expected]
    assert load_darknet(path).names == names


# ---- what is written ----


@pytest.mark.parametrize("rule", [Suppression("diou", 0.4), Suppression("diou", 0.6), Suppression()])
@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_the_meaning_survives_being_written(tmp_path, fit, rule):
    weights = tmp_path / "a.weights"
    meaning = ModelMeaning(("a", "b", "c"), Preprocessing((96, 64), fit, "darknet", 0.5), rule)
    save_darknet(tiny(), weights, meaning=meaning)
    assert load_darknet(weights).meaning == meaning


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_the_cfg_alone_tells_how_images_are_fitted(fit):
    text = darknet_cfg_text(tiny(), ModelMeaning((), Preprocessing((64, 96), fit)))
    for header in (None, ORIGINAL, DarknetHeader(0, 2, 5)):
        assert meaning_of(parse_cfg(text), header).preprocessing.fit == fit
    with torch.device("meta"):
        classifier = Darknet53Classifier()
    assert f"letter_box={int(fit == 'letterbox')}" in darknet_cfg_text(
        classifier, ModelMeaning((), Preprocessing(fit=fit))
    )


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_how_a_classifiers_images_are_fitted_survives_being_written(tmp_path, fit):
    meaning = ModelMeaning((), Preprocessing((64, 64), fit, "darknet", 0.5))
    save_darknet(Darknet53Classifier(num_classes=2, width=1 / 16).eval(), tmp_path / "a.weights", meaning=meaning)
    assert load_darknet(tmp_path / "a.weights").meaning == meaning


def test_the_size_of_the_cfg_is_the_meanings():
    network = tiny()
    for size in ((32, 64), (608, 416)):
        plan = plan_from_cfg(parse_cfg(darknet_cfg_text(network, ModelMeaning((), Preprocessing(size)))))
        assert plan == native_plan(network, size)


@pytest.mark.parametrize("name", ["yolov3", "yolov3-spp", "yolov3-tiny", "darknet53"])
def test_the_shipped_cfgs_are_as_this_project_writes_them(name):
    with torch.device("meta"):
        network = Darknet53Classifier() if name == "darknet53" else YOLOv3(variant=name)
    path = CONFIGS / f"{name}.cfg"
    meaning = meaning_of(read_cfg(path))
    assert path.read_text() == darknet_cfg_text(network, meaning)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.weights: cannot be written"):
        save_darknet(tiny(), tmp_path / "none" / "a.weights", meaning=MEANING)
    (tmp_path / "b.cfg").mkdir()
    with pytest.raises(UserError, match=r"b\.cfg: cannot be written: a folder lies in its place$"):
        save_darknet(tiny(), tmp_path / "b.weights", meaning=MEANING)


@pytest.mark.parametrize("blocked", ["cells.weights", "cells.cfg", "cells.names"])
def test_where_one_file_cannot_be_written_the_older_ones_are_whole(saved, blocked):
    (saved.parent / blocked).unlink()
    (saved.parent / blocked).mkdir()
    before = {path.name: path.read_bytes() for path in saved.parent.iterdir() if path.is_file()}
    with pytest.raises(UserError, match=rf"{blocked}: cannot be written"):
        save_darknet(tiny(), saved, meaning=replace(MEANING, preprocessing=Preprocessing((32, 32))))
    assert {path.name: path.read_bytes() for path in saved.parent.iterdir() if path.is_file()} == before


def test_names_that_cannot_be_written_leave_nothing(tmp_path):
    with pytest.raises(UserError, match=r"class name 'a\\nb' cannot be written to a \.names file"):
        save_darknet(tiny(), tmp_path / "a.weights", meaning=ModelMeaning(("a\nb", "c", "d"), PREPROCESSING))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variant", "classes", "words"),
    [("yolov3-tiny", 1, "yolov3-tiny with 1 class"), ("yolov3-tiny", 3, "yolov3-tiny with 3 classes")],
)
def test_weights_without_a_cfg_are_told_which_network_they_fit(tmp_path, variant, classes, words):
    write_weights(tmp_path / "mine.weights", YOLOv3(variant=variant, num_classes=classes))
    with pytest.raises(
        UserError, match=rf"needs the \.cfg of its network, and none lies beside it; it would fit {words}$"
    ):
        load_darknet(tmp_path / "mine.weights")
