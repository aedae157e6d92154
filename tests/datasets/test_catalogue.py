"""COCO, VOC and YOLO: the same images give the same samples, and what is wrong with a file is said by name."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.config.experiment import DataSection
from yolov3.datasets.catalogue import open_dataset, resolve_data
from yolov3.datasets.dataset import Dataset, shared_images
from yolov3.errors import UserError

NAMES = ("cat", "dog", "bird")
SIZES = {"one": (48, 64), "three": (33, 57), "two": (80, 40)}  # (height, width)
OBJECTS = {  # (label, left, top, right, bottom) in pixels
    "one": [(0, 4, 6, 30, 40), (2, 10, 12, 64, 48)],
    "three": [(1, 0, 0, 57, 33), (0, 20, 2, 40, 30)],
    "two": [],
}
COCO_IDS = {"one": 7, "three": 11, "two": 42}
CATEGORY_IDS = (3, 17, 90)


def write_images(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, (name, (height, width)) in enumerate(SIZES.items()):
        image = np.random.default_rng(number).integers(0, 255, (height, width, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{name}.png"), image)


def coco_content() -> dict:
    flat = [(name, item) for name, items in OBJECTS.items() for item in items]
    return {
        "images": [
            {"id": COCO_IDS[name], "file_name": f"{name}.png", "height": height, "width": width}
            for name, (height, width) in SIZES.items()
        ],
        "annotations": [
            {
                "id": 100 + number,
                "image_id": COCO_IDS[name],
                "category_id": CATEGORY_IDS[label],
                "iscrowd": 0,
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
            }
            for number, (name, (label, left, top, right, bottom)) in enumerate(flat)
        ],
        "categories": [{"id": number, "name": name} for number, name in zip(CATEGORY_IDS, NAMES)],
    }


def write_coco(root: Path, content: dict | None = None) -> Path:
    write_images(root / "images" / "val")
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_val.json").write_text(json.dumps(content or coco_content()))
    return root


def voc_object(label: int, left: float, top: float, right: float, bottom: float, more: str = "") -> str:
    return (
        f"<object><name>{NAMES[label]}</name>{more}<bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
    )


def write_voc(root: Path) -> Path:
    write_images(root / "JPEGImages")
    (root / "Annotations").mkdir()
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "val.txt").write_text("".join(f"{name}\n" for name in SIZES))
    for name, items in OBJECTS.items():
        objects = "".join(voc_object(*item) for item in items)
        (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
    return root


def write_yolo(root: Path) -> Path:
    write_images(root / "images" / "val")
    (root / "labels" / "val").mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(NAMES))
    for name, items in OBJECTS.items():
        height, width = SIZES[name]
        lines = [
            f"{label} {(left + right) / 2 / width!r} {(top + bottom) / 2 / height!r} {(right - left) / width!r} "
            f"{(bottom - top) / height!r}"
            for label, left, top, right, bottom in items
        ]
        if lines:
            (root / "labels" / "val" / f"{name}.txt").write_text("\n".join(lines))
    return root


def opened(root: Path, **settings) -> Dataset:
    names = None if (root / "annotations").is_dir() or (root / "classes.txt").exists() else NAMES
    return open_dataset(DataSection(root=str(root), names=names, **settings), "val")


def test_three_formats_give_the_same_samples(tmp_path):
    coco, voc, yolo = (opened(write(tmp_path / write.__name__)) for write in (write_coco, write_voc, write_yolo))
    assert coco.names == voc.names == yolo.names == NAMES
    assert (coco.category_ids, voc.category_ids, yolo.category_ids) == (CATEGORY_IDS, (1, 2, 3), (0, 1, 2))
    assert [sample.image_id for sample in coco.samples] == list(COCO_IDS.values())
    assert [sample.image_id for sample in voc.samples] == [s.image_id for s in yolo.samples] == list(SIZES)
    for trio in zip(coco.samples, voc.samples, yolo.samples):
        assert len({sample.path.name for sample in trio}) == 1
        for other in trio[1:]:
            assert other.size == trio[0].size == SIZES[trio[0].path.stem]
            for field in ("boxes", "labels", "ignore", "areas"):
                first, second = getattr(trio[0], field), getattr(other, field)
                assert first.dtype == second.dtype
                np.testing.assert_array_equal(first, second)
    assert coco.report == voc.report.__class__(images=3, boxes=4, backgrounds=1)


def test_crowds_and_difficult_objects_are_ignored_not_lost(tmp_path):
    content = coco_content()
    content["annotations"][0]["iscrowd"] = 1
    coco = opened(write_coco(tmp_path / "coco", content))
    root = write_voc(tmp_path / "voc")
    objects = voc_object(*OBJECTS["one"][0], more="<difficult>1</difficult>") + voc_object(*OBJECTS["one"][1])
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{objects}</annotation>")
    for dataset in (coco, opened(root)):
        assert dataset.samples[0].ignore.tolist() == [True, False]
        assert dataset.report.ignored == 1


def test_boxes_without_area_or_outside_are_dropped_or_clipped_and_counted(tmp_path):
    content = coco_content()
    boxes = [[5, 5, 0, 9], [200, 5, 5, 5], [-10, -10, 30, 30], [60, 40, 20, 20]]
    for annotation, box in zip(content["annotations"], boxes):
        annotation.update(bbox=box, image_id=COCO_IDS["one"])
    report = opened(write_coco(tmp_path, content)).report
    assert (report.dropped_zero_area, report.dropped_outside, report.clipped, report.boxes) == (1, 1, 2, 2)
    assert "1 dropped zero area" in report.summary()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"][0].update(bbox=[1, 2, float("nan"), 4]), r"annotations\[0\] \(id 100\): bbox"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, "3", 4]), "bbox"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, True, 4]), "bbox"),
        (lambda c: c["annotations"][1].update(id=100), "id 100 stands 2 times"),
        (lambda c: c["images"][1].update(id=7), "id 7 stands 2 times"),
        (lambda c: c["annotations"][0].update(category_id=5), "category_id found 5"),
        (lambda c: c["annotations"][0].update(image_id=5), "image_id found 5"),
        (lambda c: c["images"][0].update(file_name="../one.png"), "stays below"),
        (lambda c: c["images"][0].update(file_name="/etc/passwd"), "stays below"),
        (lambda c: c["images"][0].update(file_name="nothing.png"), "1 of 3 image files are missing"),
        (lambda c: c.pop("categories"), "categories: expected a list"),
        (lambda c: c.update(annotations={}), "annotations: expected a list"),
    ],
)  # fmt: skip
def test_what_a_coco_file_gets_wrong_is_named(tmp_path, change, message):
    content = coco_content()
    change(content)
    with pytest.raises(UserError, match=message):
        opened(write_coco(tmp_path, content))


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<annotation><object>", "not readable as xml"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", "DOCTYPE or ENTITY"),
        ("<annotation><object><bndbox/></object></annotation>", "object 1 has no name"),
        ("<annotation><object><name>cat</name></object></annotation>", r"object 1 \(cat\): bndbox/xmin: found None"),
        (f"<annotation>{voc_object(0, 1, 1, 5, float('nan'))}</annotation>", "ymax: found 'nan'"),
        (f"<annotation>{voc_object(0, 1, 1, 5, 5).replace('cat', 'cow')}</annotation>", "unknown class 'cow'"),
        (f"<annotation>{voc_object(0, 1, 1, 5, 5, '<difficult>x</difficult>')}</annotation>", "difficult: found 'x'"),
    ],
)
def test_what_a_voc_file_gets_wrong_is_named(tmp_path, xml, message):
    root = write_voc(tmp_path)
    (root / "Annotations" / "one.xml").write_text(xml)
    with pytest.raises(UserError, match=message):
        opened(root)


def test_voc_corners_may_count_from_zero_and_fractions_are_kept(tmp_path):
    root = write_voc(tmp_path)
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{voc_object(0, 3.5, 4, 20, 30.25)}</annotation>")
    assert opened(root).samples[0].boxes.tolist() == [[3.5, 4.0, 20.0, 30.25]]
    assert opened(root, one_based=False).samples[0].boxes.tolist() == [[4.5, 5.0, 20.0, 30.25]]


def test_a_wrong_size_in_an_xml_is_reported_and_the_image_believed(tmp_path):
    root = write_voc(tmp_path)
    size = "<size><width>10</width><height>10</height></size>"
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{size}{voc_object(*OBJECTS['one'][0])}</annotation>")
    dataset = opened(root)
    assert dataset.samples[0].size == SIZES["one"]
    assert "1 xml files give another size" in dataset.report.summary()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("0 0.5 0.5 0.1", r"one\.txt:1: found 4 columns"),
        ("0 0.5 0.5 0.1 0.1\n\n3 0.5 0.5 0.1 0.1", r"one\.txt:3: class 3; there are 3 classes"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0.5 0.5 0.5 0.1 0.1", "class 0.5"),
        ("0 nan 0.5 0.1 0.1", "must be finite"),
        ("0 a 0.5 0.1 0.1", "expected five numbers"),
        ("0 100 50 30 20", "shares of the picture"),
        ("0 " + "0.1 " * 8, "outlines of segmentations"),
    ],
)
def test_what_a_label_file_gets_wrong_is_named_with_its_line(tmp_path, lines, message):
    root = write_yolo(tmp_path)
    (root / "labels" / "val" / "one.txt").write_text(lines)
    with pytest.raises(UserError, match=message):
        opened(root)


def test_label_files_of_other_systems_are_read(tmp_path):
    root = write_yolo(tmp_path)
    (root / "labels" / "val" / "one.txt").write_bytes(b"\xef\xbb\xbf1.0 0.5 0.5 0.5 0.5\r\n\r\n")
    assert opened(root).samples[0].labels.tolist() == [1]


def test_a_data_yaml_in_the_usual_words(tmp_path):
    write_yolo(tmp_path / "set")
    yaml = tmp_path / "data.yaml"
    yaml.write_text("path: set\nval: images/val\nnc: 3\nnames: {0: cat, 1: dog, 2: bird}\ndownload: rm -rf /\n")
    dataset = open_dataset(resolve_data(yaml), "val")
    assert (dataset.names, len(dataset)) == (NAMES, 3)
    yaml.write_text("path: set\nval: images/val\nnc: 4\nnames: [cat, dog, bird]\n")
    with pytest.raises(UserError, match="nc is 4, but there are 3 names"):
        open_dataset(resolve_data(yaml), "val")
    yaml.write_text("path: set\nvalid: images/val\n")
    with pytest.raises(UserError, match="unknown key valid"):
        open_dataset(resolve_data(yaml), "val")


def test_darknets_data_file(tmp_path):
    root = write_yolo(tmp_path / "set")
    (tmp_path / "list.txt").write_text("".join(f"{root}/images/val/{name}.png\n" for name in SIZES))
    (tmp_path / "my.data").write_text(f"classes = 3\nvalid = list.txt\nnames = {root}/classes.txt\nbackup = b\n")
    dataset = open_dataset(resolve_data(tmp_path / "my.data"), "val")
    assert (dataset.names, dataset.report.boxes) == (NAMES, 4)


def test_overfitting_takes_the_first_training_images_for_every_split(tmp_path):
    root = write_voc(tmp_path)
    (root / "ImageSets" / "Main" / "train.txt").write_text("two\none\nthree\n")
    data = DataSection(root=str(root), names=NAMES, overfit=2)
    ids = [[sample.image_id for sample in open_dataset(data, split).samples] for split in ("train", "val")]
    assert ids == [["two", "one"]] * 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataSection(), "no data set is named"),
        (DataSection(root="/nowhere"), "does not exist"),
        (DataSection(root="tests"), "not recognised as a data set"),
        (DataSection(file="/nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_no_data_is_a_clear_error(data, message):
    with pytest.raises(UserError, match=message):
        open_dataset(data, "val")


def test_images_in_two_splits_are_found(tmp_path):
    root = write_voc(tmp_path)
    dataset = opened(root)
    assert shared_images(dataset.first(1), dataset) == (dataset.samples[0].path,)


@pytest.mark.shared
def test_real_data_sets(shared):
    bccd = open_dataset(resolve_data(shared / "datasets" / "bccd"), "train")
    assert (bccd.names, bccd.report.images, bccd.report.dropped_zero_area) == (("Platelets", "RBC", "WBC"), 205, 1)
    coco = open_dataset(resolve_data(shared / "datasets" / "coco-tiny"), "val")
    assert (len(coco.names), coco.category_ids[-1], coco.report.ignored) == (80, 90, 11)
