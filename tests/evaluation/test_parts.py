"""Two processes measure what one does, to the last bit; what was begun can be finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.evaluation.evaluate import EvaluateOptions, evaluate
from yolov3.evaluation.parts import divide, evaluate_in_parts
from yolov3.processes.world import World
from yolov3.shapes.dataset import write_shapes_dataset
from yolov3.watching.watcher import Watcher

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory, write_seeing_model) -> Path:
    return write_seeing_model(tmp_path_factory.mktemp("model") / "small.pt", width=0.125)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", train=1, val=21, unseen=0, seed=3)


def without_times(path: Path) -> str:
    text = json.loads(path.read_text())
    for place in (text, text.get("evaluation", {}), text.get("metrics", {})):
        place.pop("timing", None)
        place.pop("made", None)
    return json.dumps(text)


def run(*words: str, processes: int) -> None:
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    program = [sys.executable, *several, str(ROOT / "scripts" / "evaluate.py"), *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Average Precision") == 6, done.stdout


def test_two_processes_write_the_files_of_one(weights, data, tmp_path):
    words = ("--weights", str(weights), "--data", str(data), "--batch-size", "2", "--workers", "1", "--rect")
    for processes in (1, 2):
        run(*words, "--output", str(tmp_path / str(processes)), processes=processes)
    one, two = tmp_path / "1" / "small", tmp_path / "2" / "small"
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in two.iterdir())
    for name in ("predictions.json", "thresholds.yaml"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert without_times(one / "metrics.json") == without_times(two / "metrics.json")
    assert json.loads((two / "metrics.json").read_text())["timing"]["images_per_second"] > 0


class Interrupting(Watcher):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps = 0

    def warn(self, line: str) -> None:
        self.said.append(line)

    def advance(self, done, total=None, *, text=None) -> None:
        self.steps += 1
        if self.steps == 6:
            raise KeyboardInterrupt


def test_what_was_begun_is_finished(weights, data, tmp_path):
    how = {"weights": weights, "data": str(data), "workers": 0, "device": "cpu", "batch_size": 2, "output": tmp_path}
    options = EvaluateOptions(**how)
    whole = evaluate(options, output=None)
    watcher = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        evaluate_in_parts(options, World(), watcher=watcher)
    folder = tmp_path / "small"
    assert f"--resume {folder} goes on" in watcher.said[-1]
    assert len(list((folder / ".parts").glob("*.jsonl"))) == 2
    with pytest.raises(UserError, match=r"was begun with nms_threshold 0\.6, found 0\.5"):
        evaluate_in_parts(EvaluateOptions(**how, nms_threshold=0.5), World(), resume=folder)
    for name in ("000000.jsonl", "000001.jsonl"):
        text = (folder / ".parts" / name).read_text()
        (folder / ".parts" / name).write_text(text.replace("nonfinite", "infinite"))
        if name == "000001.jsonl":
            with pytest.raises(UserError, match="part 1 of the run is damaged"):
                evaluate_in_parts(options, World(), resume=folder)
        (folder / ".parts" / name).write_text(text)
    again = evaluate_in_parts(options, World(), resume=folder)
    assert again.coco == whole.coco and again.detections == whole.detections and again.times.images < 21
    assert again.as_plain()["settings"] == whole.as_plain()["settings"] and not (folder / ".parts").exists()
    with pytest.raises(UserError, match="several processes share an evaluation through its folder"):
        evaluate_in_parts(EvaluateOptions(**how | {"output": None}), World())


@pytest.mark.parametrize(
    ("batches", "batch_size", "processes"), [(0, 4, 2), (1, 4, 2), (11, 2, 2), (313, 16, 8), (62500, 16, 4)]
)
def test_parts_are_whole_batches(batches, batch_size, processes):
    pieces = divide(batches, batch_size, processes)
    assert [place for first, last in pieces for place in range(first, last)] == list(range(batches))
    assert all(0 < (last - first) * batch_size <= 1024 for first, last in pieces)
    if batches > 100:
        assert len(pieces) >= 4 * processes
