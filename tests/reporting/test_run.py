"""A run's folder gets the page of its best weights, with how it learned."""

from __future__ import annotations

from pathlib import Path

from yolov3.config.loading import build_experiment
from yolov3.reporting.report import NUMBERS, REPORT, THRESHOLDS
from yolov3.reporting.run import report_run
from yolov3.training.train import train
from yolov3.watching.watcher import Watcher


class Told(Watcher):
    """Remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def report(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self.done = done


def test_a_run_has_its_page(drawn, tmp_path):
    root: Path = drawn.samples[0].path.parents[1]
    experiment = build_experiment(
        {
            "data": {"root": str(root), "overfit": 1},
            "model": {"variant": "yolov3-tiny", "width": 0.0625, "image_size": 64},
            "train": {
                "epochs": 2,
                "batch_size": 1,
                "workers": 0,
                "device": "cpu",
                "output": str(tmp_path),
                "evaluate_every": 1,
            },
        },
        "test",
    )
    folder = train(experiment, name="run").folder
    told = Told()
    report_run(folder, made_with="yolov3 9.9", device="cpu", watcher=told)
    text = (folder / REPORT).read_text()
    assert "How it learned" in text and "2 epochs" in text and "What a batch looks like" in text
    assert (folder / NUMBERS).is_file() and (folder / THRESHOLDS).is_file()
    assert told.done == 1 and told.lines == [], "what an evaluation would answer is in the page"
