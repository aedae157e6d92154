"""The network of an experiment: started from weights and taught nothing, it is the weights' model, or says what differs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from yolov3.anchors import TINY_ANCHORS
from yolov3.config.experiment import ModelSection
from yolov3.darknet.graph import DarknetGraph, build_graph
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.formats.build import Start, begin, build_detector, open_start, settle
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.darknet_files import RELEASED_TINY_ANCHORS, darknet_cfg_text, save_darknet
from yolov3.formats.darknet_weights import write_weights
from yolov3.formats.load import load_model
from yolov3.formats.model import LoadedModel
from yolov3.formats.safetensors_file import save_safetensors
from yolov3.formats.transfer import TransferReport
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.contract import DetectionNetwork
from yolov3.models.yolov3 import VARIANTS, YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
WIDTH = 1 / 16
NAMES = ("red", "white", "platelet")
MEANING = ModelMeaning(NAMES, Preprocessing((64, 96), "stretch", "darknet", 0.5), Suppression("diou", 0.7))
TINY_OWN = (((50.0, 60.0), (70.0, 40.0), (90.0, 90.0)), ((10.0, 12.0), (3.5, 4.25), (8.0, 20.0)))
OTHER = (((51.0, 60.0), (70.0, 40.0), (90.0, 90.0)), TINY_OWN[1])
SUFFIXES = [".pt", ".safetensors", ".weights"]


class Begun(NamedTuple):
    """What a training would begin with."""

    section: ModelSection
    lines: list[str]
    network: DetectionNetwork
    report: TransferReport | None


def begun(section: ModelSection, weights: Path, names: tuple[str, ...] = NAMES) -> Begun:
    start = open_start(str(weights), section)
    settled, lines = settle(section, start)
    network = build_detector(settled, num_classes=len(names))
    return Begun(settled, lines, network.eval(), begin(network, start, names=names))


def tiny(anchors=TINY_OWN, classes: int = 3) -> YOLOv3:
    return YOLOv3(variant="yolov3-tiny", num_classes=classes, width=WIDTH, anchors=anchors, xy_scale=1.05)


def save(network: torch.nn.Module, path: Path, meaning: ModelMeaning = MEANING) -> Path:
    """Written in the form that the ending names."""
    if path.suffix == ".pt":
        save_checkpoint(path, network, meaning=meaning)
    elif path.suffix == ".safetensors":
        save_safetensors(path, LoadedModel(network, meaning))
    else:
        save_darknet(network, path, meaning=meaning)
    return path


def same_outputs(first: torch.nn.Module, second: torch.nn.Module, size: tuple[int, int] = (64, 96)) -> bool:
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        pairs = list(zip(first(images), second(images), strict=True))
    assert all(bool(raw.isfinite().all()) and raw.std() > 0 for raw, _ in pairs)
    return all(torch.equal(raw, other) for raw, other in pairs)


# ---- nothing learned, nothing lost ----


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_starts_from_weights_is_their_model(tmp_path, fill, variant, suffix):
    levels = 2 if variant == "yolov3-tiny" else 3
    anchors = tuple(tuple((10.0 + 7 * level + anchor, 20.5 + anchor) for anchor in range(3)) for level in range(levels))
    source = fill(YOLOv3(variant=variant, num_classes=3, width=WIDTH, anchors=anchors, xy_scale=1.05))
    path = save(source, tmp_path / f"cells{suffix}")
    found = begun(ModelSection(variant=variant, width=WIDTH), path)
    assert same_outputs(found.network, source)
    assert found.network.levels == source.levels
    assert found.section.anchors == anchors
    assert found.section.xy_scale == 1.05
    assert found.section.preprocessing == MEANING.preprocessing
    assert found.section.suppression_rule == MEANING.suppression
    assert {row.outcome for row in found.report.rows if not row.tensor.endswith("num_batches_tracked")} == {"taken"}
    assert (found.report.classes_taken, found.report.other_anchors) == (NAMES, ())


def test_every_setting_that_was_taken_is_told(tmp_path):
    path = save(tiny(), tmp_path / "cells.pt")
    found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH), path)
    assert found.lines == [
        f"model.{line}, as {path} has it"
        for line in (
            "image_size: 64x96",
            "fit: stretch",
            "resize: darknet",
            "suppression: diou",
            "diou_exponent: 0.7",
            "anchors: 50,60 70,40 90,90; 10,12 3.5,4.25 8,20",
            "xy_scale: 1.05",
        )
    ]


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_model_of_the_defaults_leaves_nothing_to_tell(tmp_path, suffix):
    source = YOLOv3(variant="yolov3-tiny", num_classes=3, width=WIDTH)
    path = save(source, tmp_path / f"cells{suffix}", ModelMeaning(NAMES))
    section = ModelSection(variant="yolov3-tiny", width=WIDTH)
    found = begun(section, path)
    assert (found.section, found.lines) == (section, [])
    assert same_outputs(found.network, source.eval())


def test_the_grid_sensitivity_is_taken_with_the_published_anchors_too(tmp_path):
    path = save(tiny(TINY_ANCHORS), tmp_path / "cells.pt", ModelMeaning(NAMES))
    found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH), path)
    assert found.lines == [f"model.xy_scale: 1.05, as {path} has it"]
    assert {level.xy_scale for level in found.network.levels} == {1.05}


@pytest.mark.parametrize("fitting", [Preprocessing((96, 96), "letterbox", "bilinear", 0.25), Preprocessing((32, 64))])
def test_how_a_checkpoint_fits_images_is_taken_whole(tmp_path, fitting):
    path = save(tiny(), tmp_path / "cells.pt", ModelMeaning(NAMES, fitting))
    found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH), path)
    assert found.section.preprocessing == fitting
    assert found.section.suppression_rule == Suppression()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_another_number_of_anchors_is_taken_too(tmp_path, fill, count):
    anchors = tuple(tuple((10.0 + anchor, 20.0 * level + 5) for anchor in range(count)) for level in range(2))
    source = fill(tiny(anchors))
    found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH), save(source, tmp_path / "cells.pt"))
    assert found.network.levels == source.levels
    assert same_outputs(found.network, source)


def test_classes_may_change_their_order(tmp_path, fill):
    source = fill(tiny())
    found = begun(
        ModelSection(variant="yolov3-tiny", width=WIDTH),
        save(source, tmp_path / "cells.pt"),
        ("platelet", "RED", "white"),
    )
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        for raw, other in zip(found.network(images), source(images), strict=True):
            assert torch.equal(raw[..., :5], other[..., :5])
            torch.testing.assert_close(raw[..., 5:], other[..., 5:][..., [2, 0, 1]], rtol=0, atol=1e-6)
    assert found.report.classes_new == ()


def test_weights_without_names_give_as_many_classes_by_number(tmp_path, fill):
    source = fill(tiny())
    path = save(source, tmp_path / "cells.weights", ModelMeaning((), MEANING.preprocessing))
    assert not path.with_suffix(".names").exists()
    found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH), path)
    assert same_outputs(found.network, source)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_graph_that_its_cfg_describes_starts_as_it_was(tmp_path, fill, suffix):
    """No network of ours: its first activation is another."""
    text = darknet_cfg_text(tiny(), MEANING).replace("activation=leaky", "activation=swish", 1)
    cfg = tmp_path / "cells.cfg"
    cfg.write_text(text)
    section = ModelSection(cfg=str(cfg))
    source = fill(build_detector(section, num_classes=3))
    assert isinstance(source, DarknetGraph)
    path = save(source, tmp_path / f"cells{suffix}")
    found = begun(section, path)
    assert isinstance(found.network, DarknetGraph)
    assert found.network.levels == source.levels
    assert same_outputs(found.network, source)
    assert found.section.preprocessing == MEANING.preprocessing
    assert found.section.suppression_rule == MEANING.suppression


# ---- what the experiment says wins ----


@pytest.mark.parametrize("suffix", [".pt", ".weights"])
@pytest.mark.parametrize(
    "given",
    [
        {"fit": "letterbox"},
        {"resize": "area"},
        {"fill": 0.5},
        {"suppression": "iou"},
        {"diou_exponent": 0.6},
        {"image_size": 416},
        {"image_size": (32, 32)},
        {"xy_scale": 1.0},
    ],
    ids=str,
)
def test_a_setting_that_was_given_stays_even_where_it_is_the_default(tmp_path, suffix, given):
    path = save(tiny(), tmp_path / f"cells{suffix}")
    found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH, **given), path)
    ((name, value),) = given.items()
    assert getattr(found.section, name) == value
    assert not any(line.startswith(f"model.{name}:") for line in found.lines)
    assert found.section.anchors == TINY_OWN  # the others are taken all the same


def test_heads_of_other_anchors_than_the_given_ones_start_anew_and_are_told(tmp_path, fill):
    source = fill(tiny())
    found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH, anchors=OTHER), save(source, tmp_path / "cells.pt"))
    assert found.section.anchors == OTHER
    assert found.report.other_anchors == (
        "the head of stride 32 starts anew: its anchors are 51,60 70,40 90,90, those of the weights 50,60 70,40 90,90",
    )
    assert found.report.other_anchors[0] in str(found.report)
    assert not torch.equal(found.network.heads[0].predict.weight, source.heads[0].predict.weight)
    assert torch.equal(found.network.heads[0].hidden.convolution.weight, source.heads[0].hidden.convolution.weight)
    assert torch.equal(found.network.heads[1].predict.weight, source.heads[1].predict.weight)


def test_the_published_anchors_may_be_given_too(tmp_path, fill):
    found = begun(
        ModelSection(variant="yolov3-tiny", width=WIDTH, anchors=TINY_ANCHORS),
        save(fill(tiny()), tmp_path / "cells.pt"),
    )
    assert tuple(level.anchors for level in found.network.levels) == TINY_ANCHORS
    assert len(found.report.other_anchors) == 2
    assert found.report.classes_taken == ()
    assert found.report.classes_new == NAMES


# ---- with a .cfg beside the weights ----


def write_cfg(path: Path, network: YOLOv3, meaning: ModelMeaning) -> ModelSection:
    path.parent.mkdir(exist_ok=True)
    path.write_text(darknet_cfg_text(network, meaning))
    return ModelSection(cfg=str(path))


CFG_MEANING = ModelMeaning((), Preprocessing((128, 160), "letterbox", "darknet", 0.5), Suppression("iou", 0.6))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_is_the_cfgs_and_the_rest_the_weights(tmp_path, fill, suffix):
    source = fill(tiny())
    path = save(source, tmp_path / f"cells{suffix}")
    section = write_cfg(tmp_path / "own" / "cells.cfg", tiny(), CFG_MEANING)
    found = begun(section, path)
    assert found.section.preprocessing == Preprocessing((128, 160), "stretch", "darknet", 0.5)
    assert found.section.suppression_rule == Suppression("diou", 0.7)
    assert same_outputs(found.network, source)
    assert f"model.image_size: 128x160, as {section.cfg} has it" in found.lines
    assert f"model.fit: stretch, as {path} has it" in found.lines


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_anchors_are_the_cfgs_and_heads_of_others_start_anew(tmp_path, fill, suffix):
    source = fill(tiny())
    path = save(source, tmp_path / f"cells{suffix}")
    section = write_cfg(tmp_path / "own" / "cells.cfg", tiny(OTHER), CFG_MEANING)
    found = begun(section, path)
    assert tuple(level.anchors for level in found.network.levels) == OTHER
    assert [line.partition(" starts")[0] for line in found.report.other_anchors] == ["the head of stride 32"]
    assert torch.equal(found.network.heads[1].predict.weight, source.heads[1].predict.weight)


def test_weights_without_a_cfg_of_their_own_use_the_experiments(tmp_path, fill):
    source = fill(tiny())
    weights = tmp_path / "cells.weights"
    write_weights(weights, source)
    section = write_cfg(tmp_path / "own" / "other.cfg", tiny(), MEANING)
    found = begun(section, weights)
    assert same_outputs(found.network, source)
    assert found.section.preprocessing == MEANING.preprocessing
    with pytest.raises(UserError, match=r"cells\.weights: needs the \.cfg of its network"):
        open_start(str(weights), ModelSection(variant="yolov3-tiny", width=WIDTH))


def test_a_run_and_a_darknet_project_are_a_start(tmp_path, fill):
    source = fill(tiny())
    (tmp_path / "run" / "weights").mkdir(parents=True)
    save(source, tmp_path / "run" / "weights" / "best.pt")
    for place in ("backup", "cfg"):
        (tmp_path / place).mkdir()
    save(source, tmp_path / "backup" / "cells_final.weights", ModelMeaning((), MEANING.preprocessing))
    (tmp_path / "backup" / "cells_final.cfg").rename(tmp_path / "cfg" / "cells.cfg")
    (tmp_path / "cells.data").write_text("names=mine.names\nbackup=backup\n")
    (tmp_path / "mine.names").write_text("".join(f"{name}\n" for name in NAMES))
    for given in (tmp_path / "run", tmp_path / "cells.data", tmp_path / "backup" / "cells"):
        found = begun(ModelSection(variant="yolov3-tiny", width=WIDTH), given)
        assert same_outputs(found.network, source)
        assert found.report is not None and found.report.classes_taken == NAMES


def test_a_cfg_alone_says_what_is_left_open(tmp_path):
    section = write_cfg(tmp_path / "cells.cfg", tiny(), MEANING)
    settled, lines = settle(section, Start())
    assert (settled.preprocessing, settled.suppression_rule) == (MEANING.preprocessing, MEANING.suppression)
    assert settled.anchors is None
    assert lines[0] == f"model.image_size: 64x96, as {section.cfg} has it"
    network = build_detector(settled, num_classes=2)
    assert tuple(level.anchors for level in network.levels) == TINY_OWN
    assert begin(network, Start(), names=("a", "b")) is None
    given = section.model_copy(update={"fit": "letterbox", "image_size": 96})
    given = ModelSection(**given.model_dump(include={"cfg", "fit", "image_size"}))
    settled, _ = settle(given, Start())
    assert settled.preprocessing == Preprocessing((96, 96), "letterbox", "darknet", 0.5)


def test_the_mark_in_the_weights_tells_how_a_silent_cfg_is_meant(tmp_path, fill):
    source = fill(tiny())
    weights = tmp_path / "cells.weights"
    write_weights(weights, source)  # marked as the AlexeyAB branch does it
    text = darknet_cfg_text(tiny(), CFG_MEANING).replace("letter_box=1\n", "").replace("scale_x_y=1.05\n", "")
    (tmp_path / "x.cfg").write_text(text)
    section = ModelSection(cfg=str(tmp_path / "x.cfg"))
    assert settle(section, Start())[0].fit == "letterbox"
    assert begun(section, weights).section.fit == "stretch"


# ---- the released tiny weights ----


def released(folder: Path) -> Path:
    return folder / "darknet" / "official" / "yolov3-tiny.weights"


@pytest.mark.shared
@pytest.mark.parametrize(
    "section", [ModelSection(cfg=str(CONFIGS / "yolov3-tiny.cfg")), ModelSection(variant="yolov3-tiny")]
)
@pytest.mark.parametrize("alone", [False, True])
def test_the_released_tiny_weights_keep_the_masks_they_were_trained_with(shared, tmp_path, section, alone):
    path = released(shared)
    if alone:
        path = Path(shutil.copyfile(path, tmp_path / "yolov3-tiny.weights"))
    source = load_model(path)
    found = begun(section, path, source.names)
    assert len(source.names) == 80
    assert found.section.anchors == RELEASED_TINY_ANCHORS
    assert found.network.levels == source.network.levels
    assert found.network.levels[1].anchors == ((23, 27), (37, 58), (81, 82))
    assert found.section.preprocessing == source.meaning.preprocessing
    assert found.report.other_anchors == ()
    assert any(line.startswith("model.anchors: 81,82 135,169 344,319; 23,27 37,58 81,82") for line in found.lines)
    assert same_outputs(found.network, source.network)


@pytest.mark.shared
def test_the_released_tiny_weights_follow_anchors_that_were_given(shared):
    section = ModelSection(variant="yolov3-tiny", anchors=TINY_ANCHORS)
    found = begun(section, released(shared), NAMES)
    assert tuple(level.anchors for level in found.network.levels) == TINY_ANCHORS
    assert found.report.other_anchors == (
        "the head of stride 16 starts anew: its anchors are 10,14 23,27 37,58, those of the weights 23,27 37,58 81,82",
    )


@pytest.mark.shared
def test_a_real_graph_starts_as_it_was(shared):
    path = shared / "darknet" / "yolo-fastest-1.1.weights"
    source = load_model(path)
    found = begun(ModelSection(cfg=str(path.with_suffix(".cfg"))), path, source.names)
    assert same_outputs(found.network, source.network, (320, 320))
    assert found.section.preprocessing == source.meaning.preprocessing
    assert found.section.suppression_rule == source.meaning.suppression == Suppression("diou", 0.6)


# ---- backbones ----


@pytest.mark.parametrize(
    ("variant", "layers", "name"),
    [("yolov3", 74, "darknet53.conv.74"), ("yolov3-tiny", 15, "yolov3-tiny.conv.15"), ("yolov3", 74, "cut.weights")],
)
def test_a_backbone_has_no_meaning_to_take(tmp_path, fill, variant, layers, name):
    source = fill(YOLOv3(variant=variant, num_classes=3, width=WIDTH))
    path = tmp_path / name
    write_weights(path, source, layers=layers)
    section = ModelSection(variant=variant, width=WIDTH)
    start = open_start(str(path), section)
    assert (start.backbone, start.model) == (path, None)
    found = begun(section, path)
    assert (found.section, found.lines) == (section, [])
    state, taken = found.network.state_dict(), source.state_dict()
    assert torch.equal(state["backbone.conv1.convolution.weight"], taken["backbone.conv1.convolution.weight"])
    assert {row.outcome for row in found.report.rows if "predict" in row.tensor} == {"initialised"}
    assert found.report.classes_new == NAMES


def test_a_backbone_for_a_cfg_leaves_the_cfgs_meaning(tmp_path, fill):
    path = tmp_path / "tiny.conv.15"
    write_weights(path, fill(tiny()), layers=15)
    section = write_cfg(tmp_path / "cells.cfg", tiny(), MEANING)
    found = begun(section, path)
    assert found.section.preprocessing == MEANING.preprocessing
    assert tuple(level.anchors for level in found.network.levels) == TINY_OWN
    assert found.report.source == str(path)


def test_a_backbone_of_another_network_is_refused(tmp_path):
    path = tmp_path / "darknet53.conv.74"
    write_weights(path, YOLOv3(num_classes=3, width=WIDTH), layers=74)
    with pytest.raises(UserError, match=r"darknet53\.conv\.74: needs the \.cfg"):
        open_start(str(path), ModelSection(variant="yolov3-tiny", width=WIDTH))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_classifier_gives_its_backbone_and_no_meaning(tmp_path, fill, suffix):
    source = fill(Darknet53Classifier(num_classes=4, width=WIDTH))
    path = save(source, tmp_path / f"classifier{suffix}", ModelMeaning(("a", "b", "red", "d"), Preprocessing((64, 64))))
    section = ModelSection(width=WIDTH)
    found = begun(section, path)
    assert (found.section, found.lines) == (section, [])
    assert all(
        torch.equal(tensor, source.backbone.state_dict()[name])
        for name, tensor in found.network.backbone.state_dict().items()
    )
    assert (found.report.classes_taken, found.report.classes_new) == ((), NAMES)


# ---- what does not go together ----


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "section",
    [ModelSection(width=WIDTH), ModelSection(variant="yolov3-tiny", width=2 * WIDTH)],
    ids=["variant", "width"],
)
def test_weights_of_another_network_are_refused(tmp_path, suffix, section):
    path = save(tiny(), tmp_path / f"cells{suffix}")
    with pytest.raises(UserError, match=rf"cells{suffix}: weights of another network"):
        begun(section, path)


def test_a_graph_does_not_start_a_network_of_ours(tmp_path):
    graph = build_graph(native_plan(tiny(), (64, 64)))
    path = save(graph, tmp_path / "graph.pt")
    with pytest.raises(UserError, match=r"graph\.pt: weights of another network: 0 of this one's"):
        begun(ModelSection(variant="yolov3-tiny", width=WIDTH), path)


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.pt: no such weights file"):
        open_start(str(tmp_path / "none.pt"), ModelSection())
    with pytest.raises(UserError, match=r"none\.cfg: cannot be read"):
        settle(ModelSection(cfg=str(tmp_path / "none.cfg")), Start())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            ModelSection(width=WIDTH, anchors=(((1.0, 2.0),),)),
            "model: anchors for 1 levels were given, the network has 3",
        ),
        (
            ModelSection(cfg=str(CONFIGS / "yolov3-tiny.cfg"), anchors=(((1.0, 2.0),),)),
            r"\[yolo\] layers have \[3, 3\] anchors",
        ),
        (ModelSection(cfg=str(CONFIGS / "darknet53.cfg")), "it is not a detector"),
    ],
)
def test_networks_that_cannot_be_are_refused_by_key_or_file(section, message):
    with pytest.raises(UserError, match=message):
        build_detector(section, num_classes=3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_network_of_the_settings(variant):
    network = build_detector(ModelSection(variant=variant, width=WIDTH, xy_scale=1.1), num_classes=4)
    assert isinstance(network, YOLOv3)
    assert (network.variant, network.width, network.num_classes) == (variant, WIDTH, 4)
    assert {level.xy_scale for level in network.levels} == {1.1}


def test_nothing_to_start_from_leaves_the_settings_and_the_network():
    section = ModelSection(variant="yolov3-tiny", width=WIDTH)
    assert settle(section, Start()) == (section, [])
    network = build_detector(section, num_classes=2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert begin(network, Start(), names=("a", "b")) is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
