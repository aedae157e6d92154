"""Columns in, columns out; rows that cannot be used say why; and under Ray Data no row is lost or doubled, whoever dies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from yolov3 import BatchDetector, Detector, UserError
from yolov3.images.files import read_image

HOW = {"confidence": 0.3, "device": "cpu"}


@pytest.fixture(scope="module")
def table(weights) -> BatchDetector:
    return BatchDetector(weights, **HOW)


@pytest.fixture(scope="module")
def paths(images) -> list[Path]:
    return sorted(images.rglob("*.jpg"))


@pytest.mark.parametrize("column", ["image", "bytes", "path"])
def test_the_answer_is_what_the_detector_finds(table, weights, paths, column):
    images = [read_image(path) for path in paths]
    given = {
        "path": np.array([str(path) for path in paths]), "bytes": [path.read_bytes() for path in paths], "image": images,
    }  # fmt: skip
    batch = {column: given[column]} if column != "bytes" else {"path": given["path"], "bytes": given["bytes"]}
    answer = table(batch)
    found = Detector(weights, **HOW).detect_batch(images)
    assert answer["boxes"] == [each.boxes.tolist() for each in found]
    assert answer["scores"] == [each.scores.tolist() for each in found]
    assert answer["labels"] == [each.labels.tolist() for each in found]
    assert answer["names"] == [[one.name for one in each] for each in found]
    assert list(zip(answer["height"], answer["width"])) == [image.shape[:2] for image in images]
    assert answer["problem"] == [""] * len(paths)
    assert ("path" in answer) == (column != "image")
    assert sum(map(len, found)) > 5


def test_a_row_that_cannot_be_used_says_why_and_moves_no_other(table, paths, tmp_path):
    wrong = [tmp_path / "none.jpg", tmp_path / "text.jpg"]
    wrong[1].write_text("no image\x1b[31m")
    rows = [paths[0], *wrong, paths[1]]
    answer = table({"path": [str(path) for path in rows]})
    alone = table({"path": [str(path) for path in paths[:2]]})
    for column in ("boxes", "scores", "labels", "names", "width", "height"):
        assert [answer[column][0], answer[column][3]] == alone[column]
        assert not any(answer[column][1:3]) or column in ("boxes", "scores", "labels", "names")
    assert [bool(problem) for problem in answer["problem"]] == [False, True, True, False]
    assert all(str(path) in problem for path, problem in zip(wrong, answer["problem"][1:3]))
    (told,) = table({"bytes": [b"no image"]})["problem"]
    assert told.startswith("the bytes of an image: ") and table({"path": np.array([], str)})["boxes"] == []


def test_nothing_to_look_at(table):
    with pytest.raises(UserError, match="needs one of the columns image, bytes, path, found a, b"):
        table({"a": [1], "b": [2]})


PROGRAM = """
import json, os, signal, sys, threading, time
from pathlib import Path
import pandas
import ray
from yolov3 import BatchDetector

weights, images, output = sys.argv[1:]

class Slow(BatchDetector):
    def __call__(self, batch):
        Path(output, f"pid-{os.getpid()}").touch()
        time.sleep(0.05)
        return super().__call__(batch)

def kill_one():
    while not (found := list(Path(output).glob("pid-*"))):
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(int(found[0].name[4:]), signal.SIGKILL)
    print("killed", flush=True)

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
threading.Thread(target=kill_one, daemon=True).start()
found = ray.data.read_binary_files(images, include_paths=True).map_batches(
    Slow, fn_constructor_args=(weights,), fn_constructor_kwargs={"confidence": 0.3, "device": "cpu"}, batch_size=2,
    compute=ray.data.ActorPoolStrategy(size=2), num_cpus=0.5,
)
found.write_parquet(output + "/found")
table = pandas.read_parquet(output + "/found").sort_values("path")
boxes = [[list(map(float, box)) for box in row] for row in table["boxes"]]
Path(output, "answer.json").write_text(json.dumps([list(table["path"]), boxes, list(table["problem"])]))
"""


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("ray_here")
def test_ray_data_gives_every_image_once_whoever_dies(weights, paths, tmp_path):
    """Two actors, one of which is killed while it has a batch: what it had is done again by another."""
    images = tmp_path / "images"
    images.mkdir()
    for number in range(40):
        shutil.copy(paths[number % len(paths)], images / f"{number:03d}.jpg")
    (images / "999.jpg").write_bytes(b"no image")
    environment = os.environ | {
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(weights), str(images), str(tmp_path)], capture_output=True, text=True,
        env=environment, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed" in done.stdout
    names, boxes, problems = json.loads((tmp_path / "answer.json").read_text())
    assert [Path(name).name for name in names] == sorted(path.name for path in images.iterdir()), "each once"
    assert [bool(problem) for problem in problems] == [False] * 40 + [True]
    expected = [each.boxes.numpy() for each in Detector(weights, **HOW).folder(images)]
    for found, alone in zip(boxes, expected):
        np.testing.assert_allclose(np.array(found).reshape(-1, 4), alone, atol=0.01)
