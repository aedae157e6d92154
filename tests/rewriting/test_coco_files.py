"""COCO's own library reads what is written; ids, areas and numbers are those there were."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from dataclasses import replace

import numpy as np
from pycocotools.coco import COCO

from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import Classes
from yolov3.rewriting.coco_files import WRITER
from yolov3.rewriting.label_writer import NamedSample

OBJECTS = [((1.5, 2, 11.75, 12), 0, True), ((0.1, 0.2, 0.4, 0.9), 2, False)]


def written(drawn, folder, ids=None):
    dataset = drawn(folder / "x", [("one.png", (20, 30), OBJECTS), ("two.png", (9, 9), [])])
    samples = [replace(s, image_id=i) for s, i in zip(dataset.samples, ids or ("a", "b"))]
    samples[0] = replace(samples[0], areas=np.float32([77.5, 0.21]))
    parts = {
        "train": [NamedSample(sample, sample.path.name) for sample in samples],
        "val": [NamedSample(samples[0], "three.png")],
    }
    (folder / "new").mkdir()
    WRITER.write(folder / "new", parts, Classes(dataset.names, (3, 17, 90)))
    return folder / "new" / "annotations"


def test_cocos_library_reads_it(drawn, tmp_path):
    folder = written(drawn, tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / "instances_train.json"))
    assert coco.getCatIds() == [3, 17, 90] and [each["name"] for each in coco.loadCats([3, 17, 90])] == [
        "cat",
        "dog",
        "bird",
    ]
    assert coco.getImgIds() == [1, 2]
    assert coco.loadImgs([1]) == [{"id": 1, "file_name": "one.png", "width": 30, "height": 20}]
    first, second = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert first == {
        "id": 1, "image_id": 1, "category_id": 3, "bbox": [1.5, 2, 10.25, 10], "area": 77.5, "iscrowd": 1,
        "segmentation": [],
    }  # fmt: skip
    assert (second["id"], second["category_id"], second["bbox"]) == (2, 90, [0.1, 0.2, 0.3, 0.7])
    assert (second["area"], second["iscrowd"]) == (0.21, 0)


def test_ids_count_through_all_parts_unless_they_are_numbers_already(drawn, tmp_path):
    (tmp_path / "a").mkdir()
    content = json.loads((written(drawn, tmp_path / "a") / "instances_val.json").read_text())
    assert [row["id"] for row in content["images"]] == [3] and [row["id"] for row in content["annotations"]] == [3, 4]
    assert {row["image_id"] for row in content["annotations"]} == {3}
    (tmp_path / "b").mkdir()
    folder = written(drawn, tmp_path / "b", ids=(532481, 7))
    content = json.loads((folder / "instances_train.json").read_text())
    assert [row["id"] for row in content["images"]] == [532481, 7]


def test_our_reader_finds_the_very_same_numbers(drawn, tmp_path):
    folder = written(drawn, tmp_path)
    drawn(folder.parent / "images" / "train", [("one.png", (20, 30), []), ("two.png", (9, 9), [])])
    sample = open_dataset(DataSection(root=str(folder.parent)), "train").samples[0]
    assert np.array_equal(sample.boxes, np.float32([box for box, _, _ in OBJECTS]))
    assert np.array_equal(sample.areas, np.float32([77.5, 0.21])) and sample.ignore.tolist() == [True, False]


def test_crowds_are_counted_only_where_they_were_none(drawn, tmp_path):
    sample = drawn(tmp_path, [("one.png", (20, 30), OBJECTS)]).samples[0]
    for ignored, expected in (("crowd region", 0), ("difficult object", 1)):
        losses: Counter = Counter()
        assert WRITER.hold(sample, ignored, losses) is sample and losses.total() == expected
