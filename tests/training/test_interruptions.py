"""A run interrupted again and again, in every way, at random moments, ends as the unbroken one: bit for bit."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from yolov3.shapes.dataset import write_shapes_dataset

INTERRUPTIONS = 20
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}


def settings(data: Path, output: Path) -> dict:
    return {
        "data": {"root": str(data)},
        "model": {"variant": "yolov3-tiny", "width": 0.125, "image_size": 96},
        "augment": {"mosaic": 0.5, "mixup": 0.3, "close_mosaic": 1, "flip_vertical": 0.5, "blur": 0.3},
        "train": {
            "epochs": 24, "batch_size": 4, "ema": 0.99, "evaluate_every": 3, "output": str(output), "name": "run",
            "multi_scale": [64, 160], "multi_scale_every": 2, "checkpoint_steps": 3, "device": "cpu",
            "precision": "float32",
        },
    }  # fmt: skip


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "yolov3", "train", *map(str, arguments)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_survives_whatever_happens_to_it(fingerprint, tmp_path, workers):
    data = write_shapes_dataset(tmp_path / "shapes", train=40, val=6, unseen=0, seed=3)
    config = tmp_path / "experiment.yaml"
    config.write_text(yaml.safe_dump(settings(data, tmp_path / "whole")))
    subprocess.run(command(config, f"train.workers={2 - workers}"), check=True, capture_output=True)
    chance = random.Random(7)
    interrupted, done = 0, tmp_path / "broken" / "run"
    arguments: list[object] = [config, f"train.output={tmp_path / 'broken'}", f"train.workers={workers}"]
    while True:
        with subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            number = chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if "writing to" in line and interrupted < INTERRUPTIONS:
                    time.sleep(chance.uniform(0.1, 0.8))  # mid-epoch, in an evaluation, in the writing of a file
                    process.send_signal(number)
            code = process.wait()
        if code == 0:
            break
        assert code == EXIT_CODES[number], "".join(said)[-2000:]
        interrupted += 1
        if (done / "weights" / "last.pt").exists():
            arguments = ["--resume", done]
        else:  # killed before the first checkpoint: nothing can be continued, a new folder is begun
            done = tmp_path / "broken" / f"run-{interrupted + 1}"
    assert interrupted == INTERRUPTIONS
    assert fingerprint(done) == fingerprint(tmp_path / "whole" / "run")
