"""Readers of data sets: their labels, lists and descriptions, by the readers that learn from them and the doctor's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from fuzzing.mutations import change_json, change_text, change_xml, change_yaml
from fuzzing.reader import Reader

NAMES = ("cat", "dog", "bird")
SIZES = {"one": (48, 64), "three": (33, 57), "two": (80, 40)}  # (height, width)


def write_images(folder: Path) -> None:
    """Three small images."""
    import cv2
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, (height, width)) in enumerate(SIZES.items()):
        image = np.random.default_rng(number).integers(0, 255, (height, width, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{name}.png"), image)


def coco_json() -> bytes:
    """Annotations of the three images: boxes, outlines, a mask, a crowd."""
    square = [[4.0, 4.0, 20.0, 4.0, 20.0, 20.0, 4.0, 20.0]]
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 0, "bbox": [4, 6, 26, 34], "area": 884, "segmentation": square},
        {"id": 2, "image_id": 7, "category_id": 17, "iscrowd": 1, "bbox": [1, 1, 20, 20], "area": 400,
         "segmentation": {"size": [48, 64], "counts": [0, 48, 3024]}},
        {"id": 3, "image_id": 11, "category_id": 90, "iscrowd": 0, "area": 10, "segmentation": square},
        {"id": 4, "image_id": 11, "category_id": 3, "iscrowd": 0, "segmentation": {"size": [33, 57], "counts": "0Q1000000"}},
    ]  # fmt: skip
    images = [
        {"id": number, "file_name": f"{name}.png", "height": size[0], "width": size[1]}
        for number, (name, size) in zip((7, 11, 42), SIZES.items())
    ]
    categories = [{"id": number, "name": name, "supercategory": "animal"} for number, name in zip((3, 17, 90), NAMES)]
    return json.dumps({"info": {}, "images": images, "annotations": annotations, "categories": categories}).encode()


def _coco(folder: Path) -> list[bytes]:
    write_images(folder / "images" / "val")
    return [coco_json()]


def _xml(more: str = "") -> bytes:
    item = "<object><name>{}</name>{}<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
    objects = item.format("cat", more, 5, 7, 30, 40) + item.format("bird", "<difficult>1</difficult>", 11, 13, 64, 48)
    size = "<size><width>64</width><height>48</height><depth>3</depth></size>"
    return f"<annotation><filename>one.png</filename>{size}{objects}</annotation>".encode()


def _voc(folder: Path) -> list[bytes]:
    write_images(folder / "JPEGImages")
    for name in ("Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "val.txt").write_text("one\nthree\n")
    for name in SIZES:
        (folder / "Annotations" / f"{name}.xml").write_bytes(_xml())
    return [_xml(), _xml("<pose>Left</pose><part><name>head</name></part>")]


def _voc_lists(folder: Path) -> list[bytes]:
    _voc(folder)
    return [b"one\nthree\ntwo\n", b"one\r\ntwo\r\n"]


def _yolo(folder: Path) -> list[bytes]:
    write_images(folder / "images" / "val")
    (folder / "labels" / "val").mkdir(parents=True)
    (folder / "classes.txt").write_text("\n".join(NAMES))
    (folder / "labels" / "val" / "three.txt").write_text("1 0.5 0.5 1 1\n")
    return [b"0 0.5 0.5 0.25 0.125\n2 0.1 0.2 0.2 0.4\n", b"1 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\r\n"]


def _yolo_names(folder: Path) -> list[bytes]:
    _yolo(folder)
    return [b"cat\ndog\nbird\n"]


def _yolo_lists(folder: Path) -> list[bytes]:
    _yolo(folder)
    return [b"./images/val/one.png\n./images/val/three.png\n", b"images/val/two.png\none\n", b"three.png\r\n"]


def _data_yamls(folder: Path) -> list[bytes]:
    _yolo(folder)
    return [
        b"path: .\ntrain: images/val\nval: images/val\nnc: 3\nnames: [cat, dog, bird]\ndownload: x\n",
        b"root: .\nformat: yolo\nval: [images/val]\nnames:\n  0: cat\n  1: dog\n  2: bird\n",
        b"root: .\nval_share: 0.4\nval_seed: 3\ngroup_by: (o|t)\ntrain: images/val\nnames: [cat, dog, bird]\n",
    ]


def _divisions(folder: Path) -> list[bytes]:
    _yolo(folder)
    return [b"one.png\n", b"images/val/three.png\n", b"two\n"]


def _open(root: str = ".", **settings: object) -> Callable[[Path], None]:
    """Opens the data set in the reader's folder; the doctor's survey of it comes first, which refuses nothing but what is
    no data set."""

    def read(path: Path) -> None:
        from yolov3.catalogue.opening import find_data, open_dataset
        from yolov3.config.experiment import DataSection
        from yolov3.doctor.opened import survey_splits

        top = next(parent for parent in path.parents if parent.parent.name.startswith("fuzz-"))
        data = DataSection(root=str(top), **{"names": NAMES, **settings})  # type: ignore[arg-type]
        survey_splits(find_data(data))
        open_dataset(data, "val")

    return read


def _rewrite(**settings: object) -> Callable[[Path], None]:
    """Writes the data set in the reader's folder in one of the formats, beside it."""

    def rewrite(path: Path) -> None:
        from yolov3.rewriting.convert import convert_data

        top = next(parent for parent in path.parents if parent.parent.name.startswith("fuzz-"))
        out = top.with_name(f"{top.name}-out")
        to = ("coco", "voc", "yolo")[path.stat().st_size % 3]
        changes = tuple(f"data.{key}={value}" for key, value in settings.items())
        try:
            convert_data(data=top, to=to, out=out, changes=changes)  # type: ignore[arg-type]
        finally:
            shutil.rmtree(out, ignore_errors=True)

    return rewrite


def _read_yaml(path: Path) -> None:
    from yolov3.catalogue.naming import resolve_data
    from yolov3.catalogue.opening import open_dataset

    open_dataset(resolve_data(path), "val")


def _read_division(path: Path) -> None:
    from yolov3.catalogue.opening import open_splits
    from yolov3.config.experiment import DataSection

    open_splits(DataSection(root=str(path.parent), names=NAMES, train="images/val", lists=str(path)))


def _predictions(folder: Path) -> list[bytes]:
    _coco(folder)
    (folder / "annotations").mkdir()
    (folder / "annotations" / "instances_val.json").write_bytes(coco_json())
    rows = [
        {"image_id": 7, "category_id": 3, "bbox": [4.0, 6.0, 26.5, 34.0], "score": 0.9},
        {"image_id": 11, "category_id": 90, "bbox": [0, 0, 10, 10], "score": 0.25},
    ]
    return [json.dumps(rows).encode()]


def _read_predictions(path: Path) -> None:
    from yolov3.catalogue.opening import open_dataset
    from yolov3.config.experiment import DataSection
    from yolov3.evaluation.saved import read_predictions

    dataset = open_dataset(DataSection(root=str(path.parent), format="coco"), "val")
    read_predictions(path, dataset)


def _read_xml(path: Path) -> None:
    from yolov3.datasets.voc_xml import read_annotation

    read_annotation(path)


def _read_labels(path: Path) -> None:
    from yolov3.datasets.yolo import read_label_file

    read_label_file(path, num_classes=3)


READERS = [
    Reader("coco", "annotations/instances_val.json", _coco, _open(format="coco", names=None), change_json),
    Reader("rewrite-coco", "annotations/instances_val.json", _coco, _rewrite(), change_json),
    Reader("rewrite-voc", "Annotations/one.xml", _voc, _rewrite(names="[cat, dog, bird]"), change_xml),
    Reader("voc", "Annotations/one.xml", _voc, _open(format="voc", val="val"), change_xml),
    Reader("voc-xml", "one.xml", lambda _: [_xml()], _read_xml, change_xml),
    Reader("voc-list", "ImageSets/Main/val.txt", _voc_lists, _open(format="voc", val="val"), change_text),
    Reader("yolo", "labels/val/one.txt", _yolo, _open(format="yolo"), change_text),
    Reader(
        "yolo-labels", "one.txt", lambda _: [b"0 0.5 0.5 0.25 0.125\n2 0.1 0.2 0.2 0.4\n"], _read_labels, change_text
    ),
    Reader("yolo-names", "classes.txt", _yolo_names, _open(format="yolo", names=None), change_text),
    Reader("yolo-list", "val.txt", _yolo_lists, _open(format="yolo", val="val.txt"), change_text),
    Reader("data-yaml", "data.yaml", _data_yamls, _read_yaml, change_yaml),
    Reader("division", "val.txt", _divisions, _read_division, change_text),
    Reader("predictions", "predictions.json", _predictions, _read_predictions, change_json),
]
