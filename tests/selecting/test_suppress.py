"""The two ways of suppressing are one: the table for few boxes finds what torchvision finds."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import nms

from yolov3.errors import UserError
from yolov3.selecting import suppress as module
from yolov3.selecting.candidates import Candidates
from yolov3.selecting.suppress import suppress
from yolov3.structures import Suppression

IOU = Suppression()


def candidates(boxes, scores, labels=None) -> Candidates:
    labels = np.zeros(len(scores), np.int64) if labels is None else labels
    return Candidates(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(labels))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 0.45, 1.0]), st.booleans())
def test_a_table_finds_what_torchvision_finds(count, seed, threshold, class_agnostic):
    random = np.random.default_rng(seed)
    low = random.integers(-40, 60, (count, 2))
    boxes = np.concatenate((low, low + random.integers(0, 40, (count, 2))), 1)  # some without area, many alike
    some = candidates(boxes, random.integers(1, 20, count) / 20, random.integers(0, 3, count))
    few = suppress(some, threshold, IOU, class_agnostic=class_agnostic)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", 0)
        many = suppress(some, threshold, IOU, class_agnostic=class_agnostic)
    assert few.tolist() == many.tolist()


def test_an_overlap_of_the_threshold_itself_stays():
    pair = candidates([[0, 0, 2, 1], [0, 0, 1, 1]], [0.9, 0.8])
    assert suppress(pair, 0.5, IOU).tolist() == [0, 1]
    assert suppress(pair, 0.49, IOU).tolist() == [0]


def test_who_was_suppressed_suppresses_nobody():
    row = candidates([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0.7, 0.8, 0.9])
    assert suppress(row, 0.3, IOU).tolist() == [2, 0]


def test_diou_is_taken_of_scaled_boxes():
    pair = candidates([[0, 0, 10, 10], [0, 0, 10, 20]], [0.9, 0.8])
    rule = Suppression("diou", 0.6)
    assert suppress(pair, 0.35, rule).tolist() == [0, 1] and suppress(pair, 0.35, rule, (1.0, 50.0)).tolist() == [0]


def test_the_function_of_torchvision_alone_is_that_of_all_of_it():
    boxes = torch.rand((500, 4), generator=torch.Generator().manual_seed(0)).double()
    boxes[:, 2:] += boxes[:, :2]
    scores = torch.rand(500, generator=torch.Generator().manual_seed(1)).double()
    assert torch.equal(module.nms_of_many()(boxes, scores, 0.5), nms(boxes, scores, 0.5))


def test_a_torchvision_of_another_torch_is_told(tmp_path, monkeypatch):
    (tmp_path / "_C.so").write_bytes(b"no library at all")
    elsewhere = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: elsewhere)
    with pytest.raises(
        UserError, match=r"^torchvision does not belong to torch \S+ and cannot be loaded \(.*_C\.so"
    ) as told:
        module.nms_of_many()
    assert "\n" not in str(told.value)


def test_neither_boxes_nor_a_model_load_all_of_torchvision_or_a_compiler():
    # Together they are seconds of every start, and 200 MB.
    script = (
        "import sys, numpy as np, torch\n"
        "from yolov3.models.yolov3 import YOLOv3\n"
        "from yolov3.inference.detector import Detector\n"
        "with torch.device('meta'): YOLOv3(variant='yolov3-tiny', num_classes=3)\n"
        "from yolov3.selecting.candidates import Candidates\n"
        "from yolov3.selecting.suppress import suppress\n"
        "from yolov3.structures import Suppression\n"
        "boxes = Candidates(np.array([[0, 0, 9, 9], [1, 1, 9, 9.]]), np.array([0.9, 0.8]), np.array([0, 0]))\n"
        "print(suppress(boxes, 0.5, Suppression()), {'torchvision', 'torch._dynamo'} & set(sys.modules))\n"
    )
    script = script.replace(
        "print(",
        "many = np.random.default_rng(0).random((500, 4)).cumsum(axis=1); suppress("
        "Candidates(many, many[:, 0], np.zeros(500, int)), 0.5, Suppression())\nprint(",
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[0] set()\n"
