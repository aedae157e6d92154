"""Whatever path a command is given, one that cannot be had is told in a line and ends with code 2, at once."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from yolov3.cli import main

PLACES = {
    "weights": "detect --weights BAD --source IMAGE --output OUT",
    "weights.pt": "detect --weights BAD.pt --source IMAGE --output OUT",
    "weights.safetensors": "detect --weights BAD.safetensors --source IMAGE --output OUT",
    "weights.weights": "detect --weights BAD.weights --source IMAGE --output OUT",
    "weights.onnx": "evaluate --weights BAD.onnx --data VALIDATION --output OUT",
    "cfg": "detect --weights DARKNET --cfg BAD --source IMAGE --output OUT",
    "names": "detect --weights DARKNET --names BAD --source IMAGE --output OUT",
    "thresholds": "detect --weights MODEL --thresholds BAD --source IMAGE --output OUT",
    "source": "detect --weights MODEL --source BAD --output OUT",
    "list": "detect --weights MODEL --source BAD.txt --output OUT",
    "output": "detect --weights MODEL --source IMAGE --output BAD",
    "data": "evaluate --weights MODEL --data BAD --output OUT",
    "data.yaml": "evaluate --weights MODEL --data BAD.yaml --output OUT",
    "data.json": "evaluate --weights MODEL --data BAD.json --output OUT",
    "data.data": "evaluate --weights MODEL --data BAD.data --output OUT",
    "config": "anchors BAD",
    "config.yaml": "anchors BAD.yaml",
    "root": "anchors data.root=BAD",
    "split": "anchors data.root=DATA data.train=BAD",
    "lists": "anchors data.root=DATA data.lists=BAD",
    "train.weights": "train data.root=DATA data.val=images/train train.weights=BAD.pt train.output=OUT",
    "resume": "train --resume BAD",
    "classifier": "train-classifier BAD --output OUT",
    "classifier's run": "train-classifier --resume BAD",
    "convert from": "convert BAD.pt OUT/a.pt",
    "convert to": "convert MODEL BAD.pt",
    "image": "convert MODEL FOLDER/new.pt --image BAD",
    "export": "export BAD.pt --output OUT",
    "doctor": "doctor BAD",
    "split of": "split BAD --out OUT",
    "split to": "split DATA --out BAD",
    "convert-data": "convert-data BAD OUT --to coco",
    "compare": "compare BAD BAD",
    "configs": "configs --copy BAD",
    "demo": "demo --output BAD --epochs 1 --images 1",
}
BAD = {
    "too long": "FOLDER/" + "n" * 300,
    "far too long": "FOLDER/" + "d/" * 3000 + "x",
    "very far too long": "FOLDER/" + "x" * 200_000,
    "NUL": "FOLDER/a\0b",
    "half a letter": "FOLDER/a\ud800",
    "round": "FOLDER/round/x",
    "below a file": "FOLDER/plain/x/y",
    "steering": "FOLDER/\x1b[2J\u202e\nyolov3: error: forged/x",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory, weights, images, files) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("places")
    for name in ("round.pt", "round"):
        (folder / name).symlink_to(folder / name)
    (folder / "plain").write_text("x")
    assert main(["convert", str(weights), str(folder / "own.weights")]) == 0
    return {
        "FOLDER": str(folder),
        "MODEL": str(weights),
        "DARKNET": str(folder / "own.weights"),
        "IMAGE": str(next(images.glob("*.png"), None) or next(images.iterdir())),
        "DATA": str(files.write_yolo(folder / "data", split="train")),
        "VALIDATION": str(files.write_yolo(folder / "measured")),
        "OUT": str(folder / "out"),
    }


def words_of(place: str, bad: str, places: dict[str, str]) -> list[str]:
    for name, value in places.items():
        bad = bad.replace(name, value)
    words = PLACES[place].split(" ")
    for name, value in {**places, "BAD": bad}.items():
        words = [word.replace(name, value) for word in words]
    return words


WRITTEN = ("output", "convert to", "split to", "configs", "demo")
"""Places of what is made: any name that a system takes is as good as another."""


@pytest.mark.parametrize(
    ("place", "bad"), [(place, bad) for place in PLACES for bad in BAD if bad != "steering" or place not in WRITTEN]
)
def test_a_path_that_nobody_can_have_is_told_in_a_line(places, place, bad, capsys, monkeypatch):
    monkeypatch.chdir(places["FOLDER"])
    before = sorted(os.listdir(places["FOLDER"]))  # noqa: PTH208
    start = time.monotonic()
    code = main(words_of(place, BAD[bad], places))
    printed = capsys.readouterr()
    lines = [line for line in printed.err.split("\n") if line.startswith("yolov3: error: ")]
    assert code == 2, printed
    assert len(lines) == 1 and "forged" not in printed.err.replace(lines[0], "")
    assert len(lines[0]) < 3000
    assert printed.err.replace("\n", "").isprintable()
    printed.err.encode()
    assert time.monotonic() - start < 30
    assert sorted(os.listdir(places["FOLDER"])) == before  # noqa: PTH208


@pytest.mark.parametrize(
    "place",
    [place for place in PLACES if place not in WRITTEN],
)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_nothing_is_waited_for(places, place, kind, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(places["FOLDER"])
    words = next(word for word in PLACES[place].split(" ") if "BAD" in word)
    path = tmp_path / f"special{Path(words.rpartition('=')[2]).suffix}"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    start = time.monotonic()
    code = main(words_of(place, str(tmp_path / "special"), places))
    printed = capsys.readouterr()
    assert code == 2, printed
    assert printed.err.count("yolov3: error: ") == 1 and "special" in printed.err
    assert time.monotonic() - start < 30


def test_what_may_not_be_read_or_written_is_told_in_a_line(unprivileged, weights, images, files):
    """With real permissions, in processes that have no privilege to pass them: a script that runs many commands."""
    folder = unprivileged.folder
    shutil.copy(weights, folder / "model.pt")
    shutil.copytree(images, folder / "images")
    files.write_yolo(folder / "data")
    for name in ("closed", "locked"):
        (folder / name).mkdir()
    shutil.copy(weights, folder / "closed" / "model.pt")
    shutil.copytree(images, folder / "closed" / "images")
    for name in ("secret.pt", "secret.jpg", "secret.txt", "secret.yaml", "secret.mp4"):
        (folder / name).write_text("x")
        (folder / name).chmod(0)
    (folder / "list.txt").write_text("closed/images/a.jpg\n")
    (folder / "closed").chmod(0)
    (folder / "locked").chmod(0o500)
    commands = [
        "detect --weights closed/model.pt --source images --output out",
        "detect --weights secret.pt --source images --output out",
        "detect --weights model.pt --source closed --output out",
        "detect --weights model.pt --source closed/images --output out",
        "detect --weights model.pt --source closed/images/*.png --output out",
        "detect --weights model.pt --source closed/*.png --output out",
        "detect --weights model.pt --source secret.jpg --output out",
        "detect --weights model.pt --source secret.mp4 --output out",
        "detect --weights model.pt --source secret.txt --output out",
        "detect --weights model.pt --source list.txt --output out",
        "detect --weights model.pt --source images --output locked/out",
        "detect --weights model.pt --source images --output closed",
        "detect --weights model.pt --source images --output out --thresholds secret.yaml",
        "evaluate --weights model.pt --data closed --output out",
        "evaluate --weights model.pt --data closed/images --output out",
        "evaluate --weights model.pt --data secret.yaml --output out",
        "evaluate --weights model.pt --data data data.names=[ball,box,star] --output locked/out",
        "anchors secret.yaml",
        "anchors data.root=closed/images",
        "anchors data.root=data data.train=closed/images",
        "train --resume closed",
        "train --resume closed/model.pt",
        "train data.root=data data.train=images/val train.weights=closed/model.pt train.output=out",
        "train-classifier closed/images --output out",
        "convert closed/model.pt out.pt",
        "convert model.pt closed/model.pt",
        "convert model.pt locked/model.safetensors",
        "convert model.pt locked/model.weights",
        "export closed/model.pt --output out",
        "doctor closed/images",
        "split closed/images --out out",
        "convert-data data locked/out --to coco",
        "compare closed closed",
        "configs --copy locked/mine",
        "demo --output locked --epochs 1 --images 1",
    ]
    code = """
import json, sys
from contextlib import redirect_stderr
from io import StringIO
from yolov3.cli import main
found = []
for command in json.load(sys.stdin):
    told = StringIO()
    try:
        with redirect_stderr(told):
            code = main(command.split())
    except Exception as error:
        code = repr(error)
    found.append((command, code, told.getvalue()))
print("\\n" + json.dumps(found))
"""
    done = unprivileged.run("-c", code, given=json.dumps(commands), seconds=300)
    assert done.returncode == 0, done.stderr
    for command, code, told in json.loads(done.stdout.splitlines()[-1]):
        assert code == 2, (command, code, told)
        (line,) = [line for line in told.splitlines() if line.startswith("yolov3: error: ")]
        assert "Permission denied" in line, (command, line)
        assert "closed" in line or "secret" in line or "locked" in line, (command, line)
