"""A data set is divided: by share and class, twins together, the same every time, and as its lists say ever after."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.catalogue.division import has_division
from yolov3.catalogue.opening import open_dataset, open_splits
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError


def write_many(root: Path, labels: list[int], *, twins: bool = False) -> Path:
    """A YOLO folder of images ``scene_3_1.png``: a label each (-1: none); with twins, four alike of each."""
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("a\nb\nc\n")
    for number, label in enumerate(labels):
        scene = number // 4 if twins else number
        chance = np.random.default_rng(scene)
        image = cv2.resize(chance.integers(0, 255, (8, 9, 3), np.uint8), (90, 80), interpolation=cv2.INTER_NEAREST)
        image = np.clip(image.astype(int) + number % 4, 0, 255).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"scene_{scene}_{number}.png"), image)
        (root / "labels" / f"scene_{scene}_{number}.txt").write_text(f"{label} 0.5 0.5 0.2 0.2\n" if label >= 0 else "")
    return root


def stems(dataset) -> list[str]:
    return [sample.path.stem for sample in dataset.samples]


def test_every_class_gets_its_share_and_backgrounds_too(tmp_path):
    root = write_many(tmp_path, [0] * 60 + [1] * 20 + [2] * 10 + [-1] * 10)
    splits = open_splits(DataSection(root=str(root), val_share=0.2))
    counts = Counter(int(sample.labels[0]) if len(sample.labels) else -1 for sample in splits.val.samples)
    assert counts == {0: 12, 1: 4, 2: 2, -1: 2}
    assert len(splits.train) == 80 and not set(stems(splits.train)) & set(stems(splits.val))
    assert splits.val.report.problems[-1].startswith(
        "20 of 100 images are set apart for validation (data.val_share=0.2; "
    )


def test_it_is_the_same_every_time_and_another_with_another_seed(tmp_path):
    root = write_many(tmp_path, [0] * 30)
    parts = [
        stems(open_dataset(DataSection(root=str(root), val_share=0.3, val_seed=seed), "val")) for seed in (0, 0, 1)
    ]
    assert parts[0] == parts[1] != parts[2] and len(parts[2]) == 9
    splits = open_splits(DataSection(root=str(root), val_share=0.3))
    assert stems(splits.val) == parts[0]
    assert stems(splits.train) == stems(open_dataset(DataSection(root=str(root), val_share=0.3), "train"))


def test_near_identical_neighbours_stay_together(tmp_path):
    root = write_many(tmp_path, [0] * 80, twins=True)
    splits = open_splits(DataSection(root=str(root), val_share=0.2))
    scenes = [{name.split("_")[1] for name in stems(part)} for part in (splits.train, splits.val)]
    assert not scenes[0] & scenes[1] and len(splits.val) == 16
    assert "80 near-identical neighbours kept together" in splits.val.report.problems[-1]


def test_what_belongs_together_can_be_said(tmp_path):
    root = write_many(tmp_path, [0] * 40)
    pattern = r"scene_(\d)"  # by the first digit
    splits = open_splits(DataSection(root=str(root), val_share=0.25, group_by=pattern))
    firsts = [{name[6] for name in stems(part)} for part in (splits.train, splits.val)]
    assert not firsts[0] & firsts[1] and len(splits.val) > 0
    with pytest.raises(UserError, match=r"data\.group_by: '\(' is no regular expression: "):
        open_splits(DataSection(root=str(root), val_share=0.25, group_by="("))
    with pytest.raises(UserError, match=r"40 images in 1 groups .* leaves none for validation; write data\.group_by"):
        open_splits(DataSection(root=str(root), val_share=0.25, group_by="scene"))


def test_the_lists_say_ever_after_what_was_decided(tmp_path):
    root = write_many(tmp_path / "data", [0] * 20)
    splits = open_splits(DataSection(root=str(root), val_share=0.2))
    (tmp_path / "run").mkdir()
    assert splits.division is not None and not has_division(tmp_path / "run")
    splits.division.write(tmp_path / "run")
    assert has_division(tmp_path / "run")
    assert (tmp_path / "run" / "val.txt").read_text().splitlines() == [
        f"images/{name}.png" for name in stems(splits.val)
    ]
    cv2.imwrite(str(root / "images" / "new.png"), np.zeros((9, 9, 3), np.uint8))
    for place in (root, tmp_path / "elsewhere"):
        if place != root:
            root.rename(place)
        again = open_splits(DataSection(root=str(place), lists=str(tmp_path / "run")))
        assert stems(again.val) == stems(splits.val) and stems(again.train) == stems(splits.train)
        assert "1 that stand in neither list are not used" in again.val.report.problems[-1]


@pytest.mark.parametrize("line", ["images/{}.png", "./images/{}.png", "{}.png", "{}", "{root}/images/{}.png"])
def test_a_list_of_ones_own_may_name_its_images_in_any_way(tmp_path, line):
    root = write_many(tmp_path / "data", [0] * 20)
    (tmp_path / "mine.txt").write_text(line.format("scene_7_7", root=root) + "\n\n")
    splits = open_splits(DataSection(root=str(root), lists=str(tmp_path / "mine.txt")))
    assert stems(splits.val) == ["scene_7_7"] and len(splits.train) == 19


@pytest.mark.parametrize(
    ("train", "val", "message"),
    [
        ("a\n", "scene_1_1\n", r"train\.txt: 1 of 1 images are not in .*: a$"),
        ("scene_1_1\n", "scene_1_1\nscene_2_2\n", r"1 images are in train\.txt and in val\.txt: images/scene_1_1\.png"),
        ("scene_1_1\n", "\n", "leaves no images for validation"),
        ("", "scene_1_1\n", "leaves no images for training"),
        ("scene_1_1\n", None, r"val\.txt: cannot be read: No such file"),
    ],
)
def test_lists_that_cannot_be_meant_are_refused(tmp_path, train, val, message):
    root = write_many(tmp_path / "data", [0] * 4)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.txt").write_text(train)
    if val is not None:
        (tmp_path / "lists" / "val.txt").write_text(val)
    with pytest.raises(UserError, match=message):
        open_splits(DataSection(root=str(root), lists=str(tmp_path / "lists")))


def test_what_is_divided_already_is_not_divided_again(files, tmp_path):
    for split in ("train", "val"):
        files.write_yolo(tmp_path / "x", split=split) if split == "train" else files.write_images(
            tmp_path / "x/images/val"
        )
    root = tmp_path / "x"
    with pytest.raises(UserError, match=r"is divided already: train is images/train, val is images/val; leave data"):
        open_splits(DataSection(root=str(root), val_share=0.4))
    with pytest.raises(UserError, match=r"data\.val says which images are for validation, and so does data\.val_share"):
        open_splits(DataSection(root=str(root), val="images/val", val_share=0.4))
    assert len(open_splits(DataSection(root=str(root), train="images/train", val_share=0.4)).train) == 2


def test_one_image_cannot_be_divided(tmp_path):
    root = write_many(tmp_path, [0])
    with pytest.raises(UserError, match=r"data\.val_share=0\.2 of 1 images in 1 groups .* leaves none for validation"):
        open_splits(DataSection(root=str(root), val_share=0.2))
