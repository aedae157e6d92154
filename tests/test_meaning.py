"""What a network's numbers mean: impossible values are refused where they are made; it comes back from plain values."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from yolov3.meaning import ModelMeaning, Preprocessing, Suppression


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": (100, 416)}, r"must be multiples of 32 \(height, width\), found \(100, 416\)"),
        ({"size": (0, 416)}, "must be multiples of 32"),
        ({"size": (-32, 416)}, "must be multiples of 32"),
        ({"fit": "crop"}, "fit must be letterbox or stretch, found 'crop'"),
        ({"resize": "nearest"}, "resize must be area, bilinear or darknet, found 'nearest'"),
        ({"fill": 2.0}, r"fill must lie in \[0, 1\], found 2.0"),
        ({"fill": float("nan")}, "fill must lie"),
    ],
)
def test_impossible_preprocessing_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(**wrong)


def test_preprocessing_is_changed_where_something_is_given():
    own = Preprocessing(size=(320, 416), fit="stretch", resize="darknet", fill=0.25)
    assert own.changed(None, None) == own
    assert own.changed(608, None) == replace(own, size=(608, 608))
    assert own.changed((64, 96), "letterbox") == replace(own, size=(64, 96), fit="letterbox")
    with pytest.raises(ValueError, match=r"multiples of 32 .*found \(100, 100\)"):
        own.changed(100, None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "giou"}, "by iou or diou, found 'giou'"),
        ({"exponent": 0.0}, "above 0 and at most 10, found 0.0"),
        ({"exponent": 10.5}, "above 0 and at most 10, found 10.5"),
        ({"exponent": float("nan")}, "found nan"),
    ],
)
def test_impossible_suppression_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Suppression(**wrong)


MEANINGS = [
    ModelMeaning(),
    ModelMeaning(("cat", "traffic light", "猫"), Preprocessing((320, 608), "stretch", "darknet", 0.0)),
    ModelMeaning(suppression=Suppression("diou", 1.25)),
]


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_meaning_comes_back_from_plain_values(meaning, tmp_path):
    plain = meaning.as_plain()
    assert ModelMeaning.from_plain(plain) == meaning
    assert ModelMeaning.from_plain(json.loads(json.dumps(plain))) == meaning
    torch.save(plain, tmp_path / "plain.pt")
    assert ModelMeaning.from_plain(torch.load(tmp_path / "plain.pt", weights_only=True)) == meaning


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"names": None},
        {"preprocessing": {}},
        {"preprocessing": None},
        {"preprocessing": {"size": [416], "fit": "letterbox", "resize": "area", "fill": 0.5, "colour": "grey"}},
        {"preprocessing": {"size": [100, 100], "fit": "letterbox", "resize": "area", "fill": 0.5}},
        {"nms": {"kind": "iou"}},
        {"nms": {"kind": "soft", "diou_exponent": 0.6}},
        {"nms": []},
    ],
    ids=str,
)
def test_a_meaning_of_anything_else_is_refused(broken):
    values = {**ModelMeaning().as_plain(), **broken} if broken else {}
    with pytest.raises((KeyError, TypeError, ValueError)):
        ModelMeaning.from_plain(values)


def test_nothing_slow_is_imported():
    code = "import sys, yolov3.meaning; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
