"""Darknet's ``.data``: its keys, its paths, and what is wrong with it, by line."""

from __future__ import annotations

import random

import pytest

from yolov3.datasets.darknet_data import read_data
from yolov3.errors import UserError


def written(folder, text: str):
    path = folder / "my.data"
    path.write_text(text)
    return path


def test_keys_that_mean_something_are_taken_and_others_passed_over(tmp_path):
    text = "# mine\n; too\n\nclasses= 3\ntrain =a b/train.txt\nval = v.txt\nnames=n.names\nbackup = x\neval=coco\n"
    data = read_data(written(tmp_path, text))
    assert (data.classes, data.train, data.valid, data.names) == (3, "a b/train.txt", "v.txt", "n.names")
    assert data.backup == "x"


def test_valid_goes_before_val_and_the_first_of_a_key_counts(tmp_path):
    data = read_data(written(tmp_path, "val = a\nvalid = b\nvalid = c\n"))
    assert data.valid == "b" and data.classes is data.train is data.names is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes = 3\nnonsense\n", r"my\.data:2: expected key = value, found 'nonsense'"),
        ("classes =\n", r"my\.data:1: expected key = value"),
        ("= 3\n", r"my\.data:1: expected key = value"),
        ("classes = many\n", r"my\.data:1: classes must be a whole number, found 'many'"),
        ("classes = -3\n", "whole number, found '-3'"),
        ("classes = ³\n", "whole number, found '³'"),
        ("classes = 10000000\n", "whole number"),
        ("", r"my\.data: no key = value in it: not a Darknet \.data file"),
    ],
)
def test_what_a_file_gets_wrong_is_named(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_data(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.data: cannot be read: No such file"):
        read_data(tmp_path / "nowhere.data")


def test_paths_are_looked_for_beside_above_and_here(tmp_path, monkeypatch):
    for place in ("set/cfg/beside.txt", "set/above.txt", "here/here.txt", "set/cfg/both.txt", "set/both.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("")
    data = read_data(written(tmp_path / "set" / "cfg", "classes = 1\n"))
    monkeypatch.chdir(tmp_path / "here")
    expected = {
        "beside.txt": "set/cfg/beside.txt", "above.txt": "set/above.txt", "here.txt": "here/here.txt",
        "both.txt": "set/cfg/both.txt", str(tmp_path / "set/above.txt"): "set/above.txt",
    }  # fmt: skip
    assert {text: data.find(text) for text in expected} == {text: tmp_path / place for text, place in expected.items()}
    with pytest.raises(UserError, match=r"my\.data: none\.txt was found neither in .*/set/cfg nor in .*/set nor here"):
        data.find("none.txt")
    with pytest.raises(UserError, match=r"/nowhere/x\.txt was found neither"):
        data.find("/nowhere/x.txt")


def test_files_of_any_bytes_are_read_or_refused_by_name(tmp_path):
    chance = random.Random(3)
    path = tmp_path / "a.data"
    for _ in range(1000):
        path.write_bytes(
            "".join(chance.choices("ab =\n\r\t#;\0é", k=chance.randrange(30))).encode()
            + chance.randbytes(chance.randrange(2))
        )
        try:
            assert read_data(path)
        except UserError as error:
            assert str(error).startswith(str(path))
