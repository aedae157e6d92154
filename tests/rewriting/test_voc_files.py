"""The xml files are the devkit's: whole numbers where the boxes have such, counted from 1, fractions where they have those."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from yolov3.datasets.assemble import Classes
from yolov3.errors import UserError
from yolov3.rewriting.label_writer import Marks, NamedSample
from yolov3.rewriting.voc_files import WRITER

NAMES = ("cat", "dog & <mouse>", "bird")


def written(drawn, folder, objects, *, names=NAMES, marks=(), size=(20, 30)):
    sample = drawn(folder / "x", [("one.png", size, objects)], names).samples[0]
    (folder / "new").mkdir()
    parts = {"train": [NamedSample(sample, "one.png", marks)], "val": [NamedSample(sample, "one.png", marks)]}
    WRITER.write(folder / "new", parts, Classes(names, (1, 2, 3)))
    return folder / "new"


def test_as_the_devkit_reads_it(drawn, tmp_path):
    marks = (Marks("1", "Left"), Marks())
    folder = written(drawn, tmp_path, [((0, 2, 30, 20), 1, True), ((1.25, 2, 11.5, 12), 0, False)], marks=marks)
    root = ElementTree.parse(folder / "Annotations" / "one.xml").getroot()
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == ["30", "20", "3"]
    assert (root.findtext("folder"), root.findtext("filename")) == ("JPEGImages", "one.png")
    rows = [
        [node.findtext(tag) for tag in ("name", "pose", "truncated", "difficult")] for node in root.findall("object")
    ]
    assert rows == [["dog & <mouse>", "Left", "1", "1"], ["cat", "Unspecified", "0", "0"]]
    first, second = ([corner.text for corner in node] for node in root.findall("object/bndbox"))
    assert list(map(int, first)) == [1, 3, 30, 20] and second == ["2.25", "3", "11.5", "12"]
    assert [node.tag for node in root.find("object/bndbox")] == ["xmin", "ymin", "xmax", "ymax"]
    for part in ("train", "val"):
        assert (folder / "ImageSets" / "Main" / f"{part}.txt").read_text() == "one\n"
    assert (folder / "data.yaml").read_text().startswith("root: .\nformat: voc\nnames:\n- cat\n")


def test_thin_boxes_are_made_wider_and_counted(drawn, tmp_path):
    objects = [
        ((5, 5, 6, 9), 0, False),
        ((29.5, 1, 30, 4), 0, False),
        ((5, 5, 7, 7), 0, False),
        ((1, 2, 1.5, 2.5), 0, False),
    ]
    sample = drawn(tmp_path, [("one.png", (20, 30), objects)]).samples[0]
    losses: Counter = Counter()
    held = WRITER.hold(sample, "difficult object", losses)
    what = "of at most a pixel in width or height made wider, as corners that count from 1 need"
    assert +losses == Counter({("box", what): 3})
    expected = [(5, 5, 6.001, 9), (29.5, 1, 30, 4), (5, 5, 7, 7), (1, 2, 2.001, 3.001)]
    assert np.allclose(held.boxes, expected, atol=1e-6)
    assert np.array_equal(sample.boxes, np.float32([box for box, _, _ in objects]))  # the original is as it was


@pytest.mark.parametrize("name", [" cat", "cat\t", "c\x00at", "c\nat"])
def test_class_names_that_an_xml_cannot_hold(drawn, tmp_path, name):
    with pytest.raises(UserError, match=r"class name .* cannot be written to an xml file"):
        written(drawn, tmp_path, [], names=(name, "b", "c"))


def test_an_xml_that_nobody_would_read_is_not_written(drawn, tmp_path):
    sample = drawn(tmp_path / "x", [("one.png", (20, 30), [])]).samples[0]
    many = 6000
    sample = replace(
        sample, boxes=np.tile(np.float32([1, 1, 5, 5]), (many, 1)), labels=np.zeros(many, np.int64),
        ignore=np.zeros(many, bool), areas=np.ones(many, np.float32),
    )  # fmt: skip
    with pytest.raises(UserError, match="6000 objects; their xml would be larger than 1000000 bytes"):
        WRITER.write(tmp_path, {"val": [NamedSample(sample, "one.png")]}, Classes(NAMES, (1, 2, 3)))
