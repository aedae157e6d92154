"""What a training warns of at its start is word for word what the doctor finds in the same data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from yolov3.config.loading import load_experiment
from yolov3.doctor.examine import examine
from yolov3.processes.world import World
from yolov3.shapes.dataset import write_shapes_dataset
from yolov3.training.detection import detection_task
from yolov3.training.place import Place

ANCHORS = [[[24, 27], [33, 33], [42, 41]], [[15, 19], [20, 15], [22, 22]]]
SETTINGS = {
    "model": {"variant": "yolov3-tiny", "width": 0.0625, "image_size": 96, "anchors": ANCHORS},
    "train": {"workers": 0, "device": "cpu", "precision": "float32", "batch_size": 4},
}
WARNED = {"image-in-two-splits", "rare-class", "absent-class", "class-not-in-training", "small-object", "poor-anchors"}


def change(root: Path, split: str, how) -> None:
    file = root / "annotations" / f"instances_{split}.json"
    content = json.loads(file.read_bytes())
    how(content)
    file.write_text(json.dumps(content))


def spoil(root: Path) -> None:
    """Many faults at once: classes without objects, few, only in val; a copy in both splits; tiny objects."""

    def train(content):
        for number in (90, 91, 92):
            content["categories"].append({"id": number, "name": f"new{number}"})
        for entry in content["annotations"][:4]:
            entry["category_id"] = 90
        for number, entry in enumerate(content["annotations"][4:]):
            if number % 3 == 0:
                entry["bbox"][2:] = [5, 4]

    def val(content):
        for number in (90, 91, 92):
            content["categories"].append({"id": number, "name": f"new{number}"})
        content["annotations"][0]["category_id"] = 90
        for entry in content["annotations"][1:3]:
            entry["category_id"] = 91
        content["images"][0].update(file_name="another_name.jpg", width=copied["width"], height=copied["height"])
        for entry in content["annotations"]:
            if entry["image_id"] == content["images"][0]["id"]:
                entry["bbox"] = [5, 5, 80, 80]

    copied = json.loads((root / "annotations" / "instances_train.json").read_bytes())["images"][3]
    shutil.copy(root / "train" / copied["file_name"], root / "val" / "another_name.jpg")
    change(root, "train", train)
    change(root, "val", val)


@pytest.fixture
def experiment(tmp_path) -> Path:
    root = write_shapes_dataset(tmp_path / "shapes", train=30, val=8, unseen=0, seed=4)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, "data": {"root": str(root)}}))
    return path


def told(path: Path, *overrides: str) -> list[str]:
    """The warnings of a training of it."""
    settings = load_experiment(path, overrides)
    task = detection_task(settings, Place.of(settings.train, World()), None)
    return [line for line in task.notes() if line.startswith("warning: ")]


def found(path: Path, *overrides: str) -> dict[str, str]:
    """The doctor's findings of the kinds that a training warns of too, as such lines."""
    examined = examine(path, overrides=overrides)
    return {each.kind: each.warning for each in examined.findings if each.kind in WARNED and each.severity != "note"}


def test_both_say_the_same_of_spoilt_data(experiment, tmp_path):
    spoil(tmp_path / "shapes")
    anchors = "model.anchors=[[[200,9],[300,9]],[[9,200],[9,300]]]"
    doctor = found(experiment, anchors)
    assert set(doctor) == WARNED
    assert sorted(told(experiment, anchors)) == sorted(doctor.values())
    assert "another_name.jpg" in doctor["image-in-two-splits"]
    assert "new90 (4)" in doctor["rare-class"] and "new91 (2)" in doctor["class-not-in-training"]
    assert ": new92;" in doctor["absent-class"]


def test_of_good_data_neither_says_anything(experiment):
    assert told(experiment) == [] == list(found(experiment).values())


def test_where_the_same_images_are_learned_and_measured_on_purpose_nothing_is_said(experiment, tmp_path):
    spoil(tmp_path / "shapes")
    assert told(experiment, "data.overfit=4") == []
