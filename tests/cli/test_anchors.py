"""``yolov3 anchors`` tells how well anchors match, before and after, and writes the better ones into a new experiment."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from yolov3.cli import main
from yolov3.config.loading import load_experiment
from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    """An experiment on twelve generated images."""
    folder = tmp_path_factory.mktemp("anchors")
    data = write_shapes_dataset(folder / "shapes", train=12, val=1, unseen=0, seed=5)
    path = folder / "experiment.yaml"
    path.write_text(f"recipe: darknet\ndata: {{root: {data}}}\nmodel: {{variant: yolov3-tiny, image_size: 224}}\n")
    return path


def test_it_tells_both_matches_and_the_words_to_use(config, capsys):
    assert main(["anchors", str(config)]) == 0
    first, now, fitted, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d+ boxes of COCO, train: .*instances_train\.json.*", first)
    pattern = r"(now|fitted) +mean IoU (?P<mean>0\.\d+), recall at IoU 0\.5 [01]\.\d+: (?P<anchors>\[.*\])"
    before, after = re.fullmatch(pattern, now), re.fullmatch(pattern, fitted)
    assert before and after and float(before["mean"]) < float(after["mean"])
    assert json.loads(before["anchors"]) == [[[81, 82], [135, 169], [344, 319]], [[10, 14], [23, 27], [37, 58]]]
    override = last.removeprefix("use them with: ").replace("'", "")
    assert np.array(load_experiment(config, [override]).model.anchors).shape == (2, 3, 2)
    assert override == f"model.anchors={after['anchors']}"


def test_what_it_writes_is_the_experiment_with_its_anchors(config, tmp_path, capsys):
    new = tmp_path / "new.yaml"
    words = ["anchors", str(config), "train.epochs=7", "--write", str(new), "--seed", "1"]
    assert main(words) == 0
    assert f"written: {new}" in capsys.readouterr().out
    given, written = load_experiment(config, ["train.epochs=7"]), load_experiment(new)
    anchors = written.model.anchors
    assert [len(level) for level in anchors] == [3, 3]
    assert written.model_copy(update={"model": written.model.model_copy(update={"anchors": None})}) == given
    # Only what was said is written, so that the recipe still decides the rest.
    assert set(yaml.safe_load(new.read_text())) == {"recipe", "data", "model", "train"}
    # With its own anchors the new experiment stands where the old one was led to.
    assert main(["anchors", str(new), "--seed", "1"]) == 0
    output = capsys.readouterr().out.splitlines()
    assert output[1].removeprefix("now").strip() == output[2].removeprefix("fitted").strip()


def test_json_is_for_programs(config, tmp_path, capsys):
    new = tmp_path / "new.yaml"
    assert main(["anchors", str(config), "--json", "--write", str(new)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["num_boxes"] > 0 and "instances_train.json" in answer["source"] and answer["written"] == str(new)
    assert answer["now"]["mean_iou"] < answer["fitted"]["mean_iou"] <= 1 and 0 <= answer["fitted"]["recall"] <= 1
    assert answer["fitted"]["anchors"] == yaml.safe_load(new.read_text())["model"]["anchors"]
    assert main(["anchors", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] is None


def test_the_seed_decides_where_the_search_begins(config, capsys):
    outputs = []
    for seed in "0", "0", "1", "2", "3":
        assert main(["anchors", str(config), "--seed", seed]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] and len(set(outputs)) > 1


def test_a_file_that_exists_is_not_overwritten(config, capsys):
    before = config.read_bytes()
    assert main(["anchors", str(config), "--write", str(config)]) == 2
    assert capsys.readouterr().err == f"yolov3: error: {config}: exists already; name a new file\n"
    assert config.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml"),
        (["CONFIG", "train.epoch=3"], "unknown key train.epoch"),
        (["CONFIG", "data.root=/nowhere"], "/nowhere: the folder of the data set does not exist"),
        (["CONFIG", "data.overfit=1"], "anchors cannot be fitted to"),
    ],
)
def test_mistakes_are_one_line(config, words, message, capsys):
    assert main(["anchors", *(str(config) if word == "CONFIG" else word for word in words)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1


@pytest.mark.shared
def test_on_real_data(shared, tmp_path, capsys):
    config, new = tmp_path / "a.yaml", tmp_path / "b.yaml"
    config.write_text(f"data: {{root: {shared}/datasets/bccd}}\nmodel: {{variant: yolov3-tiny}}\n")
    assert main(["anchors", str(config), "--write", str(new)]) == 0
    output = capsys.readouterr().out
    assert "now     mean IoU 0.699" in output and "fitted  mean IoU 0.86" in output
    assert np.array(yaml.safe_load(new.read_text())["model"]["anchors"]).shape == (2, 3, 2)


def test_data_may_be_named_without_a_file(config, capsys):
    root = load_experiment(config).data.root
    words = ["anchors", "--data", str(root), "model.variant=yolov3-tiny", "model.image_size=224", "recipe=darknet"]
    assert main(["anchors", str(config)]) == main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == lines[4:]
    assert main(["anchors"]) == 2
    assert "give an experiment file, such as configs/yolov3_tiny_bccd.yaml, or --data D" in capsys.readouterr().err
