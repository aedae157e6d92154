"""Which format a folder shows."""

from __future__ import annotations

import pytest

from yolov3.catalogue.formats import FORMATS, find_format
from yolov3.config.experiment import DataSection
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_a_folder_shows_its_format_and_a_stated_one_wins(files, tmp_path, each):
    root = getattr(files, f"write_{each.name}")(tmp_path)
    assert find_format(DataSection(), Tree(root)) is each
    for other in FORMATS:
        assert find_format(DataSection(format=other.name), Tree(root)) is other


@pytest.mark.parametrize(
    ("given", "name"), [("a.json", "coco"), ("VOC2007/ImageSets/Main/val.txt", "voc"), ("images", "yolo")]
)
def test_what_is_named_shows_it_too(tmp_path, given, name):
    assert find_format(DataSection(val=given), Tree(tmp_path)).name == name


def test_names_are_unique_and_an_unknown_one_is_told():
    assert len({each.name for each in FORMATS}) == len(FORMATS)
    with pytest.raises(UserError, match=r"data\.format: found 'yolov8'; allowed: auto, voc, coco, yolo$"):
        find_format(DataSection(format="yolov8"), Tree(__file__))
