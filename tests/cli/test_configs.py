"""``yolov3 configs`` lists what is shipped and copies it; every command that takes an experiment or data finds it, and says
so."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.cli import main
from yolov3.config.shipped import shipped_data, shipped_experiments
from yolov3.shapes.dataset import write_shapes_dataset

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

TINY = ("model.image_size=64", "model.width=0.0625", "train.batch_size=2", "train.accumulate=1", "train.device=cpu")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def note(name: str, place: str) -> str:
    return f"{name} is not here; the one that is shipped is used: {CONFIGS / place}"


def test_each_is_listed_in_a_line(capsys):
    assert main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for each in (*shipped_experiments(), *shipped_data()):
        assert [line.split(maxsplit=1)[1] for line in lines if line.startswith(f"  {each.path.name} ")] == [each.what]
    assert any("yolov3-tiny.cfg" in line for line in lines)


def test_copies_go_into_configs_or_where_they_are_wanted(here, capsys):
    assert main(["configs", "--copy"]) == 0
    out = capsys.readouterr().out
    assert "written: configs/yolov3_coco.yaml\n" in out and "kept" not in out
    assert main(["configs", "--copy", "there/deep"]) == 0 and (here / "there/deep/data/voc.yaml").is_file()
    capsys.readouterr()
    assert main(["configs", "--copy"]) == 0
    out = capsys.readouterr().out
    assert "kept as it is: configs/yolov3_coco.yaml\n" in out and "written" not in out


def test_train_finds_a_shipped_experiment_and_says_so(capsys):
    assert main(["train", "yolov3_tiny_bccd.yaml"]) == 2
    told, error = capsys.readouterr().err.splitlines()
    assert told == note("yolov3_tiny_bccd.yaml", "yolov3_tiny_bccd.yaml")
    assert "data/bccd.yaml: root: there is no data/bccd" in error and error.endswith(
        "say where it is with data.root=FOLDER or --data FOLDER"
    )


def test_a_file_of_the_users_is_used_without_a_word(here, capsys):
    (here / "yolov3_tiny_bccd.yaml").write_text("train: {epochs: 0}\n")
    assert main(["train", "yolov3_tiny_bccd.yaml"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("yolov3: error: yolov3_tiny_bccd.yaml: train.epochs: found 0")


def test_a_shipped_data_file_is_an_experiment_of_its_own(capsys):
    assert main(["train", "bccd.yaml"]) == 2
    told, error = capsys.readouterr().err.splitlines()
    assert told == note("bccd.yaml", "data/bccd.yaml") and "bccd.yaml: root: there is no data/bccd" in error


def test_a_shipped_data_file_may_be_an_override(capsys):
    assert main(["train", "data.file=voc.yaml"]) == 2
    told, error = capsys.readouterr().err.splitlines()
    assert told == note("voc.yaml", "data/voc.yaml") and "voc.yaml: root: there is no data/VOCdevkit" in error


def test_of_several_processes_one_speaks(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    main(["benchmark", "none.yaml"])
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("yolov3: error: none.yaml: there is no such file; shipped are the experiments ")
    main(["anchors", "bccd.yaml"])
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_anchors_evaluate_and_benchmark_find_them_too(here, weights, capsys):
    data = write_shapes_dataset(here / "shapes", train=3, val=2, unseen=0, seed=1)
    assert main(["benchmark", "configs/yolov3_tiny_bccd.yaml", *TINY, "--rounds", "1"]) == 0
    told = capsys.readouterr().err
    assert note("configs/yolov3_tiny_bccd.yaml", "yolov3_tiny_bccd.yaml") in told
    words = [f"data.root={data}", "data.format=coco", "data.train=null", "data.names=null"]
    assert main(["anchors", "yolov3_tiny_bccd.yaml", *words, "data.file=null"]) == 0
    assert note("yolov3_tiny_bccd.yaml", "yolov3_tiny_bccd.yaml") in capsys.readouterr().err
    assert main(["evaluate", "--weights", str(weights), "--data", "bccd.yaml"]) == 2
    told, error = capsys.readouterr().err.splitlines()
    assert told == note("bccd.yaml", "data/bccd.yaml") and "root: there is no data/bccd" in error
    assert main(["evaluate", "--weights", str(weights), "--data", "yolov3_coco.yaml"]) == 2
    assert note("yolov3_coco.yaml", "yolov3_coco.yaml") in capsys.readouterr().err


def test_nothing_found_names_what_is_shipped(weights, capsys):
    for words in (["train", "none.yaml"], ["evaluate", "--weights", str(weights), "--data", "none.yaml"]):
        assert main(words) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert (
            error.startswith("yolov3: error: none.yaml: ") and "yolov3_tiny_bccd.yaml" in error and "voc.yaml" in error
        )
