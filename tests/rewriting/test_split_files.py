"""Names that no list can hold are refused, and what is opened again otherwise than it was divided is no division."""

from __future__ import annotations

import json

import pytest

from yolov3.config.experiment import DataSection
from yolov3.errors import UserError
from yolov3.rewriting.options import SplitOptions
from yolov3.rewriting.sources import find_undivided
from yolov3.rewriting.split import split_data
from yolov3.rewriting.split_files import prove_division, settings_of, write_parts


@pytest.mark.parametrize("name", ["one\ntwo", "'quoted' ", b"\xff\xfe".decode(errors="surrogateescape")])
def test_names_that_no_list_can_hold(worlds, tmp_path, name):
    root = worlds.write("yolo", tmp_path / "x", 6)
    (root / "images" / "scene_0.png").rename(root / "images" / name)
    (root / "images" / name).rename(root / "images" / f"{name}.png")
    if name == "'quoted' ":  # in the middle of a path it does no harm
        split_data(SplitOptions(root, val=0.4, out=tmp_path / "new"))
        return
    with pytest.raises(UserError, match="an image of this name cannot stand in a list; rename it"):
        split_data(SplitOptions(root, val=0.4, out=tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_images_of_a_json_may_lie_anywhere_below_the_data(worlds, tmp_path):
    root = worlds.write("coco", tmp_path / "x", 8)
    (root / "elsewhere").mkdir()
    (root / "images" / "default" / "scene_3.png").rename(root / "elsewhere" / "scene_3.png")
    split_data(SplitOptions(root, val=0.4, out=tmp_path / "new"))
    texts = [json.loads((tmp_path / "new" / f"instances_{name}.json").read_text()) for name in ("train", "val")]
    names = {row["file_name"] for text in texts for row in text["images"]}
    assert {"elsewhere/scene_3.png", "images/default/scene_0.png"} <= names and len(names) == 8


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_what_is_not_what_was_divided_is_told(worlds, tmp_path, kind):
    root = worlds.write(kind, tmp_path / "x", 8)
    found, everything = find_undivided(DataSection(root=str(root)), None)
    parts = {"train": everything.part(range(5)), "val": everything.part(range(5, 8))}
    folder = tmp_path / "lists"
    folder.mkdir()
    write_parts(parts, found, folder)
    settings = settings_of(parts, found, folder)
    prove_division(parts, settings)
    with pytest.raises(UserError, match="opened again, train has 3 images, not 5"):
        prove_division(parts, {**settings, "train": settings["val"]})
    with pytest.raises(UserError, match="opened again from the list for val, it is another image"):
        prove_division({**parts, "val": everything.part([1, 2, 3])}, settings)
    if kind == "voc":
        with pytest.raises(UserError, match="opened again, train has the classes"):
            prove_division(parts, {**settings, "names": ["dog", "cat", "bird"]})
