"""The page of a run: its best weights measured on its validation images, and how it got there."""

from __future__ import annotations

from pathlib import Path

from yolov3.analysis.analysis import Analysis
from yolov3.evaluation.evaluate import evaluate
from yolov3.reporting.report import Measured, write_report
from yolov3.reporting.training import training_section
from yolov3.watching.watcher import Watcher


def report_run(folder: Path, *, made_with: str, device: str = "auto", watcher: Watcher | None = None) -> Analysis:
    """Write ``report.html``, ``report.json`` and ``thresholds.yaml`` into the folder of a run that has its best weights.
    Raises UserError."""
    evaluation = evaluate(
        weights=folder / "weights" / "best.pt", device=device, watcher=_Progress(watcher or Watcher())
    )
    return write_report(folder, Measured.of(evaluation), made_with=made_with, more=[training_section(folder)])


class _Progress(Watcher):
    """Passes on how far the work is and what to beware of; what an evaluation would answer is in the page."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def warn(self, line: str) -> None:
        self._watcher.warn(line)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self._watcher.advance(done, total, text=text)
