"""Which data set is meant: told from what a person names or from what lies in a folder; every format gives the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolov3.catalogue.formats import FORMATS
from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset, open_splits
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError


def test_three_formats_give_the_same_samples(files, tmp_path):
    writers = (files.write_coco, files.write_voc, files.write_yolo)
    coco, voc, yolo = (files.opened(write(tmp_path / write.__name__)) for write in writers)
    assert coco.names == voc.names == yolo.names == files.names
    assert (coco.category_ids, voc.category_ids, yolo.category_ids) == (files.category_ids, (1, 2, 3), (0, 1, 2))
    assert [sample.image_id for sample in coco.samples] == list(files.coco_ids.values())
    assert [sample.image_id for sample in voc.samples] == [s.image_id for s in yolo.samples] == list(files.sizes)
    for trio in zip(coco.samples, voc.samples, yolo.samples, strict=True):
        assert len({sample.path.name for sample in trio}) == 1
        for other in trio[1:]:
            assert other.size == trio[0].size == files.sizes[trio[0].path.stem]
            for field in ("boxes", "labels", "ignore", "areas"):
                first, second = getattr(trio[0], field), getattr(other, field)
                assert first.dtype == second.dtype
                np.testing.assert_array_equal(first, second)
    assert coco.report == voc.report.__class__(images=3, boxes=4, backgrounds=1)


@pytest.mark.parametrize("kind", [each.name for each in FORMATS])
def test_a_stated_format_is_the_one_that_is_told(files, tmp_path, kind):
    root = getattr(files, f"write_{kind}")(tmp_path)
    told, stated = files.opened(root), files.opened(root, format=kind)
    assert told.source == stated.source and told.source.lower().startswith(f"{kind}, val: ")


def test_another_format_than_the_folders_is_not_guessed_at(files, tmp_path):
    root = files.write_yolo(tmp_path)
    with pytest.raises(UserError, match=r"images/val: none of its 3 images has an xml; in .* there is: images/val/"):
        files.opened(root, format="voc")
    with pytest.raises(UserError, match=r"data\.format: found 'yolov8'; allowed: auto, voc, coco, yolo$"):
        files.opened(root, format="yolov8")


def test_a_data_yaml_in_the_usual_words(files, tmp_path):
    files.write_yolo(tmp_path / "set")
    yaml = tmp_path / "data.yaml"
    yaml.write_text("path: set\nval: images/val\nnc: 3\nnames: {0: cat, 1: dog, 2: bird}\ndownload: rm -rf /\n")
    dataset = open_dataset(resolve_data(yaml), "val")
    assert (dataset.names, len(dataset)) == (files.names, 3)


def test_a_data_yaml_in_our_words_or_without_a_folder(files, tmp_path):
    root = files.write_yolo(tmp_path / "set")
    (tmp_path / "ours.yaml").write_text("root: set\nformat: yolo\nval: images/val\n")
    (root / "own.yml").write_text("val: images/val\n")
    for place in (tmp_path / "ours.yaml", root / "own.yml"):
        assert open_dataset(resolve_data(place), "val").report.boxes == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path: set\nval: images/val\nnc: 4\nnames: [cat, dog, bird]\n", "nc is 4, but there are 3 names"),
        ("path: set\nroot: set\n", "gives both path and root; they mean the same"),
        ("root: [a, b]\n", r"root: found \['a', 'b'\], expected the path of a folder"),
        ("root: set\nvalid: images/val\n", r"unknown key valid \(did you mean val\?\)"),
        ("path: elsewhere\n", r"root: there is no elsewhere \(neither .*/elsewhere nor .*/elsewhere\)"),
        ("path: set\npath: other\n", "path"),
        ("path: set\nval: 7\n", "val: found 7"),
    ],
)
def test_what_a_data_yaml_gets_wrong_is_named(files, tmp_path, text, message):
    files.write_yolo(tmp_path / "set")
    yaml = tmp_path / "data.yaml"
    yaml.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        open_dataset(resolve_data(yaml), "val")
    assert str(error.value).startswith(str(yaml))


def test_keys_given_beside_a_data_yaml_win(files, tmp_path):
    root = files.write_yolo(tmp_path / "set")
    yaml = tmp_path / "data.yaml"
    yaml.write_text("root: nowhere\nval: nothing\nnames: [x, y, z]\n")
    data = DataSection(file=str(yaml), root=str(root), val="images/val")
    dataset = open_dataset(data, "val")
    assert (dataset.names, dataset.report.boxes) == (("x", "y", "z"), 4)


def test_darknets_data_file(files, tmp_path):
    root = files.write_yolo(tmp_path / "set")
    (tmp_path / "list.txt").write_text("".join(f"{root}/images/val/{name}.png\n" for name in files.sizes))
    text = f"classes = 3\nvalid = list.txt\nnames = {root}/classes.txt\nbackup = b\n"
    (tmp_path / "my.data").write_text(text)
    for data in (resolve_data(tmp_path / "my.data"), DataSection(file=str(tmp_path / "my.data"))):
        dataset = open_dataset(data, "val")
        assert (dataset.names, dataset.report.boxes) == (files.names, 4)
    (tmp_path / "my.data").write_text(text.replace("classes = 3", "classes = 80"))
    with pytest.raises(UserError, match=r"my\.data: classes is 80, but .*classes\.txt has 3 names"):
        resolve_data(tmp_path / "my.data")


def test_an_experiment_a_json_and_a_folder_name_data_too(files, tmp_path):
    root = files.write_coco(tmp_path / "set")
    (tmp_path / "experiment.yaml").write_text(
        "recipe: modern\ndata: {root: set, val: annotations/instances_val.json}\n"
    )
    places = [tmp_path / "experiment.yaml", root / "annotations" / "instances_val.json", root]
    assert {open_dataset(resolve_data(place), "val").source for place in places} == {
        f"COCO, val: {root}/annotations/instances_val.json, images in {root}/images/val"
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "neither a data YAML nor the folder of a data set exists there"),
        ("notes.md", r"expected a data YAML, a \.data file, a COCO json or a folder"),
    ],
)
def test_what_is_no_data_is_refused(tmp_path, name, message):
    (tmp_path / "notes.md").write_text("")
    with pytest.raises(UserError, match=rf"{name}: {message}"):
        resolve_data(tmp_path / name)


def test_overfitting_takes_the_first_training_images_for_every_split(files, tmp_path):
    root = files.write_voc(tmp_path)
    (root / "ImageSets" / "Main" / "train.txt").write_text("two\none\nthree\n")
    data = DataSection(root=str(root), names=files.names, overfit=2)
    ids = [[sample.image_id for sample in open_dataset(data, split).samples] for split in ("train", "val")]
    assert ids == [["two", "one"]] * 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataSection(), "no data set is named"),
        (DataSection(root="/nowhere"), "/nowhere: the folder of the data set does not exist"),
        (DataSection(file="/nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_no_data_is_a_clear_error(data, message):
    with pytest.raises(UserError, match=message):
        open_dataset(data, "val")


def test_a_folder_of_something_else_is_not_recognised(tmp_path):
    (tmp_path / "thing.txt").write_text("")
    with pytest.raises(UserError) as error:
        open_dataset(DataSection(root=str(tmp_path)), "val")
    assert str(error.value) == (
        f"{tmp_path}: not recognised as a data set: looked for ImageSets/Main/*.txt or xml files (voc), COCO's json (coco), "
        "images/ and labels/ (yolo); there is: thing.txt; write data.root=FOLDER, the one that holds images and labels"
    )


def test_a_split_without_images_is_an_error(files, tmp_path):
    content = files.coco_content() | {"images": [], "annotations": []}
    with pytest.raises(UserError, match=r"^COCO, val: .*: no images in it$"):
        files.opened(files.write_coco(tmp_path, content))


@pytest.mark.shared
@pytest.mark.parametrize(("name", "kind"), [("bccd", "VOC"), ("coco-tiny", "COCO")])
def test_real_folders_are_recognised(shared: Path, name, kind):
    dataset = open_dataset(resolve_data(shared / "datasets" / name), "val")
    assert dataset.source.startswith(f"{kind}, val: ") and len(dataset) in (87, 80)


def test_a_share_that_is_asked_for_goes_before_the_val_of_a_file(files, tmp_path):
    root = files.write_yolo(tmp_path, split="train")
    (root / "data.yaml").write_text("train: images/train\nval: ../valid/images\nnames: [cat, dog, bird]\n")
    with pytest.raises(UserError, match=r"\.\./valid/images: neither a folder of images nor a list"):
        open_splits(DataSection(root=str(root)))
    splits = open_splits(DataSection(root=str(root), val_share=0.4))
    assert len(splits.train) + len(splits.val) == 3
    assert f"{root / 'data.yaml'}: its val is not used, because its train is divided here" in splits.val.report.problems
    with pytest.raises(UserError, match=r"data\.val says .*, and so does data\.lists; leave one out"):
        open_splits(DataSection(root=str(root), val="images/train", lists=str(root)))
