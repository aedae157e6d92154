"""Whole data sets carried into other formats: all their splits, their originals untouched, real ones too."""

from __future__ import annotations

import importlib.util
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import find_data, open_dataset, open_splits
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError
from yolov3.rewriting.convert import convert_data
from yolov3.rewriting.options import FORMAT_NAMES, ConvertDataOptions, SplitOptions
from yolov3.rewriting.split import split_data


def load_layouts() -> ModuleType:
    """The layouts that data/README.md lists, from the test of reading them."""
    path = Path(__file__).parents[1] / "catalogue" / "test_layouts.py"
    spec = importlib.util.spec_from_file_location("layouts", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layouts = load_layouts()


def boxes_by_stem(dataset):
    return {
        sample.path.stem: [(dataset.names[label], *box) for label, box in zip(sample.labels, sample.boxes.tolist())]
        for sample in dataset.samples
    }


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo", "darknet"])
@pytest.mark.parametrize("to", FORMAT_NAMES)
def test_what_is_not_divided_stays_so_and_the_original_as_it_is(worlds, tmp_path, kind, to):
    root = worlds.write(kind, tmp_path / "x", 10)
    before = worlds.fingerprint(root)
    data = root / "my.data" if kind == "darknet" else root
    written = convert_data(ConvertDataOptions(data, to, tmp_path / "new"))
    assert worlds.fingerprint(root) == before
    # Darknet's .data file says which images are trained on.
    assert list(written.parts) == (["train"] if kind == "darknet" else ["default"])
    found, source = find_data(DataSection(root=str(tmp_path / "new"))), find_data(resolve_data(data))
    one, other = found.everything(), source.everything()
    assert one.names == other.names and [each.name for each in tmp_path.iterdir() if each.name != "x"] == ["new"]
    if kind == "voc" and to == "yolo":  # every second object is difficult
        assert written.notes == (
            "4 difficult objects left out: YOLO's labels cannot say that something is to be passed over",
        )
    else:
        mine, theirs = boxes_by_stem(one), boxes_by_stem(other)
        assert mine.keys() == theirs.keys()
        for stem, rows in theirs.items():
            assert [row[0] for row in mine[stem]] == [row[0] for row in rows]
            assert np.allclose([row[1:] for row in mine[stem]], [row[1:] for row in rows], atol=1e-4)


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_every_layout_is_divided_and_carried_on(files, worlds, tmp_path, layout):
    root = tmp_path / "my data"
    root.mkdir()
    layouts.LAYOUTS[layout](files, root)
    before = worlds.fingerprint(root)
    is_divided = layouts.is_divided(layout)
    options = SplitOptions(root, val=0.4, group_by="(.*)", of="val" if is_divided else None, out=tmp_path / "lists")
    division = split_data(options)
    for to in FORMAT_NAMES:
        convert_data(ConvertDataOptions(division.file, to, tmp_path / to))
        found: dict[str, list] = {}
        for split in ("train", "val"):
            found |= boxes_by_stem(open_dataset(resolve_data(tmp_path / to), split))
        assert found.keys() == files.objects.keys()
        for stem, objects in files.objects.items():
            expected = [(files.names[label], *corners) for label, *corners in objects]
            assert [row[0] for row in found[stem]] == [row[0] for row in expected]
            assert np.allclose([row[1:] for row in found[stem]], [row[1:] for row in expected], atol=1e-4)
    assert worlds.fingerprint(root) == before


@pytest.mark.parametrize("to", FORMAT_NAMES)
def test_a_division_is_carried_along(worlds, tmp_path, to):
    root = worlds.write("yolo", tmp_path / "x", 20)
    division = split_data(SplitOptions(root, val=0.3, test=0.2, out=tmp_path / "lists"))
    written = convert_data(ConvertDataOptions(division.file, to, tmp_path / "new"))
    assert {name: part.images for name, part in written.parts.items()} == {
        name: part.images for name, part in division.parts.items()
    }
    for split in ("train", "val", "test"):
        new, old = (open_dataset(resolve_data(place), split) for place in (tmp_path / "new", division.file))
        assert boxes_by_stem(new).keys() == boxes_by_stem(old).keys()
    only = convert_data(ConvertDataOptions(division.file, to, tmp_path / "only", splits=("test", "val")))
    assert list(only.parts) == ["val", "test"]


def test_a_division_of_an_experiment_too(worlds, tmp_path):
    root = worlds.write("voc", tmp_path / "x", 20)
    options = ConvertDataOptions(root, "coco", tmp_path / "new", changes=("data.val_share=0.25", "data.val_seed=5"))
    written = convert_data(options)
    splits = open_splits(DataSection(root=str(root), val_share=0.25, val_seed=5))
    assert boxes_by_stem(open_dataset(resolve_data(tmp_path / "new"), "val")) == boxes_by_stem(splits.val)
    assert any("are set apart for validation" in note for note in written.notes)
    only = convert_data(
        ConvertDataOptions(root, "coco", tmp_path / "v", splits=("val",), changes=("data.val_share=0.25",))
    )
    assert list(only.parts) == ["val"]


def test_one_json_is_one_split(files, tmp_path):
    files.write_coco(tmp_path / "x", split="train")
    data = tmp_path / "x" / "annotations" / "instances_train.json"
    assert list(convert_data(ConvertDataOptions(data, "voc", tmp_path / "new")).parts) == ["val"]
    assert list(convert_data(ConvertDataOptions(tmp_path / "x", "voc", tmp_path / "all")).parts) == ["train"]


def test_cocos_own_numbers_stay(files, tmp_path):
    files.write_coco(tmp_path / "x")
    convert_data(ConvertDataOptions(tmp_path / "x", "coco", tmp_path / "new"))
    content = json.loads((tmp_path / "new" / "annotations" / "instances_val.json").read_text())
    expected = files.coco_content()
    assert content["categories"] == expected["categories"]
    assert [row["id"] for row in content["images"]] == [row["id"] for row in expected["images"]]
    pairs = zip(content["annotations"], expected["annotations"], strict=True)
    assert all(one[key] == other[key] for one, other in pairs for key in ("image_id", "category_id", "bbox", "area"))


MARKED = "<pose>Left</pose><truncated>1</truncated><occluded>1</occluded><difficult>1</difficult>"


def test_marks_of_an_xml_stay(files, tmp_path):
    root = files.write_voc(tmp_path / "x")
    text = f"<annotation>{files.voc_object(0, 4, 6, 30, 40, MARKED)}{files.voc_object(1, 5, 6, 30, 40)}</annotation>"
    (root / "Annotations" / "one.xml").write_text(text)
    written = convert_data(ConvertDataOptions(root, "voc", tmp_path / "new"))
    nodes = ElementTree.parse(tmp_path / "new" / "Annotations" / "one.xml").findall("object")
    found = [[node.findtext(tag) for tag in ("pose", "truncated", "occluded", "difficult")] for node in nodes]
    assert found == [["Left", "1", "1", "1"], ["Unspecified", "0", None, "0"]]
    assert not any("left out" in note or "without" in note for note in written.notes)


@pytest.mark.parametrize(("to", "title"), [("coco", "COCO's json"), ("yolo", "YOLO's text")])
def test_marks_of_an_xml_that_another_format_cannot_hold_are_counted(files, tmp_path, to, title):
    root = files.write_voc(tmp_path / "x")
    objects = files.voc_object(0, 4, 6, 30, 40, MARKED) + files.voc_object(1, 5, 6, 30, 40, "<truncated>1</truncated>")
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{objects}</annotation>")
    written = convert_data(ConvertDataOptions(root, to, tmp_path / "new"))
    expected = {
        f"2 truncated objects written without that mark: {title} has no place for it",
        f"1 occluded object written without that mark: {title} has no place for it",
        f"1 pose left out: {title} has no place for it",
    }
    assert expected < set(written.notes) and len(written.notes) == len(set(written.notes))


POLYGON, RUNS = [[1, 1, 5, 1, 5, 5]], {"size": [48, 64], "counts": [3000, 72]}


@pytest.fixture
def outlined(tmp_path):
    """Writes a data set of two jsons whose images have the same ids, and gives the outlines in the order of the boxes."""
    for split, shift in (("train", 0), ("val", 7)):
        folder = tmp_path / "x" / split
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / f"{split}.png"), np.random.default_rng(shift).integers(0, 255, (48, 64, 3), np.uint8))
        rows = [
            {"bbox": [9, 9, 0, 5], "segmentation": [[9, 9, 9, 14]]},  # without area: the reader leaves it out
            {"bbox": [1 + shift, 1, 4, 4], "segmentation": [[1 + shift, 1, 5, 1, 5, 5]]},
            {"bbox": [2, 2, 4, 4]},
            {"bbox": [60, 40, 9, 9], "segmentation": POLYGON},  # cut at the edge
            {"segmentation": [[3, 3, 20, 3, 20, 20 + shift]]},  # its box is made of it
            {"bbox": [0, 0, 64, 48], "segmentation": RUNS, "iscrowd": 1},
        ]
        (tmp_path / "x" / "annotations").mkdir(exist_ok=True)
        tables = {
            "images": [{"id": 1, "file_name": f"{split}.png", "height": 48, "width": 64}],
            "annotations": [
                {"id": n, "image_id": 1, "category_id": 4, "iscrowd": 0, **row} for n, row in enumerate(rows)
            ],
            "categories": [{"id": 4, "name": "cat"}],
        }
        (tmp_path / "x" / "annotations" / f"instances_{split}.json").write_text(json.dumps(tables))
    return tmp_path / "x"


def outlines_of(file: Path) -> list:
    return [row["segmentation"] for row in json.loads(file.read_text())["annotations"]]


def expected_outlines(shift: int) -> list:
    return [[[1 + shift, 1, 5, 1, 5, 5]], [], POLYGON, [[3, 3, 20, 3, 20, 20 + shift]], RUNS]


def test_outlines_stay_with_their_boxes(outlined, tmp_path):
    written = convert_data(ConvertDataOptions(outlined, "coco", tmp_path / "new"))
    for split, shift in (("train", 0), ("val", 7)):
        assert outlines_of(tmp_path / "new" / "annotations" / f"instances_{split}.json") == expected_outlines(shift)
    assert not any("4 outlines" in note or "8 outlines" in note for note in written.notes)


@pytest.mark.parametrize(("to", "title"), [("voc", "VOC's xml"), ("yolo", "YOLO's text")])
def test_outlines_that_another_format_cannot_hold_are_counted(outlined, tmp_path, to, title):
    notes = convert_data(ConvertDataOptions(outlined, to, tmp_path / "new")).notes
    assert notes.count(f"8 outlines left out, their boxes stay: {title} has no place for it") == 1
    json_alone = outlined / "annotations" / "instances_val.json"
    notes = convert_data(ConvertDataOptions(json_alone, to, tmp_path / "one")).notes
    assert f"4 outlines left out, their boxes stay: {title} has no place for it" in notes


def test_outlines_of_a_json_that_is_divided_stay(worlds, tmp_path):
    root = worlds.write("coco", tmp_path / "x", 20)
    convert_data(ConvertDataOptions(root, "coco", tmp_path / "new", changes=("data.val_share=0.25",)))
    for split in ("train", "val"):
        found = outlines_of(tmp_path / "new" / "annotations" / f"instances_{split}.json")
        assert found and all(outline == POLYGON for outline in found)


def test_what_readers_dropped_and_cut_is_told(files, tmp_path):
    root = files.write_voc(tmp_path / "x")
    objects = files.voc_object(0, 9, 9, 9, 20) + files.voc_object(1, 50, 6, 90, 40) + files.voc_object(2, 1, 1, 9, 9)
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{objects}</annotation>")
    written = convert_data(ConvertDataOptions(root, "yolo", tmp_path / "new"))
    assert "val: 1 box without area or outside of the image left out" in written.notes
    assert "val: 1 box cut at the edge of the image" in written.notes


def test_a_split_that_nobody_fetched_can_be_left_out(files, tmp_path):
    root = files.write_yolo(tmp_path / "x")
    (root / "data.yaml").write_text("val: images/val\ntest: ../test/images\nnames: [cat, dog, bird]\n")
    with pytest.raises(
        UserError, match=r"neither a folder of images nor a list of them; .*; --splits names those that are"
    ):
        convert_data(ConvertDataOptions(root, "coco", tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    assert convert_data(ConvertDataOptions(root, "coco", tmp_path / "new", splits=("val",))).parts["val"].images == 3


def test_places_that_are_no_new_folder(worlds, tmp_path):
    root = worlds.write("yolo", tmp_path / "x", 3)
    before = worlds.fingerprint(root)
    with pytest.raises(UserError, match="is not empty; name a new folder"):
        convert_data(ConvertDataOptions(root, "coco", tmp_path))
    with pytest.raises(UserError, match="lies in the data set"):
        convert_data(ConvertDataOptions(root, "coco", root / "new"))
    assert worlds.fingerprint(root) == before


@pytest.mark.shared
@pytest.mark.parametrize("name", ["bccd", "coco-tiny"])
def test_real_data_through_all_formats(shared, tmp_path, name):
    source = shared / "datasets" / name
    place = source
    for number, to in enumerate(("voc", "coco", "voc", "yolo", "coco", "yolo", "voc")):
        convert_data(ConvertDataOptions(place, to, tmp_path / str(number)))
        place = tmp_path / str(number)
    for split in ("train", "val"):
        first, last = open_dataset(resolve_data(source), split), open_dataset(resolve_data(place), split)
        assert first.names == last.names and len(first) == len(last) > 50
        by_name = {sample.path.name: sample for sample in last.samples}
        for sample in first.samples:
            other, kept = by_name[sample.path.name], ~sample.ignore
            assert other.path.resolve() == sample.path.resolve() and other.size == sample.size
            assert np.array_equal(other.labels, sample.labels[kept])
            thin = (sample.boxes[kept, 2:] - sample.boxes[kept, :2] <= 1.001).any(axis=1)
            assert np.abs(other.boxes - sample.boxes[kept])[~thin].max(initial=0) <= 1e-3


def test_wherever_it_is_interrupted_nothing_stays(worlds, tmp_path, interrupt_everywhere):
    root = worlds.write("voc", tmp_path / "x", 60)
    interrupt_everywhere(
        root, lambda watcher: convert_data(ConvertDataOptions(root, "coco", tmp_path / "new"), watcher=watcher)
    )
