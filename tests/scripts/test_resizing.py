"""How ways of fitting images are compared: on boxes that are made up, and on a small model from end to end."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from yolov3.detections import Detections
from yolov3.formats.darknet_files import save_darknet
from yolov3.images.files import write_image
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "resizing.py"


@pytest.fixture(scope="module")
def resizing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("resizing", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["resizing"] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def found(*rows: tuple[float, float, int]) -> Detections:
    """Boxes of 10 x 10 pixels at (left, score, label)."""
    boxes = torch.tensor([[left, 0.0, left + 10, 10.0] for left, _, _ in rows]).reshape(-1, 4)
    scores, labels = [score for _, score, _ in rows], [label for _, _, label in rows]
    return Detections(boxes, torch.tensor(scores), torch.tensor(labels, dtype=torch.int64))


def test_boxes_are_compared_with_the_nearest_of_their_class(resizing):
    first = [found((0, 0.9, 0), (50, 0.5, 1), (90, 0.3, 0), (200, 0.1, 0)), found((0, 0.8, 0))]
    second = [found((0, 0.8, 0), (50, 0.9, 0), (91, 0.2, 0)), found()]
    same = resizing.agreement(first, second)
    assert (same.shown, same.found, same.added) == (4, 1, 1)
    assert same.ious == pytest.approx((1, 9 / 11)) and same.differences == pytest.approx((0.1, 0.1))


def test_what_is_the_same_agrees(resizing):
    same = resizing.agreement([found((0, 0.9, 0))], [found((0, 0.9, 0))])
    assert same == resizing.Agreement(1, 1, 0, (1.0,), (0.0,))


def test_pixels_are_those_of_opencv(resizing):
    """With the flag in the place of a factor, as the program's call has it, OpenCV resizes bilinearly."""
    image = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    assert np.array_equal(resizing.bilinear(image, (4, 6)), cv2.resize(image, (6, 4), None, cv2.INTER_NEAREST))
    rows, columns = np.arange(4) * 9 // 4, np.arange(6) * 14 // 6
    assert np.array_equal(resizing.nearest(image, (4, 6)), image[rows][:, columns])


def test_a_table_from_end_to_end(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2017").mkdir()
    images, annotations = [], []
    for number in (1, 2):
        write_image(tmp_path / "val2017" / f"{number}.png", random.integers(0, 256, (50, 70, 3), dtype=np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "height": 50, "width": 70})
        box = {"bbox": [10, 20, 30, 20], "area": 600, "iscrowd": 0}
        annotations.append({"id": number, "image_id": number, "category_id": 1, **box})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.125, num_classes=1)
    for head in network.heads:
        torch.nn.init.normal_(head.predict.weight, std=0.6)
    meaning = ModelMeaning(("cat",), Preprocessing((64, 64), "stretch", "darknet"), Suppression("diou", 0.6))
    save_darknet(network, tmp_path / "a.weights", meaning=meaning)
    command = [sys.executable, str(SCRIPT), str(tmp_path / "a.weights"), "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()]
    assert [row[0] for row in rows[2:]] == [
        "stretch, Darknet's own commands", "stretch, OpenCV's bilinear", "the same, plain IoU",
        "stretch, nearest neighbour", "letterbox",
    ]  # fmt: skip
    shown, _, all_of_them = rows[2][3].partition(" of ")
    assert shown == all_of_them != "0" and rows[2][4:] == ["0", "1.000, 1.000", "0.000, 0.000"]
    assert rows[5][5] != rows[3][5] != rows[2][5]
    done = subprocess.run(
        [*command[:2], "none.pt", "--data", str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2 and done.stderr == "error: none.pt: no such weights file\n" and done.stdout == ""
