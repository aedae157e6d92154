"""The numbers of a run: ``results.csv`` (one row per epoch, the same in every repetition), ``timing.csv`` (what differs
between repetitions), TensorBoard where it is installed. Plots are made later from these."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.files.atomic import write_text_atomically
from yolov3.files.growing import append_text
from yolov3.files.spreadsheet import spreadsheet_safe
from yolov3.images.files import write_image
from yolov3.journal.rows import EpochRow, TimingRow


class Recorder:
    """Writes into the folder of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._board = _open_board(folder)

    def record(self, history: Sequence[EpochRow], timing: TimingRow) -> None:
        """Write the whole of ``results.csv`` anew (a resumed run leaves no row twice) and add a row of timing."""
        last = history[-1]
        write_text_atomically(self.folder / "results.csv", _as_csv(last.columns(), [row.as_plain() for row in history]))
        path = self.folder / "timing.csv"
        head = "" if path.exists() else ",".join(each.name for each in fields(timing)) + "\n"
        append_text(path, head + ",".join(f"{value:g}" for value in timing.as_plain().values()) + "\n")
        if self._board is not None:
            for name, value in {**last.as_plain(), **timing.as_plain()}.items():
                if name != "epoch" and value is not None:
                    self._board.add_scalar(name, value, last.epoch)

    def classes(self, scores: Mapping[str, float | None], epoch: int) -> None:
        """Add the AP of each class, by its name, to ``classes.csv``: a row for each that has one. A resumed run may repeat an
        epoch; its last rows count."""
        path = self.folder / "classes.csv"
        rows = [
            {"epoch": epoch, "class": spreadsheet_safe(name), "AP": f"{value:.6f}"}
            for name, value in scores.items()
            if value is not None
        ]
        text = _as_csv(("epoch", "class", "AP"), rows)
        append_text(path, text.partition("\n")[2] if path.exists() else text)
        if self._board is not None:
            for name, value in scores.items():
                if value is not None:
                    self._board.add_scalar(f"AP of classes/{name}", value, epoch)

    def image(self, name: str, image_rgb: np.ndarray, epoch: int) -> None:
        """Keep the newest (H, W, 3) uint8 image of this name as ``NAME.png``, all of them in TensorBoard."""
        write_image(self.folder / f"{name}.png", image_rgb)
        if self._board is not None:
            self._board.add_image(name, image_rgb, epoch, dataformats="HWC")

    def close(self) -> None:
        """Flush what TensorBoard holds back."""
        if self._board is not None:
            self._board.close()


def _as_csv(columns: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _open_board(folder: Path) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder / "tensorboard")
