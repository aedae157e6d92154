"""``yolov3 split`` tells what went where, and what it wrote is trained on as it is."""

from __future__ import annotations

import json
import re

import pytest

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset, open_splits
from yolov3.cli import main
from yolov3.config.loading import load_experiment
from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twenty generated images in one json."""
    root = write_shapes_dataset(tmp_path_factory.mktemp("split") / "shapes", train=20, val=0, unseen=0, seed=2)
    return root / "annotations" / "instances_train.json"


def test_it_tells_what_went_where_and_how_to_use_it(data, tmp_path, capsys):
    out = tmp_path / "new"
    assert main(["split", str(data), "--val", "0.25", "--test", "0.1", "--seed", "4", "--out", str(out)]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[-2:] == [f"written: {out}/data.yaml", f"train on it: yolov3 train CONFIG data.file={out}/data.yaml"]
    row = next(line.split() for line in lines if line.split()[:1] == ["all"])
    counts = {part: len(open_dataset(resolve_data(out / "data.yaml"), part)) for part in ("train", "val", "test")}
    assert row[1::2] == list(map(str, counts.values()))
    assert sum(counts.values()) == 20 and abs(counts["val"] - 5) <= 2 and abs(counts["test"] - 2) <= 2
    head = next(line for line in lines if line.split()[:1] == ["class"])
    assert re.split(r" {2,}", head.strip()) == [
        "class", *(f"{part} {what}" for part in ("train", "val", "test") for what in ("images", "objects"))
    ]  # fmt: skip
    assert "looking at 20 images" in told.err


def test_json_is_for_programs(data, tmp_path, capsys):
    assert main(["split", str(data), "--json", "--out", str(tmp_path / "new")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sum(part["images"] for part in answer["parts"].values()) == 20
    assert answer["file"] == str(tmp_path / "new" / "data.yaml")


def test_what_it_writes_is_what_an_experiment_trains_on(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["split", str(data), "--out", "new"]) == 0
    splits = open_splits(load_experiment(None, ["data.file=new/data.yaml"]).data)
    for part, dataset in (("train", splits.train), ("val", splits.val)):
        listed = json.loads((tmp_path / "new" / f"instances_{part}.json").read_text())["images"]
        assert [sample.path.name for sample in dataset.samples] == [row["file_name"] for row in listed]


@pytest.mark.slow
def test_what_it_writes_is_trained_on_and_measured(data, tmp_path, monkeypatch, weights, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["split", str(data), "--out", "new"]) == 0
    words = [
        "model.variant=yolov3-tiny",
        "model.width=0.125",
        "model.image_size=64",
        "train.epochs=1",
        "train.workers=0",
    ]
    assert main(["train", "data.file=new/data.yaml", *words]) == 0
    assert main(["evaluate", "--weights", str(weights), "--data", "new/data.yaml", "--workers", "0", "--json"]) == 0
    answer = json.loads("{\n" + capsys.readouterr().out.partition("{\n")[2])
    assert answer["settings"]["images"] == len(open_dataset(resolve_data("new/data.yaml"), "val"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--val", "1.5"], "split: --val: found '1.5'; must be a number from 0 to 1"),
        (["--group-by", "("], "group_by: '(' is no regular expression"),
        (["--out", "."], "is not empty; name a new folder"),
        (["train.epochs=3"], "only data.key=value is understood here"),
    ],
)
def test_mistakes_are_one_line(data, tmp_path, monkeypatch, words, message, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("mine")
    assert main(["split", str(data), *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
