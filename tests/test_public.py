"""The package's public names: which there are, that they resolve, that nothing else does, and what a type checker knows of
them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

import yolov3

ROOT = Path(__file__).resolve().parents[1]

PUBLIC = {
    "BatchDetector", "CountLine", "CountZone", "Counting", "Darknet53", "Detections", "Detector", "Tracker", "UserError",
    "YOLOv3",
    "compare_models", "convert_data", "detect", "evaluate", "examine", "export_model", "load_experiment", "load_model",
    "split_data", "train", "write_labels",
}  # fmt: skip


def test_the_public_names_are_these():
    assert set(yolov3.__all__) == PUBLIC
    assert set(dir(yolov3)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_resolves_and_is_explained(name):
    found = getattr(yolov3, name)
    assert found.__doc__, name
    assert name in (ROOT / "README.md").read_text()


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match="module 'yolov3' has no attribute 'nothing'"):
        _ = yolov3.nothing


def test_a_star_brings_the_public_names():
    code = f"from yolov3 import *; assert {sorted(PUBLIC)!r} == sorted(n for n in dir() if n[0] != '_')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_said_once():
    """The package says it, the metadata are made of it: tests/test_package.py compares them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in settings["project"] and settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "yolov3.__version__"}
    assert f"## {yolov3.__version__}" in (ROOT / "docs" / "CHANGELOG.md").read_text()


def test_a_type_checker_sees_the_same_names_from_the_same_places():
    tree = ast.parse((ROOT / "yolov3" / "__init__.py").read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in guarded.body if isinstance(node, ast.ImportFrom)]
    seen = {each.name: node.module for node in imports for each in node.names}
    assert seen == yolov3._MODULES and set(seen) == PUBLIC


USERS_SCRIPT = """
from pathlib import Path
from typing import assert_type

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from yolov3 import (
    Darknet53, Detections, Detector, UserError, YOLOv3, compare_models, convert_data, detect, evaluate, examine,
    export_model, load_experiment, load_model, split_data, train, write_labels,
)

detector = Detector(Path("best.pt"), confidence=0.3, classes=["dog", 2], allow_network=True)
found = detector("street.jpg", nms_threshold=0.5)
assert_type(found, Detections)
assert_type(detector(Path("street.jpg")), Detections)
assert_type(detector(b"bytes"), Detections)
assert_type(detector(np.zeros((4, 4, 3), np.uint8)), Detections)
assert_type(detector(Image.new("RGB", (4, 4))), Detections)
assert_type(detector(["a.jpg", Path("b.jpg")], max_detections=5), list[Detections])
assert_type(detector((Path("b.jpg"), b"bytes")), list[Detections])
assert_type(detector.folder("images", confidence=0.5), list[Detections])
paths: list[str] = ["a.jpg"]
assert_type(detector(paths), list[Detections])
for path in Path("images").iterdir():
    images = [path, path]
    assert_type(detector(images), list[Detections])
for frame, seen in detector.stream("street.mp4", classes=None):
    assert_type(seen, Detections)
    assert_type(frame.seconds, float | None)
    seen.draw(frame.image)

assert_type(len(found), int)
assert_type(found[0].box, tuple[float, float, float, float])
assert_type(found[0].name, str)
assert_type([one.score for one in found], list[float])
for part in (found[:2], found[found.scores > 0.5], found[[0, 1]], found[np.array([0])]):
    assert_type(part, Detections)
assert_type(found.boxes, Tensor)
assert_type(found.image_size, tuple[int, int] | None)
assert_type(found.source, str | None)
assert_type(found == found[:1], bool)
found.save("drawn.jpg")
rows = found.to_dicts() + found.to_coco(image_id=139)
found.to_pandas()
found.to_supervision()

report = export_model(weights="best.pt", to="openvino", precision="int8", calibrate="data/mine")
print(report.passed, report.files[0].name, report.facts.precision, report.proof.why)
experiment = load_experiment("mine.yaml", ["train.epochs=2"])
assert_type(experiment.train.epochs, int)
assert_type(train(experiment).best, Path)
assert_type(evaluate(weights="best.pt", data="mine.yaml").per_class[0].ap, float | None)
assert_type(detect(weights="best.pt", source="street.mp4", save=("drawn",)).boxes, dict[str, int])
assert_type(compare_models(first="a.pt", second=Path("b.pt"), data="mine.yaml").comparison.verdict, str)
assert_type(examine("mine", overrides=["data.val_share=0.2"]).findings[0].advice, str)
assert_type(split_data(data="mine", val=0.2, group_by="(.*)").file, Path)
assert_type(convert_data(data="mine", to="coco", out="new", splits=["val"]).notes, tuple[str, ...])
assert_type(write_labels(detector.folder("images"), "new", "yolo", copy=True).parts["default"].images, int)
try:
    assert_type(load_model("best.pt").names, tuple[str, ...])
except UserError as error:
    print(error)

maps = YOLOv3(num_classes=3)(torch.zeros(1, 3, 416, 416))
assert_type(maps, tuple[Tensor, ...])
stride32, stride16, stride8 = Darknet53(width=0.5)(torch.zeros(1, 3, 256, 256))
assert_type(stride8, Tensor)
"""

MISTAKES = """
from yolov3 import Detector, split_data, nothing  # type: ignore[attr-defined]

detector = Detector("best.pt", confidenc=0.3)  # type: ignore[call-arg]
detector("street.jpg", confidence="0.3")  # type: ignore[call-overload]
detector(7)  # type: ignore[call-overload]
detector("street.jpg")[0].scores  # type: ignore[attr-defined]
detector(["street.jpg"]).boxes  # type: ignore[attr-defined]
split_data(data="mine", vall=0.2)  # type: ignore[call-arg]
"""
"""Each must be seen: an ignored error that is none is an error itself."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which the package is installed beside what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    place = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (place / "yolov3").symlink_to(ROOT / "yolov3")
    (place / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def test_strict_types_of_a_users_script_and_of_the_readme(environment: Path, tmp_path: Path) -> None:
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(snippets) >= 6
    scripts = {"users_script": USERS_SCRIPT, "mistakes": MISTAKES}
    scripts |= {f"readme_{number}": code for number, code in enumerate(snippets, start=1)}
    for name, code in scripts.items():
        (tmp_path / f"{name}.py").write_text(code)
    words = [
        "--strict",
        "--cache-dir",
        str(tmp_path / "cache"),
        "--python-executable",
        str(environment / "bin" / "python"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, *sorted(path.name for path in tmp_path.glob("*.py"))],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "yolov3" / "py.typed").is_file()
    assert (
        "py.typed"
        in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["yolov3"]
    )
