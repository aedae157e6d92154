"""What a .cfg means beyond its network: how images are fitted, and by which rule boxes suppress each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.darknet.cfg import parse_cfg, read_cfg
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.meaning import fit_of, meaning_of, suppression_options, written_for_alexey
from yolov3.errors import UserError
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
ORIGINAL = DarknetHeader(0, 2, 0, 64)
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
    assert fit_of(cfg, header) == fit
    assert meaning_of(cfg, header).preprocessing == Preprocessing((64, 64), fit, "darknet", 0.5)
    assert meaning_of(cfg, header, fit="stretch").preprocessing.fit == "stretch"
    assert meaning_of(cfg, header, fit="letterbox").preprocessing.fit == "letterbox"


@pytest.mark.parametrize(
    ("text", "alexey"),
    [
        (NET + YOLO, False),
        ("[network]\nwidth=64\n[conv]\nfilters=7\n[max]\nsize=2\n", False),
        (NET + "[avgpool]\n[batchnorm]\n[softmax]\ntemperature=1\n[cost]\n", False),
        (NET + "[maxpool]\nstride_x=2\n", True),
        (NET + "[sam]\nfrom=-1\n", True),
        (NET + "[conv]\nactivation=swish\n", True),
        (NET + "[conv]\ngroups=2\n", False),
        (NET + "[route]\nlayers=-1\ngroups=2\n", True),
        (NET + "stopbackward=1\n" + YOLO, True),
    ],
)
def test_what_only_one_branch_knows_tells_it(text, alexey):
    assert written_for_alexey(parse_cfg(text)) is alexey


def test_the_size_is_height_and_width():
    text = NET.replace("height=64", "height=96") + YOLO
    assert meaning_of(parse_cfg(text)).preprocessing.size == (96, 64)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ("", Suppression("iou", 0.6)),
        ("nms_kind=default\nbeta_nms=0.3\n", Suppression("iou", 0.6)),
        ("nms_kind=none\n", Suppression("iou", 0.6)),
        ("nms_kind=greedynms\nbeta_nms=0.3\n", Suppression("diou", 0.6)),
        ("nms_kind=diounms\nbeta_nms=0.3\n", Suppression("diou", 0.3)),
        ("nms_kind=diounms\n", Suppression("diou", 0.6)),
    ],
)
def test_the_rule_of_suppression_is_the_last_yolo_layers(options, rule):
    meaning = meaning_of(parse_cfg(NET + YOLO + "nms_kind=diounms\nbeta_nms=0.9\n" + YOLO + options))
    assert meaning.suppression == rule


@pytest.mark.parametrize("rule", [Suppression(), Suppression("diou", 0.6), Suppression("diou", 0.35)])
def test_a_rule_comes_back_from_being_written(rule):
    options = "".join(f"{key}={value}\n" for key, value in suppression_options(rule).items())
    assert meaning_of(parse_cfg(NET + YOLO + options)).suppression == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            NET + YOLO + "nms_kind=cornersnms\n",
            "x.cfg:12: [yolo] nms_kind=cornersnms cannot be done; done: greedynms, diounms, default",
        ),
        (
            NET + YOLO + "nms_kind=diounms\nbeta_nms=0\n",
            "x.cfg:13: [yolo] beta_nms must be above 0 and at most 10, found 0",
        ),
        (NET + YOLO + "beta_nms=11\n", "x.cfg:12: [yolo] beta_nms must be above 0 and at most 10, found 11"),
        (NET + YOLO + "beta_nms=x\n", "x.cfg:12: [yolo] beta_nms must be a number, found x"),
        (
            NET.replace("width=64", "width=100") + YOLO,
            "x.cfg:2: [net] the input size must be multiples of 32 (height, width), found (64, 100)",
        ),
        (NET.replace("width=64\n", "") + YOLO, "x.cfg:1: [net] needs width="),
        (NET + "letter_box=yes\n" + YOLO, "x.cfg:6: [net] letter_box must be a whole number, found yes"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text, message):
    with pytest.raises(UserError) as caught:
        meaning_of(parse_cfg(text, "x.cfg"))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "size"), [("yolov3", 416), ("yolov3-spp", 608), ("yolov3-tiny", 416), ("darknet53", 256)]
)
def test_the_shipped_files_mean_what_was_published(name, size):
    expected = ModelMeaning((), Preprocessing((size, size), "letterbox", "darknet", 0.5), Suppression("iou", 0.6))
    assert meaning_of(read_cfg(CONFIGS / f"{name}.cfg"), ORIGINAL) == expected


@pytest.mark.shared
def test_the_files_at_hand_tell_their_branch(shared):
    fast = meaning_of(read_cfg(shared / "darknet" / "yolo-fastest-1.1.cfg"))
    assert fast == ModelMeaning((), Preprocessing((320, 320), "stretch", "darknet", 0.5), Suppression("diou", 0.6))
    official = meaning_of(read_cfg(shared / "darknet" / "official" / "yolov3-tiny.cfg"))
    assert official.preprocessing == Preprocessing((416, 416), "letterbox", "darknet", 0.5)
