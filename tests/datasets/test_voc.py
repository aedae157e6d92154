"""Pascal VOC's folders: corners counted as the devkit counts them, and what a file gets wrong is said by name."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.voc_xml import LARGEST_XML
from yolov3.errors import UserError


def one_object(name: str = "cat", more: str = "", **corners: object) -> str:
    places = {"xmin": 2, "ymin": 2, "xmax": 5, "ymax": 5} | corners
    inside = "".join(f"<{corner}>{value}</{corner}>" for corner, value in places.items())
    return f"<annotation><object><name>{name}</name>{more}<bndbox>{inside}</bndbox></object></annotation>"


def test_difficult_objects_are_ignored_not_lost(files, tmp_path):
    root = files.write_voc(tmp_path)
    difficult = files.voc_object(*files.objects["one"][0], more="<difficult>1</difficult>")
    objects = difficult + files.voc_object(*files.objects["one"][1])
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{objects}</annotation>")
    dataset = files.opened(root)
    assert dataset.samples[0].ignore.tolist() == [True, False]
    assert dataset.report.ignored == 1


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<annotation><object>", "not readable as xml"),
        ("", "not readable as xml"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", "DOCTYPE or ENTITY"),
        ("<!entity b 'c'><annotation/>", "DOCTYPE or ENTITY"),
        ("<annotation><object><bndbox/></object></annotation>", "object 1 has no name"),
        ("<annotation><object><name>cat</name></object></annotation>", r"object 1 \(cat\): bndbox/xmin: found None"),
        (one_object(ymax=float("nan")), "ymax: found 'nan'"),
        (one_object(xmax="wide"), r"object 1 \(cat\): bndbox/xmax: found 'wide', expected a number"),
        (one_object("cow"), r"unknown class 'cow'; data.names has \['cat', 'dog', 'bird'\]"),
        (one_object(more="<difficult>x</difficult>"), r"object 1 \(cat\): difficult: found 'x', expected 0 or 1"),
        (one_object().ljust(LARGEST_XML + 1), "larger than 1000000 bytes: not an annotation"),
    ],
)
def test_what_an_xml_gets_wrong_is_named(files, tmp_path, xml, message):
    root = files.write_voc(tmp_path)
    (root / "Annotations" / "one.xml").write_text(xml)
    with pytest.raises(UserError, match=message) as error:
        files.opened(root)
    assert str(error.value).startswith(f"{root}/Annotations/one.xml: ")


def test_a_declaration_in_another_encoding_is_refused_too(files, tmp_path):
    root = files.write_voc(tmp_path)
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><annotation/>'
    (root / "Annotations" / "one.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(UserError, match=r"one\.xml: holds a DOCTYPE or ENTITY declaration"):
        files.opened(root)


def test_a_missing_xml_is_named(files, tmp_path):
    root = files.write_voc(tmp_path)
    (root / "Annotations" / "two.xml").unlink()
    with pytest.raises(UserError, match=r"two\.xml: cannot be read: No such file"):
        files.opened(root)


def test_corners_may_count_from_zero_and_fractions_are_kept(files, tmp_path):
    root = files.write_voc(tmp_path)
    (root / "Annotations" / "one.xml").write_text(one_object(xmin=4.5, ymin=5, xmax=20, ymax=30.25))
    assert files.opened(root).samples[0].boxes.tolist() == [[3.5, 4.0, 20.0, 30.25]]
    assert files.opened(root, one_based=False).samples[0].boxes.tolist() == [[4.5, 5.0, 20.0, 30.25]]


def test_corners_that_span_nothing_are_dropped_and_not_made_a_pixel(files, tmp_path):
    root = files.write_voc(tmp_path)
    (root / "Annotations" / "one.xml").write_text(one_object(xmin=7, xmax=7))
    dataset = files.opened(root)
    assert len(dataset.samples[0].boxes) == 0 and dataset.report.dropped_zero_area == 1


@pytest.mark.parametrize("size", ["<size><width>10</width><height>10</height></size>", ""])
def test_a_wrong_size_is_reported_and_the_image_believed(files, tmp_path, size):
    root = files.write_voc(tmp_path)
    objects = files.voc_object(*files.objects["one"][0])
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{size}{objects}</annotation>")
    dataset = files.opened(root)
    assert dataset.samples[0].size == files.sizes["one"]
    told = "1 xml file with another size than the image has: one.xml" in dataset.report.summary()
    assert told == bool(size)


def test_without_names_the_classes_are_those_of_all_files_in_alphabetical_order(files, tmp_path):
    root = files.write_voc(tmp_path)
    (root / "ImageSets" / "Main" / "train.txt").write_text("one\n")
    (root / "Annotations" / "one.xml").write_text(one_object("ant"))
    (root / "Annotations" / "three.xml").write_text(one_object("wasp"))
    (root / "Annotations" / "in no list.xml").write_text(one_object("bee"))
    for split in ("train", "val"):
        dataset = open_dataset(DataSection(root=str(root)), split)
        assert (dataset.names, dataset.category_ids) == (("ant", "bee", "wasp"), (1, 2, 3))


def test_a_folder_of_one_class_has_one_class_whatever_it_is_called(files, tmp_path):
    root = files.write_voc(tmp_path)
    for name in ("one", "three"):
        (root / "Annotations" / f"{name}.xml").write_text(one_object("person"))
    assert open_dataset(DataSection(root=str(root)), "val").names == ("person",)


def test_several_lists_go_together(files, tmp_path):
    for year in ("2007", "2012"):
        files.write_voc(tmp_path / year)
    lists = tuple(f"{year}/ImageSets/Main/val.txt" for year in ("2007", "2012"))
    dataset = open_dataset(DataSection(root=str(tmp_path), val=lists, names=files.names), "val")
    assert len(dataset) == 6 and dataset.report.boxes == 8
    assert [sample.image_id for sample in dataset.samples[::3]] == [
        "2007/JPEGImages/one.png",
        "2012/JPEGImages/one.png",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("one  1\nthree -1\n", r"val\.txt:1: a list of one class \(name and 1, 0 or -1\), not of a split"),
        ("one\n../one\n", r"val\.txt:2: found '\.\./one'; expected the plain name of an image without suffix"),
        ("one\n..\n", r"val\.txt:2: found '\.\.'"),
        (
            "one\nfour\n",
            r"val\.txt: 1 of 2 have no image in .*JPEGImages: four; in .* there is: .*Annotations/ \(3 xml\)",
        ),
        ("one\ntwo\none\n", r"val\.txt: name 'one' stands 2 times, at positions 0, 2"),
        ("\n\n", "no images in it"),
        ("\udcff", r"val\.txt: not readable as a list of names"),
    ],
)
def test_what_a_list_gets_wrong_is_named_with_its_line(files, tmp_path, content, message):
    root = files.write_voc(tmp_path)
    (root / "ImageSets" / "Main" / "val.txt").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=message):
        files.opened(root)


def test_lists_of_other_systems_and_names_with_blanks_are_read(files, tmp_path):
    root = files.write_voc(tmp_path)
    for folder, suffix in (("JPEGImages", "png"), ("Annotations", "xml")):
        (root / folder / f"one.{suffix}").rename(root / folder / f"number one.{suffix}")
    (root / "ImageSets" / "Main" / "val.txt").write_bytes(b"\xef\xbb\xbfnumber one\r\n\r\ntwo\r\n")
    assert [sample.image_id for sample in files.opened(root).samples] == ["number one", "two"]


def test_a_list_that_is_not_there_names_those_that_are(files, tmp_path):
    root = files.write_voc(tmp_path)
    with pytest.raises(UserError, match=r"no test split \(voc\): looked for .*; write data\.test=WHERE$"):
        files.opened(root, "test")
    with pytest.raises(UserError, match=r"test\.txt: the list of the split does not exist; there are: val$"):
        files.opened(root, "test", test="test")


def test_of_two_images_of_one_name_the_jpeg_is_meant(files, tmp_path):
    root = files.write_voc(tmp_path)
    for suffix in ("JPG", "bmp"):
        cv2.imwrite(str(root / "JPEGImages" / "one.bmp"), np.zeros((48, 64, 3), np.uint8))
        cv2.imwrite(str(root / "JPEGImages" / "one.jpg"), np.zeros((48, 64, 3), np.uint8))
        (root / "JPEGImages" / "one.jpg").rename(root / "JPEGImages" / "one.JPG")
        assert files.opened(root).samples[0].path.name == "one.JPG", suffix


@pytest.mark.parametrize(
    "named", ["{}", "{}.png", "JPEGImages/{}.png", "./JPEGImages/{}.png", "{root}/JPEGImages/{}.png", r"D:\\{}.png"]
)
def test_a_list_may_lie_anywhere_and_name_its_images_in_any_way(files, tmp_path, named):
    root = files.write_voc(tmp_path / "set")
    list_file = tmp_path / "mine.txt"
    for place in (list_file, root / "mine.txt", root / "ImageSets" / "mine.txt"):
        base = place if named.startswith("./") else None
        if base is not None and place.parent != root:
            continue  # ./ counts from the list
        place.write_text("".join(named.format(name, root=root) + "\n" for name in files.sizes))
        dataset = files.opened(root, val=str(place))
        assert [sample.image_id for sample in dataset.samples] == list(files.sizes) and dataset.report.boxes == 4


def test_images_of_a_folder_that_nobody_labelled_are_left_out_and_told(files, tmp_path):
    root = files.write_voc(tmp_path)
    (root / "Annotations" / "two.xml").unlink()
    dataset = files.opened(root, val="JPEGImages")
    assert [sample.image_id for sample in dataset.samples] == ["one", "three"]
    assert dataset.report.problems == ("left out: 1 image without an xml: two.png",)
    for path in (root / "Annotations").iterdir():
        path.rename(root.parent / f"{path.name}.txt")
    with pytest.raises(UserError, match=r"none of its 3 images has an xml; in .* there is: "):
        files.opened(root, val="JPEGImages", format="voc")


def test_of_two_annotations_of_one_name_the_nearer_is_meant(files, tmp_path):
    for split in ("train", "val"):
        files.write_voc(tmp_path / split)
    (tmp_path / "val" / "Annotations" / "one.xml").write_text("<annotation/>")
    data = DataSection(root=str(tmp_path), format="voc", names=files.names)
    assert open_dataset(data, "train").report.boxes == 4
    assert open_dataset(data, "val").report.boxes == 2


@pytest.mark.shared
def test_real_folders_give_what_their_files_say(shared: Path):
    root = shared / "datasets" / "bccd"
    dataset = open_dataset(resolve_data(root), "train")
    assert (dataset.names, dataset.report.images, dataset.report.dropped_zero_area) == (
        ("Platelets", "RBC", "WBC"),
        205,
        1,
    )
    for sample in dataset.samples[::20]:
        tree = ElementTree.parse(root / "Annotations" / f"{sample.image_id}.xml")
        corners = [
            [float(box.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax")] for box in tree.iter("bndbox")
        ]
        expected = np.array(corners) - (1, 1, 0, 0)
        height, width = sample.size
        np.testing.assert_array_equal(sample.boxes, expected.clip(0, (width, height, width, height)))
        assert [dataset.names[label] for label in sample.labels] == [
            item.findtext("name") for item in tree.iter("object")
        ]
