"""What a training costs, measured in a process of its own: its memory is nobody else's, and should the system end it for
want of memory, that is an answer."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from yolov3.checks.finding import Finding
from yolov3.config.experiment import Experiment
from yolov3.doctor.costs.cost import TrainingCost
from yolov3.watching.watcher import Watcher

_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from yolov3.doctor.costs.steps import main; main()"
"""With the path of this process, so that both are one program wherever it lies."""

_KILLED = -9
"""By SIGKILL, as Linux does where memory has run out."""


def measure_cost(
    experiment: Experiment, *, free: int | None = None, watcher: Watcher | None = None
) -> TrainingCost | Finding:
    """What a training of ``experiment`` costs on this machine, or why that cannot be said. ``free`` bytes of memory are taken
    for granted (None: what the machine says). Nothing is written, and the weights that a training would start from are not
    needed. It takes half a minute or two, the starting of a process included.

    Raises RuntimeError where the process fails unexpectedly; its traceback is on the error output.
    """
    watcher = watcher or Watcher()
    train = experiment.train.model_copy(update={"weights": None, "freeze_backbone": 0})
    asked = {"experiment": experiment.model_copy(update={"train": train}).as_plain(), "free": free}
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    answer: dict[str, Any] = {}
    try:
        with child.stdin as words:
            json.dump(asked, words)
        for line in child.stdout:
            answer = json.loads(line)
            if "progress" in answer:
                done, total, text = answer["progress"]
                watcher.advance(done, total, text=f"what training costs: {text}")
        code = child.wait()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    if "cost" in answer:
        return TrainingCost.from_plain(answer["cost"])
    if "refused" in answer:
        return Finding(
            "cost-unknown", "note", f"what a training costs was not measured: {answer['refused']}", (), 1,
            "a training would be refused too", "mend what the sentence names",
        )  # fmt: skip
    if code == _KILLED:
        return Finding(
            "memory-short", "warning", "the system ended the process that tried a few steps, as it does where memory ends",
            (), 1, "a training would be ended so too",
            "a smaller train.batch_size or model.image_size, or a larger train.accumulate",
        )  # fmt: skip
    raise RuntimeError(f"the process that measures a few steps ended with exit code {code}")
