"""The checkpoint: there and back, refused when damaged or foreign, whole at every moment."""

from __future__ import annotations

import itertools
import os
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from yolov3.darknet.graph import DarknetGraph, build_graph
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.files.atomic import file_sha256
from yolov3.formats.checkpoint import (
    FORMAT,
    VERSION,
    check_weights,
    checkpoint_content,
    load_checkpoint,
    model_from_content,
    read_checkpoint,
    save_checkpoint,
)
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

MEANING = ModelMeaning(
    ("a", "b"), Preprocessing(size=(96, 128), fit="stretch", resize="darknet", fill=0.4), Suppression("diou", 0.7)
)


def tiny(classes: int = 2) -> YOLOv3:
    return YOLOv3(
        variant="yolov3-tiny", width=0.0625, num_classes=classes, anchors=[[[50, 60]], [[10, 12]]], xy_scale=1.05
    )


def save(path) -> YOLOv3:
    network = tiny()
    save_checkpoint(path, network, meaning=MEANING, experiment={"recipe": "darknet"})
    return network.eval()


def test_a_file_alone_rebuilds_its_model(tmp_path):
    path = tmp_path / "model.pt"
    network = save(path)
    loaded = load_checkpoint(path)
    assert not loaded.network.training
    images = torch.rand(1, 3, 96, 128)
    for ours, theirs in zip(network(images), loaded.network(images)):
        assert torch.equal(ours, theirs)
    assert loaded.network.levels == network.levels
    assert loaded.meaning == MEANING
    assert loaded.experiment == {"recipe": "darknet"}
    assert loaded.source == str(path)
    assert loaded.description == "yolov3-tiny x0.0625, 2 classes, 96x128 stretch"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.pt", "model.pt.sha256"]


def test_classifier_too(tmp_path):
    path = tmp_path / "classifier.pt"
    network = Darknet53Classifier(num_classes=3, width=0.0625).eval()
    save_checkpoint(path, network, meaning=ModelMeaning(("a", "b", "c")))
    loaded = load_checkpoint(path)
    assert isinstance(loaded.network, Darknet53Classifier)
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded.network(images), network(images))


def test_a_graph_too(tmp_path):
    path = tmp_path / "graph.pt"
    graph = build_graph(native_plan(tiny(), (64, 96))).eval()
    save_checkpoint(path, graph, meaning=MEANING)
    loaded = load_checkpoint(path)
    assert isinstance(loaded.network, DarknetGraph)
    assert loaded.network.plan == graph.plan
    images = torch.rand(1, 3, 64, 64)
    for ours, theirs in zip(graph(images), loaded.network(images)):
        assert torch.equal(ours, theirs)


def test_it_holds_tensors_and_plain_values_only(tmp_path):
    network, average = tiny(), {name: tensor + 1 for name, tensor in tiny().state_dict().items()}
    content = checkpoint_content(network, meaning=MEANING, weights=average, training={"epoch": 3})
    assert (content["format"], content["version"]) == (FORMAT, VERSION)
    assert content["weights"] is average
    save_checkpoint(tmp_path / "a.pt", network, meaning=MEANING, weights=average, training={"epoch": 3})
    read = read_checkpoint(tmp_path / "a.pt")
    assert read.keys() == content.keys()
    assert (read["training"], read["experiment"]) == ({"epoch": 3}, None)
    assert all(torch.equal(tensor, average[name]) for name, tensor in read["weights"].items())


def test_a_file_names_its_own_digest(tmp_path):
    path = tmp_path / "model.pt"
    save(path)
    assert (tmp_path / "model.pt.sha256").read_text() == f"{file_sha256(path)}  model.pt\n"
    save(path)
    assert (tmp_path / "model.pt.sha256").read_text() == f"{file_sha256(path)}  model.pt\n"


def test_a_file_that_cannot_be_written_leaves_the_old_one_whole(tmp_path):
    path = tmp_path / "model.pt"
    save(path)
    before = path.read_bytes()
    (tmp_path / ".model.pt.tmp").mkdir()  # in the way of the new one
    with pytest.raises(UserError, match="cannot be written"):
        save(path)
    assert path.read_bytes() == before
    assert load_checkpoint(path).names == ("a", "b")
    with pytest.raises(UserError, match="cannot be written"):
        save(tmp_path / "none" / "model.pt")


def test_the_previous_checkpoint_is_kept_and_named_when_the_last_is_damaged(tmp_path):
    path, previous = tmp_path / "last.pt", tmp_path / "last-previous.pt"
    for number in range(3):
        network = YOLOv3(num_classes=2, variant="yolov3-tiny", width=0.0625)
        torch.nn.init.constant_(network.heads[0].predict.bias, float(number))
        save_checkpoint(path, network, keep_previous=True, meaning=ModelMeaning(("a", "b")))
    biases = [read_checkpoint(place)["weights"]["heads.0.predict.bias"][0].item() for place in (path, previous)]
    assert biases == [2.0, 1.0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"damaged.*last-previous\.pt is the one before it"):
        read_checkpoint(path)
    assert read_checkpoint(previous)["names"] == ["a", "b"]


def test_the_first_checkpoint_has_no_predecessor(tmp_path):
    save_checkpoint(tmp_path / "last.pt", tiny(), meaning=MEANING, keep_previous=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.pt", "last.pt.sha256"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable as a checkpoint (the file is empty)"),
        (b"<!doctype html><html>", "not readable as a checkpoint (it looks like a web page)"),
        (b"garbage" * 100, "not readable as a checkpoint (it looks like text)"),
        (bytes(range(128, 256)) * 9, "not readable as a checkpoint (unknown content)"),
        (
            b"PK\x03\x04" + bytes(100),
            "not readable as a checkpoint (damaged, cut off, or made with pickled classes, which are never loaded: no "
            "archive of PyTorch's, or cut off)",
        ),
    ],
    ids=["empty", "page", "text", "bytes", "archive"],
)
def test_foreign_and_empty_files_are_refused(tmp_path, content, message):
    path = tmp_path / "file.pt"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_file_is_named(tmp_path):
    for path, told in (
        (tmp_path / "none.pt", "no such weights file"),
        (tmp_path, "cannot be read: a folder, not a file"),
    ):
        with pytest.raises(UserError) as caught:
            load_checkpoint(path)
        assert str(caught.value) == f"{path}: {told}"


@pytest.mark.parametrize("start", [b"", b"\x80\x02", b"\x80\x02}q\x00", b"PK\x03\x04"])
def test_any_bytes_are_refused_in_one_line(tmp_path, start):
    path = tmp_path / "file.pt"
    generator = random.Random(0)
    for _ in range(300):
        path.write_bytes(start + generator.randbytes(generator.randrange(1, 200)))
        with pytest.raises(UserError, match=r"\A.*file\.pt: [^\n]*\Z"):
            load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"model": torch.zeros(3)},
            "a PyTorch file, but not a checkpoint of this project (no format: yolov3-checkpoint)",
        ),
        ([1, 2], "a PyTorch file, but not a checkpoint of this project (no format: yolov3-checkpoint)"),
        ({"format": FORMAT, "version": 99}, "checkpoint version 99; this program reads version 1"),
        ({"format": FORMAT}, "checkpoint version None; this program reads version 1"),
    ],
)
def test_files_of_other_programs_and_versions_are_refused(tmp_path, content, message):
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(UserError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == f"{path}: {message}"


def wrong_contents() -> dict[str, dict[str, object]]:
    """A sound content with one part of it wrong each."""
    sound = checkpoint_content(tiny(), meaning=MEANING)
    model, fitting = sound["model"], sound["preprocessing"]
    changes: dict[str, dict[str, object]] = {
        "no model": {"model": None},
        "a number for a model": {"model": 3},
        "unknown kind": {"model": {**model, "kind": "yolov9"}},
        "unknown variant": {"model": {**model, "variant": 3}},
        "width is a word": {"model": {**model, "width": "1"}},
        "width is no number": {"model": {**model, "width": float("nan")}},
        "classes are a word": {"model": {**model, "num_classes": "2"}},
        "no classes": {"model": {**model, "num_classes": 0}},
        "anchors are a number": {"model": {**model, "anchors": 3}},
        "anchors are words": {"model": {**model, "anchors": [[["a", "b"]]] * 2}},
        "a level without anchors": {"model": {**model, "anchors": [[], []]}},
        "unknown key": {"model": {**model, "more": 1}},
        "graph without cfg": {"model": {"kind": "darknet-graph"}},
        "no names": {"names": None},
        "no fitting": {"preprocessing": None},
        "empty fitting": {"preprocessing": {}},
        "impossible size": {"preprocessing": {**fitting, "size": [33, 32]}},
        "three sides": {"preprocessing": {**fitting, "size": [32, 32, 32]}},
        "sides are words": {"preprocessing": {**fitting, "size": ["a", "b"]}},
        "unknown fit": {"preprocessing": {**fitting, "fit": "crop"}},
        "unknown key of fitting": {"preprocessing": {**fitting, "more": 1}},
        "no rule": {"nms": None},
        "unknown rule": {"nms": {"kind": "corners", "diou_exponent": 0.6}},
        "exponent is no number": {"nms": {"kind": "diou", "diou_exponent": float("nan")}},
        "width beyond memory": {"model": {**model, "width": 1e9}},
        "classes beyond memory": {"model": {**model, "num_classes": 10**9}},
        "a graph's cfg is a number": {"model": {"kind": "darknet-graph", "cfg": 3}},
        "a graph's cfg is none": {"model": {"kind": "darknet-graph", "cfg": "x"}},
        "more names than classes": {"names": ["a", "b", "c"]},
        "names are numbers": {"names": [1, 2]},
        "no weights": {"weights": None},
        "weights of nothing": {"weights": {}},
        "weights are no tensors": {"weights": dict.fromkeys(sound["weights"], 3)},
        "weights are sparse": {"weights": {name: tensor.to_sparse() for name, tensor in sound["weights"].items()}},
        "weights without memory": {"weights": {name: tensor.to("meta") for name, tensor in sound["weights"].items()}},
    }
    wrong = {name: {**sound, **change} for name, change in changes.items()}
    missing = {f"without {key}": {k: v for k, v in sound.items() if k != key} for key in sound}
    return wrong | {name: content for name, content in missing.items() if "training" not in name}


@pytest.mark.parametrize(("name", "content"), wrong_contents().items(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_well_formed_file_of_wrong_content_is_refused_in_one_line(tmp_path, name, content):
    path = tmp_path / "wrong.pt"
    torch.save(content, path)
    with pytest.raises(UserError) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_content_is_a_model_wherever_it_came_from(tmp_path):
    network = tiny()
    model = model_from_content(checkpoint_content(network, meaning=MEANING), tmp_path / "anywhere")
    assert model.meaning == MEANING
    assert model.source == str(tmp_path / "anywhere")
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in model.network.state_dict().items())


def test_pickled_code_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "executed"),))

    torch.save({"format": "yolov3-checkpoint", "x": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match="not readable as a checkpoint"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "executed").exists()


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path):
    path = tmp_path / "model.pt"
    save(path)
    whole = path.read_bytes()
    generator = random.Random(0)
    for _ in range(20):
        place = generator.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << generator.randrange(8))]) + whole[place + 1 :])
        with pytest.raises(UserError, match="damaged"):
            load_checkpoint(path)
    (tmp_path / "model.pt.sha256").unlink()
    for share in (0.0, 0.01, 0.3, 0.7, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError, match="not readable"):
            load_checkpoint(path)


def test_weights_of_another_network_are_named():
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    other = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=5).state_dict()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(UserError, match=r"heads\.0\.predict\.weight is \(30, 32, 1, 1\), needed \(21, 32, 1, 1\)"):
        check_weights(network, other, "other.pt")
    with pytest.raises(UserError, match=r"other\.pt: .*is missing; .* and \d+ more$"):
        check_weights(network, {}, "other.pt")
    with pytest.raises(UserError, match=r"another network: x is not known$"):
        check_weights(network, {**network.state_dict(), "x": torch.zeros(1)}, "other.pt")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


class Disk:
    """What a disk may hold after its computer lost its power: of the names that changed since the folder was last synced
    some have changed and others not. ``states`` are all such contents of a folder, from a trace of what was done to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.durable = {file.name: file.read_bytes() for file in folder.iterdir()}
        self.pending: list[tuple[str, bytes | None]] = []
        self.synced: set[int] = set()
        self.states: list[dict[str, bytes]] = []

    def changed(self, name: str, content: bytes | None) -> None:
        self.pending.append((name, content))
        for kept in itertools.product((False, True), repeat=len(self.pending)):
            self.states.append(self._with(change for change, is_kept in zip(self.pending, kept) if is_kept))

    def sync(self) -> None:
        self.durable, self.pending = self._with(self.pending), []

    def _with(self, changes: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes]:
        state = dict(self.durable)
        for name, content in changes:
            state[name] = content
        return {name: content for name, content in state.items() if content is not None}


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """The folder ``run`` as a disk; a file that is renamed before it was synced may be empty."""
    folder = tmp_path / "run"
    folder.mkdir()
    disk = Disk(folder)
    replace, fsync, unlink, link = Path.replace, os.fsync, Path.unlink, Path.hardlink_to

    def traced_replace(self: Path, target: Path) -> Path:
        content = self.read_bytes() if self.stat().st_ino in disk.synced else b""
        done = replace(self, target)
        disk.changed(target.name, content)
        return done

    def traced_fsync(descriptor: int) -> None:
        fsync(descriptor)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            disk.sync()
        disk.synced.add(status.st_ino)

    def traced_unlink(self: Path, missing_ok: bool = False) -> None:
        unlink(self, missing_ok)
        disk.changed(self.name, None)

    def traced_link(self: Path, target: Path) -> None:
        link(self, target)
        disk.changed(self.name, target.read_bytes())

    for owner, name, traced in (
        (Path, "replace", traced_replace),
        (Path, "unlink", traced_unlink),
        (Path, "hardlink_to", traced_link),
        (os, "fsync", traced_fsync),
    ):
        monkeypatch.setattr(owner, name, traced)
    return disk


@pytest.mark.parametrize("keep_previous", [False, True])
def test_every_state_that_a_lost_power_can_leave_is_loadable(disk, tmp_path, keep_previous):
    path = disk.folder / "model.pt"
    for number in range(3):
        network = tiny()
        torch.nn.init.constant_(network.heads[0].predict.bias, float(number))
        save_checkpoint(path, network, meaning=MEANING, keep_previous=keep_previous)
        if number == 0:
            disk.states.clear()  # before the first one is finished there may be none
    assert len(disk.states) > 8
    distinct = {tuple(sorted(state.items())) for state in disk.states}
    for count, state in enumerate(distinct):
        place = tmp_path / f"state-{count}"
        place.mkdir()
        for name, content in state:
            (place / name).write_bytes(content)
        assert load_checkpoint(place / "model.pt").names == ("a", "b")
        if (place / "model-previous.pt").exists():
            assert load_checkpoint(place / "model-previous.pt").names == ("a", "b")


def test_of_several_writers_of_one_file_the_last_one_wins_whole(tmp_path):
    path, networks = tmp_path / "model.pt", [tiny(), tiny()]
    for _ in range(10):
        start = threading.Barrier(2)

        def write(network, start=start) -> None:
            start.wait()
            save_checkpoint(path, network, meaning=MEANING, keep_previous=True)

        writers = [threading.Thread(target=write, args=(network,)) for network in networks]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        weights = load_checkpoint(path).network.state_dict()
        assert any(
            all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
            for network in networks
        )
        assert (tmp_path / "model.pt.sha256").read_text() == f"{file_sha256(path)}  model.pt\n"
    assert {file.name for file in tmp_path.iterdir()} <= {
        f"{name}.pt{digest}" for name in ("model", "model-previous") for digest in ("", ".sha256")
    }


WRITER = """
import os, signal, sys, time
from pathlib import Path
import torch
from yolov3.models.yolov3 import YOLOv3
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.structures import ModelMeaning
network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=2)
for delay in sys.stdin:
    child = os.fork()
    if child == 0:  # saves for ever, each time other weights
        while True:
            for tensor in network.parameters():
                tensor.data.add_(1)
            save_checkpoint(Path(sys.argv[1]), network, keep_previous=True, meaning=ModelMeaning(("a", "b")))
    time.sleep(float(delay))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to kill a process that is in the midst of it")
@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])])
def test_kill_while_writing_leaves_loadable_files(tmp_path, kills):
    path = tmp_path / "model.pt"
    generator = random.Random(kills)
    command = [sys.executable, "-c", WRITER, str(path)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    with subprocess.Popen(command, **pipes) as writer:
        print(2.0, file=writer.stdin, flush=True)  # long enough for a first file and its predecessor
        assert writer.stdout.readline() == "killed\n"
        for _ in range(kills):
            print(generator.uniform(0, 0.4), file=writer.stdin, flush=True)
            assert writer.stdout.readline() == "killed\n"
            for file in (path, tmp_path / "model-previous.pt"):
                assert load_checkpoint(file).names == ("a", "b")
        writer.stdin.close()
    # What a killed writer left under other names is not mistaken for anything.
    assert {file.name for file in tmp_path.glob("*.pt")} >= {"model.pt", "model-previous.pt"}
