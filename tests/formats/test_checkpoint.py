"""The checkpoint: there and back, refused when damaged or foreign, whole at every moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
import torch

from yolov3.errors import UserError
from yolov3.files.atomic import write_atomically
from yolov3.formats.checkpoint import load_weights, read_checkpoint, save_checkpoint
from yolov3.formats.load import load_model
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Preprocessing

PREPROCESSING = Preprocessing(size=(96, 128), fit="stretch", resize="darknet", fill=0.4)


def save(path, **changes):
    network = YOLOv3(
        variant="yolov3-tiny", width=0.0625, num_classes=2, anchors=[[[50, 60]], [[10, 12]]], xy_scale=1.05
    )
    save_checkpoint(path, network, names=("a", "b"), preprocessing=PREPROCESSING, experiment={"recipe": "darknet"})
    return network.eval()


def test_a_file_alone_rebuilds_its_model(tmp_path):
    path = tmp_path / "model.pt"
    network = save(path)
    loaded = load_model(path)
    images = torch.rand(1, 3, 96, 128)
    for ours, theirs in zip(network(images), loaded.network(images)):
        assert torch.equal(ours, theirs)
    assert loaded.network.levels == network.levels
    assert loaded.names == ("a", "b")
    assert loaded.preprocessing == PREPROCESSING
    assert loaded.experiment == {"recipe": "darknet"}
    assert "yolov3-tiny" in loaded.description and "2 classes" in loaded.description
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.pt", "model.pt.sha256"]


def test_classifier_too(tmp_path):
    path = tmp_path / "classifier.pt"
    network = Darknet53Classifier(num_classes=3, width=0.0625)
    save_checkpoint(path, network, names=("a", "b", "c"), preprocessing=PREPROCESSING)
    assert isinstance(load_model(path).network, Darknet53Classifier)


def test_the_previous_checkpoint_is_kept_and_named_when_the_last_is_damaged(tmp_path):
    path, previous = tmp_path / "last.pt", tmp_path / "last-previous.pt"
    for number in range(3):
        network = YOLOv3(num_classes=2, variant="yolov3-tiny", width=0.0625)
        torch.nn.init.constant_(network.heads[0].predict.bias, float(number))
        save_checkpoint(path, network, keep_previous=True, names=("a", "b"), preprocessing=Preprocessing())
    biases = [read_checkpoint(place)["weights"]["heads.0.predict.bias"][0].item() for place in (path, previous)]
    assert biases == [2.0, 1.0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"damaged.*last-previous\.pt is the one before it"):
        read_checkpoint(path)
    assert read_checkpoint(previous)["names"] == ["a", "b"]


def test_missing_foreign_and_empty_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such weights file"):
        load_model(tmp_path / "none.pt")
    with pytest.raises(UserError, match="must be one of"):
        (tmp_path / "model.xyz").write_bytes(b"x")
        load_model(tmp_path / "model.xyz")
    cases = {
        b"": "empty",
        b"<!doctype html><html>": "web page",
        b"garbage" * 100: "unknown content",
    }
    for content, words in cases.items():
        path = tmp_path / "file.pt"
        path.write_bytes(content)
        with pytest.raises(UserError, match=words):
            load_model(path)
    torch.save({"model": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="not a checkpoint of this project"):
        load_model(tmp_path / "other.pt")


def test_pickled_code_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "executed"),))

    torch.save({"format": "yolov3-checkpoint", "x": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match="not readable as a checkpoint"):
        load_model(tmp_path / "evil.pt")
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
            load_model(path)
    (tmp_path / "model.pt.sha256").unlink()
    for share in (0.0, 0.01, 0.3, 0.7, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError, match="not readable"):
            load_model(path)


def test_weights_of_another_network_are_named():
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    other = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=5).state_dict()
    with pytest.raises(UserError, match=r"heads\.0\.predict\.weight is \(30, 32, 1, 1\), needed \(21, 32, 1, 1\)"):
        load_weights(network, other, "other.pt")
    with pytest.raises(UserError, match="is missing"):
        load_weights(network, {}, "other.pt")


def test_a_failed_write_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(stream):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        write_atomically(path, fail)
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["file"]
    with pytest.raises(UserError, match="cannot be written"):
        write_atomically(tmp_path / "missing" / "file", lambda stream: stream.write(b"x"))


WRITER = """
import os, signal, sys, time
from pathlib import Path
import torch
from yolov3.models.yolov3 import YOLOv3
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.structures import Preprocessing
network = YOLOv3(variant="yolov3-tiny", width=0.25, num_classes=2)
for delay in sys.stdin:
    child = os.fork()
    if child == 0:  # saves for ever, each time other weights
        while True:
            for tensor in network.parameters():
                tensor.data.add_(1)
            save_checkpoint(
                Path(sys.argv[1]), network, keep_previous=True, names=("a", "b"), preprocessing=Preprocessing()
            )
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
                assert load_model(file).names == ("a", "b")
        writer.stdin.close()
    # What a killed writer left under other names is not mistaken for anything.
    assert {file.name for file in tmp_path.glob("*.pt")} >= {"model.pt", "model-previous.pt"}
