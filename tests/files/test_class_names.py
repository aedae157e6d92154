"""Files of class names, the names of well-known data sets, and when two names mean one class."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.errors import UserError
from yolov3.files.class_names import (
    LONGEST_NAME,
    SYNONYMS,
    class_key,
    class_names,
    names_text,
    published_names,
    read_names,
    write_names,
)

VOC_DEVKIT = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep "
    "sofa train tvmonitor"
)


def test_names_are_read_and_written(tmp_path):
    path = tmp_path / "a.names"
    path.write_bytes("\ufeffperson\r\ntraffic light\r\n naïve \r\n\r\n\n".encode())
    assert read_names(path) == read_names(str(path)) == ("person", "traffic light", "naïve")
    write_names(path, iter(("person", "traffic light")))
    assert path.read_bytes() == names_text(("person", "traffic light")).encode() == b"person\ntraffic light\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("names") / "a.names"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1).filter(lambda name: name.strip() == name and name.isprintable()), min_size=1))
def test_whatever_is_written_comes_back(path, names):
    write_names(path, names)
    assert read_names(path) == tuple(names)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.names: no class names in it"),
        (b"\n\r\n \n", r"a\.names: no class names in it"),
        (b"a\n\nb\n", r"a\.names:2: a blank line among the class names"),
        (b"a\nb\x00c\n", r"a\.names:2: not a class name: it holds unprintable characters"),
        (b"\x1b[31mred\n", r"a\.names:1: .*unprintable"),
        (b"\xff", r"a\.names: not readable as a list: not a text in UTF-8"),
        (b"x" * 4_000_001, r"a\.names: larger than 4000000 bytes"),
    ],
)
def test_what_is_no_list_of_names_is_refused(tmp_path, content, message):
    path = tmp_path / "a.names"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_names(path)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_files_of_any_bytes_are_read_or_refused_by_name(tmp_path):
    chance = random.Random(3)
    path, read = tmp_path / "a.names", 0
    for _ in range(500):
        text = "".join(chance.choices("ab \n\r\t#;\0é", k=chance.randrange(12)))
        path.write_bytes(text.encode() + chance.randbytes(chance.randrange(2)))
        try:
            names = read_names(path)
        except UserError as error:
            assert str(error).startswith(str(path))
            continue
        read += 1
        assert names and all(name.strip() == name and name.isprintable() for name in names)
    assert read > 20


@pytest.mark.parametrize("name", ["a\nb", "", "  ", "a\0", "\x1b[0m", "\udcff"])
def test_a_name_that_does_not_fit_on_a_line_is_not_written(tmp_path, name):
    path = tmp_path / "a.names"
    path.write_text("mine\n")
    with pytest.raises(UserError, match=r"cannot be written to a \.names file"):
        write_names(path, ("cat", name))
    assert path.read_text() == "mine\n"


def test_places_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none\.names: cannot be read: No such file"):
        read_names(tmp_path / "none.names")
    with pytest.raises(UserError, match="cannot be written"):
        write_names(tmp_path / "none" / "a.names", ("cat",))


def test_the_published_names():
    coco = published_names("coco")
    assert (len(coco), len(set(coco)), coco[0], coco[-1]) == (80, 80, "person", "toothbrush")
    assert published_names("voc") == tuple(VOC_DEVKIT.split())
    assert all(name.strip() == name and name.isprintable() for name in coco)


@pytest.mark.shared
def test_the_names_of_coco_are_darknets(shared):
    names = read_names(shared / "darknet" / "coco.names")
    assert [class_key(name) for name in names] == [class_key(name) for name in published_names("coco")]


def test_names_that_mean_one_class_have_one_key():
    assert class_key("Dining Table") == class_key("dining-table") == class_key("diningtable")
    assert class_key("tvmonitor") == class_key("TV")
    assert class_key("STRASSE") == class_key("straße")
    assert class_key("car") != class_key("cart")


def test_all_words_of_voc_mean_classes_of_coco():
    keys = {class_key(name) for name in published_names("coco")}
    assert {class_key(name) for name in published_names("voc")} <= keys
    assert set(SYNONYMS) <= set(published_names("voc")) and set(SYNONYMS.values()) <= set(published_names("coco"))


def test_no_two_classes_of_a_data_set_have_one_key():
    for data_set in ("coco", "voc"):
        names = published_names(data_set)
        assert len({class_key(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "class names must be a list of texts, found NoneType"),
        ("cat", "class names must be a list of texts, found str"),
        ({"cat": 1}, "class names must be a list of texts, found dict"),
        (["cat", 3], "class 1: not a class name: it is no text but int"),
        ([["cat"]], "class 0: not a class name: it is no text but list"),
        (["cat", " "], "class 1: not a class name: it is empty"),
        (["ball\ud800"], "class 0: not a class name: it holds unprintable characters"),
        (["\x1b[2J"], "class 0: not a class name: it holds unprintable characters"),
        (["a\nb"], "class 0: not a class name: it holds unprintable characters"),
        (["a\u202eb"], "class 0: not a class name: it holds unprintable characters"),
        (["x" * (LONGEST_NAME + 1)], "class 0: not a class name: it has 1001 characters, at most 1000 are read"),
    ],
)
def test_what_are_no_class_names_is_refused_wherever_they_come_from(values, message):
    with pytest.raises(UserError) as caught:
        class_names(values, "a.pt")
    assert str(caught.value) == f"a.pt: {message}"


def test_names_of_all_languages_are_fine():
    names = ["naïve", "犬", "مى\u200cخواهم", "traffic light", "a\u00a0b", "🚀"]
    assert class_names(names, "a.pt") == tuple(names) and class_names((), "a.pt") == ()
