"""COCO's json: what it says becomes samples, and what it gets wrong is said by entry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError


def test_crowds_are_ignored_not_lost(files, tmp_path):
    content = files.coco_content()
    content["annotations"][0]["iscrowd"] = 1
    dataset = files.opened(files.write_coco(tmp_path, content))
    assert dataset.samples[0].ignore.tolist() == [True, False]
    assert dataset.report.ignored == 1


def test_labels_follow_the_categories_numbers_and_not_their_order(files, tmp_path):
    content = files.coco_content()
    content["categories"].reverse()
    dataset = files.opened(files.write_coco(tmp_path, content))
    assert (dataset.names, dataset.category_ids) == (files.names, files.category_ids)
    assert dataset.samples[0].labels.tolist() == [0, 2]


def test_areas_are_the_files_or_else_the_boxes(files, tmp_path):
    content = files.coco_content()
    content["annotations"][0]["area"] = 123.5
    del content["annotations"][1]["area"]
    areas = files.opened(files.write_coco(tmp_path, content)).samples[0].areas
    assert areas.tolist() == [123.5, 54 * 36]


def test_sizes_that_the_json_does_not_say_are_those_of_the_images(files, tmp_path):
    content = files.coco_content()
    del content["images"][1]["width"]
    dataset = files.opened(files.write_coco(tmp_path, content))
    assert [sample.size for sample in dataset.samples] == list(files.sizes.values())


def test_outlines_are_let_go_and_identifiers_may_be_texts(files, tmp_path):
    content = files.coco_content()
    for number, image in enumerate(content["images"]):
        image["id"] = f"name {number}"
    for annotation in content["annotations"]:
        annotation.update(image_id="name 0", segmentation=[[1, 2, 3, 4, 5, 6]])
        del annotation["id"]
    dataset = files.opened(files.write_coco(tmp_path, content))
    assert [sample.image_id for sample in dataset.samples] == ["name 0", "name 1", "name 2"]
    assert len(dataset.samples[0].boxes) == 4


def test_images_without_objects_and_objects_without_a_number_are_fine(files, tmp_path):
    content = files.coco_content() | {"annotations": []}
    report = files.opened(files.write_coco(tmp_path, content)).report
    assert (report.images, report.boxes, report.backgrounds) == (3, 0, 3)


def test_a_file_named_twice_is_told(files, tmp_path):
    content = files.coco_content()
    content["images"][1].update(file_name="one.png", width=64, height=48)
    assert (
        "1 image with a file that was named before"
        in files.opened(files.write_coco(tmp_path, content)).report.summary()
    )


@pytest.mark.parametrize("place", ["val", "images/val", "annotations", "images", "."])
def test_the_images_are_found_in_the_usual_places(files, tmp_path, place):
    root = files.write_coco(tmp_path / "set")
    shutil.move(root / "images", tmp_path / "kept")
    (root / place).mkdir(parents=True, exist_ok=True)
    for image in (tmp_path / "kept" / "val").iterdir():
        shutil.move(image, root / place / image.name)
    dataset = files.opened(root)
    assert dataset.samples[0].path == root / place / "one.png"
    assert dataset.source.startswith(f"COCO, val: {root}/annotations/instances_val.json, images in {root}")


def test_the_images_folder_can_be_named(files, tmp_path):
    root = files.write_coco(tmp_path / "set")
    (root / "images" / "val").rename(root / "elsewhere")
    assert files.opened(root, val_images="elsewhere").samples[0].path == root / "elsewhere" / "one.png"
    with pytest.raises(UserError, match=r"set/nowhere: the folder of the images does not exist"):
        files.opened(root, val_images="nowhere")


def test_files_of_captions_and_key_points_are_not_meant(files, tmp_path):
    root = files.write_coco(tmp_path)
    for kind in ("captions", "person_keypoints"):
        (root / "annotations" / f"{kind}_val.json").write_text("{}")
    assert len(files.opened(root)) == 3


def test_a_split_that_cannot_be_told_is_asked_for(files, tmp_path):
    root = files.write_coco(tmp_path)
    (root / "annotations" / "instances_val.json").unlink()
    for names, message in (
        (
            (),
            r"no val split \(coco\): looked for .* val, valid, validation; there is: images/val/ \(3 png\), annot",
        ),
        (
            ("a.json",),
            r"there is: annotations/ \(1 json\), .*; write data\.val=WHERE, or data\.val_share=0\.2",
        ),
        (
            ("x_val.json", "y_val.json"),
            r"which file is the val split\? There are annotations/x_val\.json, annotations/y_val",
        ),
    ):
        for name in names:
            (root / "annotations" / name).write_text("{}")
        with pytest.raises(UserError, match=message):
            files.opened(root, format="coco")


def test_a_name_that_leads_elsewhere_is_looked_for_in_the_tree_and_only_there(files, tmp_path):
    root = files.write_coco(tmp_path / "set")
    (tmp_path / "one.png").write_bytes((root / "images" / "val" / "two.png").read_bytes())
    content = files.coco_content()
    for name in ("../../../one.png", "/home/me/images/one.png", r"C:\\me\\ONE.PNG", "one", "elsewhere/one.png"):
        content["images"][0]["file_name"] = name
        (root / "annotations" / "instances_val.json").write_text(json.dumps(content))
        dataset = files.opened(root)
        assert dataset.samples[0].path == root / "images" / "val" / "one.png"
        assert "1 of 3 images lie elsewhere than it says; they were found by their names" in dataset.report.summary()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"][0].update(bbox=[1, 2, float("nan"), 4]), r"annotations\[0\] \(id 100\): bbox"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, "3", 4]), "bbox"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, True, 4]), "bbox"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, 3]), r"bbox found \[1, 2, 3\]; expected \[x, y, width"),
        (lambda c: c["annotations"][0].pop("bbox"), "bbox is missing"),
        (lambda c: c["annotations"][1].update(id=100), "id 100 stands 2 times"),
        (lambda c: c["annotations"][1].update(iscrowd=2), r"\(id 101\): iscrowd found 2; expected 0 or 1"),
        (lambda c: c["annotations"][1].update(area=-1), "area found -1; expected a finite number, 0 or more"),
        (lambda c: c["annotations"][0].update(category_id=5), r"category_id found 5; expected one of \[3, 17, 90\]"),
        (lambda c: c["annotations"][0].update(image_id=5), "image_id found 5"),
        (lambda c: c["annotations"][0].update(category_id="3"), r'category_id found "3"; expected an integer'),
        (lambda c: c["annotations"][0].update(category_id=3.0), r"category_id found 3\.0; expected an integer"),
        (lambda c: c["images"][1].update(id=7), "id 7 stands 2 times"),
        (lambda c: c["images"][1].update(id=True), r"images\[1\]: id found true; expected an integer or a string"),
        (lambda c: c["images"][1].update(id=2**63), r"id found 9223372036854775808; expected an integer or a string"),
        (lambda c: c["images"][1].update(width=0), r"images\[1\] \(id 11\): width found 0; expected a length"),
        (lambda c: c["images"][0].update(file_name="../four.png"), "1 of 3 image files are missing"),
        (lambda c: c["images"][0].update(file_name="a/../../four.png"), "1 of 3 image files are missing"),
        (lambda c: c["images"][0].update(file_name="/etc/passwd"), "1 of 3 image files are missing"),
        (lambda c: c["images"][0].update(file_name=r"C:\four.png"), "1 of 3 image files are missing"),
        (lambda c: c["images"][0].update(file_name="nothing.png"), "1 of 3 image files are missing"),
        (lambda c: c["categories"][1].update(id=3), "categories: id 3 stands 2 times, at positions 0, 1"),
        (
            lambda c: c["categories"][1].update(name=" "),
            r"categories\[1\] \(id 17\): name found \" \"; expected a name",
        ),
        (lambda c: c["categories"][1].update(name="ball\ud800"), "not a class name: it holds unprintable characters"),
        (
            lambda c: c["categories"][1].update(name=c["categories"][0]["name"]),
            r"class name '\w+' stands 2 times, at positions",
        ),
        (lambda c: c.update(categories=[]), "categories: none are given"),
        (lambda c: c.pop("categories"), "categories: expected a list"),
        (lambda c: c.update(annotations={}), "annotations: expected a list"),
    ],
)
def test_what_a_file_gets_wrong_is_named(files, tmp_path, change, message):
    content = files.coco_content()
    change(content)
    with pytest.raises(UserError, match=message) as error:
        files.opened(files.write_coco(tmp_path, content))
    assert str(error.value).startswith(f"{tmp_path}/annotations/instances_val.json: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable as json"),
        ('{"images": [', "not readable as json"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", r"expected an object with images, annotations, categories; found \[\]"),
        ("\udcff", "not readable as json"),
    ],
)
def test_what_is_no_json_is_refused(files, tmp_path, text, message):
    root = files.write_coco(tmp_path)
    (root / "annotations" / "instances_val.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=rf"instances_val\.json: .*{message}"):
        files.opened(root)


def test_a_split_is_one_json_that_exists(files, tmp_path):
    root = files.write_coco(tmp_path)
    with pytest.raises(UserError, match=r"nothing\.json: the annotation file does not exist"):
        files.opened(root, val="nothing.json")
    with pytest.raises(UserError, match=r"data\.val: a COCO split is one json file, found \['a\.json', 'b\.json'\]"):
        files.opened(root, val=("a.json", "b.json"))


def test_names_of_the_settings_must_be_those_of_the_file(files, tmp_path):
    root = files.write_coco(tmp_path)
    assert files.opened(root, names=files.names).names == files.names
    with pytest.raises(UserError, match=r"its categories are \['cat', 'dog', 'bird'\], but data.names says \['cat'\]"):
        files.opened(root, names=("cat",))


@pytest.mark.shared
def test_a_real_file_gives_what_its_numbers_say(shared: Path):
    dataset = open_dataset(resolve_data(shared / "datasets" / "coco-tiny"), "val")
    content = json.loads((shared / "datasets" / "coco-tiny" / "annotations" / "instances_val2017.json").read_text())
    assert (len(dataset.names), dataset.category_ids[-1], dataset.report.ignored) == (80, 90, 11)
    by_image = {image["id"]: [] for image in content["images"]}
    for entry in content["annotations"]:
        by_image[entry["image_id"]].append(entry)
    assert [sample.image_id for sample in dataset.samples] == list(by_image)
    for sample, entries in zip(dataset.samples, by_image.values()):
        corners = [[x, y, x + width, y + height] for x, y, width, height in (entry["bbox"] for entry in entries)]
        np.testing.assert_allclose(sample.boxes, np.array(corners).reshape(-1, 4), atol=0.5)
        assert [dataset.category_ids[label] for label in sample.labels] == [e["category_id"] for e in entries]
        np.testing.assert_allclose(sample.areas, [entry["area"] for entry in entries], rtol=1e-6)


def test_the_format_can_be_named(files, tmp_path):
    root = files.write_coco(tmp_path)
    data = DataSection(root=str(root), format="coco", val="annotations/instances_val.json")
    assert len(open_dataset(data, "val")) == 3
