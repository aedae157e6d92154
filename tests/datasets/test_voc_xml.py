"""The xml of an image: what it says, and what it gets wrong."""

from __future__ import annotations

import random

import pytest

from yolov3.datasets.voc_xml import LARGEST_SIDE, LARGEST_XML, read_annotation
from yolov3.errors import UserError


def one_object(name: str = "cat", more: str = "", **corners: object) -> str:
    places = {"xmin": 2, "ymin": 2, "xmax": 5, "ymax": 5} | corners
    inside = "".join(f"<{corner}>{value}</{corner}>" for corner, value in places.items())
    return f"<annotation><object><name>{name}</name>{more}<bndbox>{inside}</bndbox></object></annotation>"


def test_an_annotation_says_what_stands_in_it(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(
        one_object(" dog ", "<difficult> 1 </difficult>", xmin=1.5).replace("</annotation>", "<size/>")
        + "</annotation>"
    )
    annotation = read_annotation(path)
    assert (annotation.path, annotation.size) == (path, None)
    (item,) = annotation.objects
    assert (item.name, item.corners, item.difficult) == ("dog", (1.5, 2, 5, 5), True)


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path):
    (tmp_path / "a.xml").write_text(one_object().ljust(LARGEST_XML + 1))
    with pytest.raises(UserError, match=r"a\.xml: larger than 1000000 bytes: not an annotation"):
        read_annotation(tmp_path / "a.xml")
    with pytest.raises(UserError, match=r"b\.xml: cannot be read: No such file"):
        read_annotation(tmp_path / "b.xml")


def test_damaged_files_are_read_or_refused_by_name(tmp_path):
    chance = random.Random(1)
    path = tmp_path / "a.xml"
    sound = one_object().encode()
    for _ in range(500):
        damaged = bytearray(sound)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_annotation(path)
        except UserError as error:
            assert str(error).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        ("480", "640.0", (480, 640)),
        ("1e308", "9" * 30, (LARGEST_SIDE, LARGEST_SIDE)),
        ("0", "640", None),
        ("-1", "1", None),
    ],
)
def test_a_size_is_one_that_arrays_can_hold(tmp_path, height, width, size):
    path = tmp_path / "a.xml"
    path.write_text(f"<annotation><size><height>{height}</height><width>{width}</width></size></annotation>")
    assert read_annotation(path).size == size


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp037"])
def test_no_declaration_is_read_in_any_encoding(tmp_path, encoding):
    head = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding != "utf-16" else ""
    text = f'{head}<!DOCTYPE a [<!ENTITY b "cat">]><annotation><object><name>&b;</name></object></annotation>'
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match=r"a\.xml: (holds a DOCTYPE|not readable as xml)"):
        read_annotation(tmp_path / "a.xml")
