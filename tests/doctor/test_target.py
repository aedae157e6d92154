"""What can be examined, by each of its names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from yolov3.doctor.examine import examine
from yolov3.doctor.target import find_target
from yolov3.errors import UserError
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning


def test_a_folder_a_json_a_data_file_and_a_yaml_lead_to_the_same_data(data, tmp_path):
    root = data.write("yolo", tmp_path / "yolo")
    (root / "my.names").write_text("\n".join(data.names))
    (tmp_path / "my.data").write_text("train=yolo/train.txt\nvalid=yolo/val.txt\nnames=yolo/my.names\nclasses=3\n")
    (tmp_path / "data.yaml").write_text(f"root: yolo\nnames: {data.names}\n")
    (tmp_path / "experiment.yaml").write_text("model: {variant: yolov3-tiny, image_size: 320}\ndata: {root: yolo}\n")
    for target in (root, tmp_path / "my.data", tmp_path / "data.yaml", tmp_path / "experiment.yaml"):
        found = examine(target)
        assert [(split.name, split.images) for split in found.splits] == [("train", 24), ("val", 8)], target
        assert found.exit_code() == 0 and found.target == str(target)
    model = find_target(tmp_path / "experiment.yaml").experiment.model
    assert (model.variant, model.image_size) == ("yolov3-tiny", 320)
    assert find_target(root).experiment.model.image_size == 416


def test_a_json_is_coco(data, tmp_path):
    root = data.write("coco", tmp_path / "coco")
    found = examine(root / "annotations" / "instances_val.json")
    assert {split.name: split.images for split in found.splits}["val"] == 8


def test_settings_are_laid_over_it_and_overfit_is_not_followed(data, tmp_path):
    root = data.write("coco", tmp_path / "coco")
    experiment = find_target(root, ("model.image_size=224", "data.overfit=3")).experiment
    assert experiment.model.image_size == 224 and experiment.data.overfit == 0
    with pytest.raises(UserError, match="unknown key"):
        find_target(root, ("model.imagesize=3",))


def make_run(folder: Path, settings: dict) -> Path:
    (folder / "weights").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_a_run_is_examined_by_its_data_even_without_the_weights_it_began_with(data, tmp_path):
    root = data.write("voc", tmp_path / "voc")
    gone = {"train": {"weights": str(tmp_path / "gone.pt")}}
    run = make_run(tmp_path / "run", {"data": {"root": str(root)}, "model": {"variant": "yolov3-tiny"}, **gone})
    assert find_target(run).experiment.model.variant == "yolov3-tiny"
    assert examine(run).exit_code() == 0


def test_a_run_that_divided_its_data_is_examined_by_its_own_lists_wherever_it_lies(data, tmp_path):
    for item in data.items:
        item.split = "train"
    root = data.write("yolo", tmp_path / "yolo")
    lists = {"data": {"root": str(root), "lists": str(tmp_path / "where it was")}}
    run = make_run(tmp_path / "run", lists)
    names = [f"images/{item.stem}.jpg" for item in data.items]
    (run / "train.txt").write_text("\n".join(names[:22]))
    (run / "val.txt").write_text("\n".join(names[22:]))
    found = examine(run)
    assert [(split.name, split.images) for split in found.splits] == [("train", 22), ("val", 10)]


def test_what_is_none_of_these_is_refused(tmp_path):
    run = make_run(tmp_path / "run", {"classifier": {"data": "flowers"}})
    with pytest.raises(UserError, match="run of a classifier"):
        find_target(run)
    with pytest.raises(UserError, match="neither a data YAML nor the folder"):
        find_target(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"nothing\.yaml"):
        find_target(tmp_path / "nothing.yaml")
    (tmp_path / "x.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="expected a data YAML"):
        find_target(tmp_path / "x.jpg")


def test_an_experiment_is_somebodys_own_and_data_are_not(data, tmp_path):
    root = data.write("yolo", tmp_path / "yolo")
    (tmp_path / "data.yaml").write_text(f"root: yolo\nnames: {data.names}\n")
    (tmp_path / "experiment.yaml").write_text("model: {variant: yolov3-tiny}\ndata: {root: yolo}\n")
    (tmp_path / "by_file.yaml").write_text("model: {variant: yolov3-tiny}\ndata: {file: data.yaml}\n")
    run = make_run(tmp_path / "run", {"data": {"root": str(root)}})
    own = {path.name: find_target(path).is_training for path in (*tmp_path.glob("*.yaml"), run, root)}
    assert own == {"data.yaml": False, "experiment.yaml": True, "by_file.yaml": True, "run": True, "yolo": False}
    assert find_target("yolov3_coco.yaml", (f"data.root={root}",)).is_training


def test_a_run_without_its_settings_is_examined_by_those_in_its_weights(data, tmp_path):
    root = data.write("coco", tmp_path / "coco")
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    experiment = find_target(root, ("model.variant=yolov3-tiny",)).experiment
    write_weights(run / "weights" / "last.pt", experiment.as_plain())
    assert find_target(run).experiment.model.variant == "yolov3-tiny" and examine(run).exit_code() == 0


@pytest.mark.parametrize("file", ["config.yaml", "weights/best.pt"])
def test_a_run_that_knows_no_data_says_so_and_takes_what_it_is_told(file, data, tmp_path):
    root, run = data.write("coco", tmp_path / "coco"), tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    if file == "config.yaml":
        (run / file).write_text("model: {variant: yolov3-tiny}\n")
    else:
        write_weights(run / file, None)
    with pytest.raises(UserError) as error:
        find_target(run)
    assert str(error.value) == (
        f"{run / file}: knows no data that the run was trained on; say which with data.root=FOLDER or data.file=YAML, or "
        f"name the data themselves instead of {run}"
    )
    assert examine(run, overrides=(f"data.root={root}",)).exit_code() == 0


def write_weights(path: Path, experiment: dict | None) -> None:
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=3)
    save_checkpoint(path, network, meaning=ModelMeaning(("round", "long", "pointed")), experiment=experiment)
