"""``yolov3 convert-data`` writes a data set in another format, tells what is in it, and what could not be."""

from __future__ import annotations

import json

import pytest

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset
from yolov3.cli import main
from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_shapes_dataset(tmp_path_factory.mktemp("convert") / "shapes", train=4, val=3, unseen=0, seed=2)


@pytest.mark.parametrize("to", ["coco", "voc", "yolo"])
def test_it_tells_what_is_there_now(data, tmp_path, to, capsys):
    out = tmp_path / "new"
    assert main(["convert-data", str(data), str(out), "--to", to, "--copy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"written: {out}"
    row = lines[-2].split()
    assert (row[0], row[1], row[3]) == ("all", "4", "3")
    new, old = (open_dataset(resolve_data(place), "val") for place in (out, data))
    assert new.names == old.names and new.report.boxes == old.report.boxes == int(row[4])
    assert not any(path.is_symlink() for path in out.rglob("*"))


def test_what_could_not_be_held_is_told_before(files, tmp_path, capsys):
    root = files.write_voc(tmp_path / "x")
    text = files.voc_object(0, 4, 6, 30, 40, "<difficult>1</difficult>")
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{text}</annotation>")
    assert main(["convert-data", str(root), str(tmp_path / "new"), "--to", "yolo"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "1 difficult object left out: YOLO's labels cannot say that something is to be passed over"


def test_json_is_for_programs(data, tmp_path, capsys):
    words = ["convert-data", str(data), str(tmp_path / "new"), "--to", "voc", "--splits", "val", "--json"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["format"] == "voc" and answer["folder"] == str(tmp_path / "new")
    assert {name: part["images"] for name, part in answer["parts"].items()} == {"val": 3}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["DATA", "."], "is not empty; name a new folder"),
        (["DATA", "DATA/new"], "lies in the data set"),
        (["nowhere", "new"], "nowhere: neither a data YAML nor the folder of a data set exists there"),
        (["DATA", "new", "--splits", "test"], "no test split"),
        (["DATA", "new", "train.epochs=3"], "only data.key=value is understood here"),
    ],
)
def test_mistakes_are_one_line(data, tmp_path, monkeypatch, words, message, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("mine")
    assert main(["convert-data", *(word.replace("DATA", str(data)) for word in words), "--to", "coco"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
