"""A run: made in a new folder, found again, prepared to be trained."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from yolov3 import UserError
from yolov3.config.experiment import TrainSection
from yolov3.config.learning import OptimiserSection
from yolov3.formats.checkpoint import read_checkpoint, save_checkpoint
from yolov3.models.yolov3 import YOLOv3
from yolov3.processes.run_lock import RunLock
from yolov3.processes.world import World
from yolov3.structures import ModelMeaning
from yolov3.training.detection import detection_task
from yolov3.training.loop import run_training
from yolov3.training.place import Place
from yolov3.training.run import Stopped, check_images, find_stopped, make_state, open_run, prepare_network
from yolov3.training.train import start_run, train

CPU = Place(torch.device("cpu"), torch.float32)


def small_network() -> YOLOv3:
    torch.manual_seed(0)
    return YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)


def write_last(folder: Path, **content: object) -> Path:
    """A run's folder with a last checkpoint in it."""
    (folder / "weights").mkdir(parents=True)
    save_checkpoint(folder / "weights" / "last.pt", small_network(), meaning=ModelMeaning(("a", "b")), **content)
    return folder


def test_a_stopped_run_is_found_by_its_folder_and_by_its_file(tmp_path):
    folder = write_last(tmp_path / "run", experiment={"train": {"epochs": 3}})
    for named in (folder, folder / "weights" / "last.pt"):
        stopped = find_stopped(named, tmp_path)
        assert stopped.folder == folder and stopped.last == folder / "weights" / "last.pt"
        assert stopped.content["experiment"] == {"train": {"epochs": 3}}
        stopped.lock.release()


def test_nothing_is_gone_on_with_where_nobody_asks(tmp_path):
    write_last(tmp_path / "run", experiment={"train": {}})
    assert find_stopped(None, tmp_path) is None


@pytest.mark.parametrize("experiment", [None, {}])
def test_a_model_without_its_experiment_cannot_go_on(tmp_path, experiment):
    folder = write_last(tmp_path / "run", experiment=experiment)
    message = f"{folder / 'weights' / 'last.pt'}: holds no experiment to resume"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        find_stopped(folder, tmp_path)


def test_what_is_no_run_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.pt").write_text("no checkpoint")
    for named, message in (
        (tmp_path / "nowhere", f"{tmp_path / 'nowhere'}: no such weights file"),
        (tmp_path / "empty", f"{tmp_path / 'empty' / 'weights' / 'last.pt'}: no such weights file"),
        (tmp_path / "text.pt", f"{tmp_path / 'text.pt'}: not readable as a checkpoint"),
    ):
        with pytest.raises(UserError, match=re.escape(message)):
            find_stopped(named, tmp_path)


def test_a_run_that_torchrun_starts_again_goes_on(experiment_of, tmp_path, monkeypatch):
    """The very command that began it is repeated, and leads into the folder it has."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job/7")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    experiment = experiment_of(tmp_path, train={"epochs": 1})
    first = train(experiment, name="run")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    again = start_run(experiment, name="run", resume=None, world=World())
    assert again.folder == first.folder.resolve() and tuple(again.state.progress.history) == first.history
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "another job")
    assert start_run(experiment, name="run", resume=None, world=World()).folder == tmp_path / "run-2"


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_network_is_prepared_for_its_training(channels_last):
    settings = TrainSection(norm_momentum=0.25, channels_last=channels_last)
    place = Place(torch.device("cpu"), torch.float32, channels_last)
    network = small_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    prepared = prepare_network(network, settings, place)
    norms = [part for part in prepared.modules() if isinstance(part, nn.BatchNorm2d)]
    assert norms and {part.momentum for part in norms} == {0.25}
    weights = [part.weight for part in prepared.modules() if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3)]
    order = torch.channels_last if channels_last else torch.contiguous_format
    assert weights and all(weight.is_contiguous(memory_format=order) for weight in weights)
    assert all(torch.equal(before[name], tensor) for name, tensor in prepared.state_dict().items())


def test_the_live_objects_are_those_that_the_settings_ask_for():
    rates = OptimiserSection(learning_rate=0.5, momentum=0.25, nesterov=True)
    state = make_state(small_network(), TrainSection(ema=0.75), rates, CPU, num_terms=2)
    assert state.average.decay == 0.75 and state.average.network is not state.network
    assert {(group["lr"], group["momentum"], group["nesterov"]) for group in state.optimiser.param_groups} == {
        (0.5, 0.25, True)
    }
    assert not state.scaler.is_enabled() and state.progress.loss_sums == [0.0, 0.0]
    half = Place(torch.device("cpu"), torch.float16)
    state = make_state(small_network(), TrainSection(ema=0.0), rates, half, num_terms=1)
    assert state.average is None and state.scaler.is_enabled()


def test_a_new_run_has_a_folder_of_its_own_with_its_settings(experiment_of, tmp_path):
    experiment = experiment_of(tmp_path, train={"name": "mine"})
    folders = []
    for _ in range(2):
        task = detection_task(experiment, CPU, None)
        run = open_run(task, experiment.train, experiment.optimiser, CPU, name="other", stopped=None)
        assert yaml.safe_load((run.folder / "config.yaml").read_text()) == task.experiment
        folders.append(run.folder)
    assert folders == [tmp_path / "mine", tmp_path / "mine-2"]


def test_of_several_processes_only_the_first_makes_a_folder(experiment_of, tmp_path):
    """Here it is told by hand what the first one has sent."""

    class Second(World):
        def from_first(self, thing):
            assert thing is None
            return tmp_path / "made-by-the-first"

    experiment = experiment_of(tmp_path / "runs")
    place = Place(torch.device("cpu"), torch.float32, world=Second(rank=1, size=2))
    task = detection_task(experiment, place, None)
    run = open_run(task, experiment.train, experiment.optimiser, place, name="run", stopped=None)
    assert run.folder == tmp_path / "made-by-the-first" and not (tmp_path / "runs").exists()


def test_a_run_says_what_it_is(experiment_of, tmp_path):
    run = start_run(experiment_of(tmp_path), name="run", resume=None, world=World())
    assert run.description == (
        "yolov3-tiny x0.125, 6 classes, 96x96 letterbox (trained with sides of 64 to 128) on cpu in float32, "
        f"writing to {tmp_path / 'run'}"
    )
    assert run.best.parent == run.last.parent == run.folder / "weights"


def test_a_run_that_goes_on_stays_in_its_folder_and_stands_where_it_stood(experiment_of, tmp_path):
    first = train(experiment_of(tmp_path, train={"epochs": 2}), name="run")
    run = start_run(experiment_of(tmp_path / "elsewhere"), name="other", resume=first.last, world=World())
    assert run.folder == first.folder and run.settings.epochs == 2
    stored = read_checkpoint(first.last)["training"]
    assert run.state.progress.as_plain() == stored["progress"] and run.state.progress.step == 6
    assert all(torch.equal(tensor, stored["network"][name]) for name, tensor in run.state.network.state_dict().items())


def change_categories(data: Path, change: Callable[[list[dict]], list[dict]]) -> None:
    """Write the list of a data set's classes anew, in both parts."""
    for split in ("train", "val"):
        path = data / "annotations" / f"instances_{split}.json"
        content = json.loads(path.read_text())
        content["categories"] = change(content["categories"])
        known = {category["id"] for category in content["categories"]}
        content["annotations"] = [each for each in content["annotations"] if each["category_id"] in known]
        path.write_text(json.dumps(content))


def reversed_names(categories: list[dict]) -> list[dict]:
    names = [category["name"] for category in categories]
    return [{**category, "name": name} for category, name in zip(categories, reversed(names))]


def one_more(categories: list[dict]) -> list[dict]:
    return [*categories, {"id": 99, "name": "zebra"}]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (reversed_names, r"but in another order: class 0 is \w+( \w+)* and was \w+( \w+)*; the weights mean"),
        (one_more, "but with zebra more; the weights mean"),
        (lambda categories: categories[:-1], r"but without \w+( \w+)*; the weights mean"),
    ],
)
def test_a_run_does_not_go_on_with_other_classes(experiment_of, data, tmp_path, change, told):
    shutil.copytree(data, tmp_path / "data")
    short = experiment_of(tmp_path / "runs", data={"root": str(tmp_path / "data")}, train={"epochs": 1, "name": "run"})
    folder = train(short).folder
    before = (folder / "weights" / "last.pt").read_bytes()
    change_categories(tmp_path / "data", change)
    with pytest.raises(UserError, match=f"{tmp_path}/data.*: the classes are not those of {folder}.*{told}"):
        train(short, resume=folder, changes={"train": {"epochs": 2}})
    assert (folder / "weights" / "last.pt").read_bytes() == before


def test_a_run_does_not_go_on_with_fewer_images(experiment_of, data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    short = experiment_of(tmp_path / "runs", data={"root": str(tmp_path / "data")}, train={"epochs": 1, "name": "run"})
    folder = train(short).folder
    path = tmp_path / "data" / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    gone = content["images"].pop()["id"]
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] != gone]
    path.write_text(json.dumps(content))
    with pytest.raises(
        UserError, match=r": 19 training images, but .*last\.pt was trained with 20; a run goes on with"
    ):
        train(short, resume=folder, changes={"train": {"epochs": 2}})


def test_a_checkpoint_that_noted_no_images_goes_on(experiment_of, tmp_path):
    """Those of before are such."""
    folder = train(experiment_of(tmp_path, train={"epochs": 1, "name": "run"})).folder
    content = read_checkpoint(folder / "weights" / "last.pt")
    del content["training"]["progress"]["images"]
    check_images(Stopped(folder / "weights" / "last.pt", content), 7, "data")
    content["training"]["progress"]["images"] = 6
    with pytest.raises(UserError, match="7 training images"):
        check_images(Stopped(folder / "weights" / "last.pt", content), 7, "data")


def test_two_do_not_go_on_with_one_run_and_who_ends_lets_others_in(experiment_of, tmp_path):
    short = experiment_of(tmp_path, train={"epochs": 1, "name": "run"})
    folder = train(short).folder
    first = find_stopped(folder, tmp_path)
    with pytest.raises(UserError, match=f"^{folder}: another process works in this folder"):
        train(short, resume=folder, changes={"train": {"epochs": 2}})
    first.lock.release()
    run = start_run(short, name="run", resume=folder, world=World(), changes={"train": {"epochs": 2}})
    with pytest.raises(UserError, match="another process"):
        find_stopped(folder, tmp_path)
    run_training(run)
    find_stopped(folder, tmp_path).lock.release()


def test_a_new_run_is_locked_too(experiment_of, tmp_path):
    run = start_run(experiment_of(tmp_path), name="run", resume=None, world=World())
    with pytest.raises(UserError, match="another process"):
        RunLock.of(run.folder)
    run.lock.release()
