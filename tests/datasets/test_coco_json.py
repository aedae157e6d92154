"""COCO's json, entry by entry: boxes around outlines, categories that are none, files that are another's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as masks

from yolov3.datasets import coco_json
from yolov3.datasets.coco_json import looks_like_coco, read_classes, read_coco_json, read_objects
from yolov3.errors import UserError


def written(folder, content: Any):
    path = folder / "a.json"
    path.write_text(json.dumps(content))
    return path


def with_annotation(files, folder, **changes: Any):
    content = files.coco_content()
    content["annotations"][0].pop("bbox")
    content["annotations"][0].update(changes)
    return read_coco_json(written(folder, content))


def filled(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((48, 64), np.uint8, order="F")
    mask[top:bottom, left:right] = 1
    return mask


def test_a_box_is_made_around_polygons(files, tmp_path):
    content = with_annotation(files, tmp_path, segmentation=[[4, 6, 30, 6, 10, 20], [20, 20, 25.5, 40, 22, 30]])
    assert content.annotations[0]["bbox"] == [4, 6, 26, 34] and content.outlines == 1


@pytest.mark.parametrize("compressed", [True, False])
def test_a_box_is_made_around_a_mask(files, tmp_path, compressed):
    mask = filled(4, 6, 30, 40)
    coded: Any = masks.encode(mask)
    if compressed:
        coded = {"size": [48, 64], "counts": coded["counts"].decode()}
    else:
        flat = mask.ravel(order="F")
        ends = np.flatnonzero(np.diff(flat)) + 1
        coded = {"size": [48, 64], "counts": np.diff([0, *ends, flat.size]).tolist()}
    content = with_annotation(files, tmp_path, segmentation=coded, bbox=[])
    assert content.annotations[0]["bbox"] == [4, 6, 26, 34]


def test_a_box_that_is_there_is_kept_and_the_outline_let_go(files, tmp_path):
    content = with_annotation(files, tmp_path, bbox=[1, 2, 3, 4], segmentation=[[0, 0, 9, 0, 9, 9]])
    assert content.annotations[0]["bbox"] == [1, 2, 3, 4] and content.outlines == 0
    assert "segmentation" not in content.annotations[0]


@pytest.mark.parametrize(
    "outline",
    [
        [[]], [[1, 2, 3]], [["a", "b"]], [[float("nan"), 1]], [[10**400, 1]], 7, "x", [7], {"size": [0, 0], "counts": "x"},
        {"size": [2, 2]}, {"size": [2, 2], "counts": [1]}, {"size": [2, 2], "counts": [-1, 5]},
        {"size": [2, 2], "counts": "\u20ac"}, {},
    ],
)  # fmt: skip
def test_an_outline_that_is_none_gives_no_box(files, tmp_path, outline):
    assert "bbox" not in with_annotation(files, tmp_path, segmentation=outline).annotations[0]


@pytest.mark.parametrize(
    ("first", "others", "is_left_out"),
    [
        ({"id": 0, "name": "animals", "supercategory": "none"}, "animals", True),
        ({"id": 0, "name": "_background_"}, None, True),
        ({"id": 0, "name": "animals", "supercategory": "none"}, "beasts", False),
        ({"id": 1, "name": "animals", "supercategory": "none"}, "animals", False),
        ({"id": 0, "name": "cow"}, None, False),
    ],
)
def test_a_first_category_that_is_none_is_left_out_and_told(files, tmp_path, first, others, is_left_out):
    content = files.coco_content()
    for category in content["categories"]:
        category["supercategory"] = others
    content["categories"].append(first)
    classes, note = read_classes(read_coco_json(written(tmp_path, content)))
    assert (len(classes.names) == 3) == is_left_out == (note is not None)
    if note is not None:
        assert note == f"category 0 ({first['name']}) is left out: it has no objects and is no class of its own"
    content["annotations"][0]["category_id"] = first["id"]
    assert len(read_classes(read_coco_json(written(tmp_path, content)))[0].names) == 4


def test_the_only_category_is_one(files, tmp_path):
    content = files.coco_content() | {"annotations": [], "categories": [{"id": 0, "name": "background"}]}
    assert read_classes(read_coco_json(written(tmp_path, content)))[0].names == ("background",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"images": [], "annotations": [], "categories": []}, True),
        ({"version": "5.0", "shapes": [], "images": [], "annotations": []}, False),
        ({"categories": [], "info": {}}, False),
        ([], False),
    ],
)
def test_whether_a_file_could_be_cocos(tmp_path, content, expected):
    assert looks_like_coco(written(tmp_path, content)) == expected
    assert not looks_like_coco(tmp_path / "none.json")


def test_a_large_file_is_told_by_its_beginning(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"info": {}, "images": [' + " " * 5_000_000 + '], "annotations": []}')
    assert looks_like_coco(path)


def test_what_needs_more_memory_than_there_is_is_refused_before_it_is_read(files, tmp_path, monkeypatch):
    content = files.coco_content()
    content["annotations"] *= 1000
    path = written(tmp_path, content)
    size = path.stat().st_size
    monkeypatch.setattr(coco_json, "free_memory", lambda: 2 * size)
    monkeypatch.setattr(coco_json.json, "loads", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(UserError, match=r"a\.json: 0\.00 GiB of json need about .* GiB of memory, .* GiB are free$"):
        read_coco_json(path)
    monkeypatch.setattr(coco_json, "free_memory", lambda: 3 * size)  # enough for its bytes, not for its entries
    with pytest.raises(UserError, match="need about"):
        read_coco_json(path)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("entries", ["[{}", "[[]"])
def test_no_file_ends_in_a_memory_error(tmp_path, entries):
    text = '{"images": [], "categories": [], "annotations": ' + ",{},".join([entries] + ["{}"] * 2_500_000) + "]}"
    (tmp_path / "a.json").write_text(text)
    code = """
import resource, sys
from pathlib import Path
from yolov3.datasets.coco_json import read_coco_json
from yolov3.errors import UserError
own = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (own + 200_000_000, own + 200_000_000))
try:
    read_coco_json(Path(sys.argv[1]))
except UserError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.json")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0 and done.stderr == ""
    assert "of memory" in done.stdout and done.stdout.count("\n") == 1


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(UserError, match="a pipe, not a file"):
        read_coco_json(tmp_path / "a.json")
    assert not looks_like_coco(tmp_path / "a.json")


def test_a_value_of_any_size_is_told_briefly(files, tmp_path):
    for value in ("x" * 10**6, [[1] * 10**5] * 3, "\x1b[2J\ud800", 10**4000):
        content = files.coco_content()
        content["annotations"][1]["bbox"] = value
        with pytest.raises(UserError) as caught:
            read_objects_of(written(tmp_path, content))
        assert len(str(caught.value)) < 500 and str(caught.value).isprintable()
        str(caught.value).encode()


def read_objects_of(path):
    content = read_coco_json(path)
    classes, _ = read_classes(content)
    return read_objects(content, [entry["id"] for entry in content.images], classes)


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.json: images: expected a list of objects, found null"):
        read_coco_json(written(tmp_path, {}))
    with pytest.raises(UserError, match=r"b\.json: the annotation file does not exist"):
        read_coco_json(tmp_path / "b.json")
