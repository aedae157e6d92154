"""The layouts that data/README.md lists: the same three images, laid out as each tool does, give the same samples."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from yolov3.catalogue.opening import open_dataset, open_splits
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError

README = Path(__file__).parents[2] / "data" / "README.md"

Boxes = list[tuple[str, tuple[float, ...]]]


def move_all(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        shutil.move(path, target / path.name)
    source.rmdir()


def coco_devkit(files, root: Path) -> None:
    files.write_coco(root)
    move_all(root / "images" / "val", root / "val2017")
    (root / "annotations" / "instances_val.json").rename(root / "annotations" / "instances_val2017.json")
    for kind in ("captions", "person_keypoints"):
        (root / "annotations" / f"{kind}_val2017.json").write_text("{}")


def voc_devkit(files, root: Path) -> None:
    files.write_voc(root)
    (root / "ImageSets" / "Main" / "cat_val.txt").write_text("one 1\nthree -1\ntwo -1\n")


def voc_plain(files, root: Path) -> None:
    files.write_voc(root / "x")
    move_all(root / "x" / "Annotations", root / "annotations")
    move_all(root / "x" / "JPEGImages", root / "images")
    shutil.rmtree(root / "x")


def voc_folders(files, root: Path) -> None:
    files.write_voc(root / "Val")
    shutil.rmtree(root / "Val" / "ImageSets")
    move_all(root / "Val" / "JPEGImages", root / "Val" / "images" / "day 1" / "morning")


def yolo_folders(files, root: Path) -> None:
    files.write_yolo(root)


def yolo_by_split(files, root: Path) -> None:
    files.write_yolo(root / "x", split="")
    (root / "x" / "classes.txt").rename(root / "classes.txt")
    (root / "x").rename(root / "validation")


def darknet(files, root: Path) -> None:
    files.write_yolo(root / "data", split="mine")
    (root / "data" / "classes.txt").rename(root / "data" / "my.names")
    lines = "".join(f"data/images/mine/{name}.png\n" for name in files.sizes)
    (root / "data" / "val.txt").write_text(lines)
    (root / "backup").mkdir()
    (root / "my.data").write_text(
        "classes = 3\ntrain = data/val.txt\nvalid = data/val.txt\nnames = data/my.names\nbackup = backup/\n"
    )


def ultralytics(files, root: Path) -> None:
    files.write_yolo(root, split="val2017")
    (root / "classes.txt").unlink()
    (root / "dataset.yaml").write_text(
        "path: ../datasets/mine\ntrain: images/train2017\nval: images/val2017\ntest: # none\n"
        "names:\n  0: cat\n  1: dog\n  2: bird\ndownload: https://nowhere.example/mine.zip\n"
    )


def roboflow_coco(files, root: Path) -> None:
    content = files.coco_content()
    for category in content["categories"]:
        category["supercategory"] = "animals"
    content["categories"].insert(0, {"id": 0, "name": "animals", "supercategory": "none"})
    files.write_coco(root / "x", content)
    move_all(root / "x" / "images" / "val", root / "valid")
    (root / "x" / "annotations" / "instances_val.json").rename(root / "valid" / "_annotations.coco.json")
    shutil.rmtree(root / "x")
    for name in ("README.dataset.txt", "README.roboflow.txt"):
        (root / name).write_text("exported")


def roboflow_voc(files, root: Path) -> None:
    files.write_voc(root / "x")
    move_all(root / "x" / "JPEGImages", root / "valid")
    move_all(root / "x" / "Annotations", root / "valid")
    shutil.rmtree(root / "x")


def roboflow_yolo(files, root: Path) -> None:
    files.write_yolo(root / "x", split="")
    (root / "x" / "classes.txt").unlink()
    (root / "x").rename(root / "valid")
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 3\nnames: ['cat', 'dog', 'bird']\n\n"
        "roboflow:\n  workspace: mine\n  project: animals\n  version: 1\n  license: CC BY 4.0\n"
    )


def cvat_coco(files, root: Path) -> None:
    files.write_coco(root)
    move_all(root / "images" / "val", root / "images" / "default")
    (root / "annotations" / "instances_val.json").rename(root / "annotations" / "instances_default.json")


def cvat_voc(files, root: Path) -> None:
    files.write_voc(root, split="default")
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\ncat:1,2,3::\n")


def cvat_yolo(files, root: Path) -> None:
    files.write_yolo(root / "x", split="")
    move_all(root / "x" / "images", root / "obj_train_data")
    move_all(root / "x" / "labels", root / "obj_train_data")
    (root / "x" / "classes.txt").rename(root / "obj.names")
    (root / "x").rmdir()
    (root / "train.txt").write_text("".join(f"data/obj_train_data/{name}.png\n" for name in files.sizes))
    (root / "obj.data").write_text("classes = 3\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n")


def label_studio_coco(files, root: Path) -> None:
    content = files.coco_content()
    for image in content["images"]:
        image["file_name"] = f"images\\{image['file_name']}"
    files.write_images(root / "images")
    (root / "result.json").write_text(json.dumps(content))


def label_studio_voc(files, root: Path) -> None:
    files.write_voc(root)
    (root / "JPEGImages").rename(root / "images")
    shutil.rmtree(root / "ImageSets")


def label_studio_yolo(files, root: Path) -> None:
    files.write_yolo(root, split="")
    (root / "notes.json").write_text(
        json.dumps({"categories": [{"id": 0, "name": "cat"}], "info": {"year": 2026, "contributor": "Label Studio"}})
    )


def labelimg_voc(files, root: Path) -> None:
    roboflow_voc(files, root / "x")
    move_all(root / "x" / "valid", root)
    shutil.rmtree(root / "x")


def labelimg_yolo(files, root: Path) -> None:
    files.write_yolo(root / "x", split="")
    move_all(root / "x" / "images", root)
    move_all(root / "x" / "labels", root)
    (root / "x" / "classes.txt").rename(root / "classes.txt")
    (root / "x").rmdir()


def labelme_coco(files, root: Path) -> None:
    content = files.coco_content()
    for image in content["images"]:
        image["file_name"] = f"JPEGImages/{image['file_name']}"
    for number, category in enumerate(content["categories"]):
        for annotation in content["annotations"]:
            if annotation["category_id"] == category["id"]:
                annotation["new"] = number + 1
        category["id"] = number + 1
    for annotation in content["annotations"]:
        annotation["category_id"] = annotation.pop("new")
        left, top, width, height = annotation.pop("bbox")
        annotation["segmentation"] = [[left, top, left + width, top, left + width, top + height, left, top + height]]
    content["categories"].insert(0, {"id": 0, "name": "_background_", "supercategory": None})
    files.write_images(root / "JPEGImages")
    (root / "annotations.json").write_text(json.dumps(content))


LAYOUTS: dict[str, Callable[..., None]] = {
    "COCO": coco_devkit,
    "Pascal VOC": voc_devkit,
    "VOC without lists": voc_plain,
    "VOC by folders": voc_folders,
    "YOLO": yolo_folders,
    "YOLO by split": yolo_by_split,
    "Darknet": darknet,
    "ultralytics": ultralytics,
    "Roboflow, COCO": roboflow_coco,
    "Roboflow, VOC": roboflow_voc,
    "Roboflow, YOLO": roboflow_yolo,
    "CVAT, COCO": cvat_coco,
    "CVAT, VOC": cvat_voc,
    "CVAT, YOLO 1.1": cvat_yolo,
    "Label Studio, COCO": label_studio_coco,
    "Label Studio, VOC": label_studio_voc,
    "Label Studio, YOLO": label_studio_yolo,
    "labelImg, VOC": labelimg_voc,
    "labelImg, YOLO": labelimg_yolo,
    "LabelMe to COCO": labelme_coco,
}


def is_divided(name: str) -> bool:
    """What the table says in its column."""
    row = next(line for line in README.read_text().splitlines() if line.startswith(f"| {name} |"))
    return "`val_share`" not in row


def content_of(root: Path, *, divided: bool) -> tuple[dict[str, tuple[tuple[int, int], Boxes]], tuple[str, ...]]:
    if divided:
        datasets = [open_dataset(DataSection(root=str(root)), "val")]
    else:
        with pytest.raises(UserError, match=r"no val split .*; there is: .* or data\.val_share=0\.2"):
            open_dataset(DataSection(root=str(root)), "val")
        splits = open_splits(DataSection(root=str(root), val_share=0.4))
        datasets = [splits.train, splits.val]
        assert all(datasets)
    found = {
        sample.path.stem: (
            sample.size,
            sorted(
                (each.names[label], tuple(box)) for box, label in zip(sample.boxes.tolist(), sample.labels.tolist())
            ),
        )
        for each in datasets
        for sample in each.samples
    }
    return found, datasets[0].names


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_samples(files, tmp_path, name):
    root = tmp_path / "my data"
    root.mkdir()
    LAYOUTS[name](files, root)
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    found, names = content_of(root, divided=is_divided(name))
    expected = {
        stem: (
            files.sizes[stem],
            sorted((files.names[label], tuple(map(float, corners))) for label, *corners in objects),
        )
        for stem, objects in files.objects.items()
    }
    assert found == expected and sorted(names) == sorted(files.names)
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before


def test_the_table_lists_these_layouts():
    table = README.read_text().split("## Layouts that are recognised")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!layout|---)([^|]+?) \|", table, re.MULTILINE)
    assert rows == list(LAYOUTS)


def test_labelmes_own_files_are_refused_and_why(files, tmp_path):
    files.write_images(tmp_path / "x")
    for name in files.sizes:
        (tmp_path / "x" / f"{name}.json").write_text(json.dumps({"version": "5.0", "shapes": [], "imageData": None}))
    for root in (tmp_path, tmp_path / "x"):
        with pytest.raises(UserError, match=r"there is: .*; json files of LabelMe, one for each image, are not read"):
            open_dataset(DataSection(root=str(root)), "train")


def test_images_without_labels_are_refused(files, tmp_path):
    files.write_images(tmp_path / "x")
    with pytest.raises(UserError, match=r"there is: x/ \(3 png\); images without labels cannot be learned from"):
        open_dataset(DataSection(root=str(tmp_path)), "train")
