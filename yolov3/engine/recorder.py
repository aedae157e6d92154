"""The numbers of a run: ``results.csv`` (one row per epoch, the same in every repetition), ``timing.csv`` (what differs
between repetitions), TensorBoard where it is installed. Plots are made later from these."""

from __future__ import annotations

import csv
import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.formats.atomic import write_text_atomically
from yolov3.images import write_image

RESULT_COLUMNS = (
    "epoch",
    "train/box",
    "train/obj",
    "train/cls",
    "metrics/AP50",
    "metrics/AP",
    "metrics/AP_train",
    "learning_rate",
    "skipped_steps",
)
TIMING_COLUMNS = ("epoch", "images_per_second", "data_wait_share", "seconds")


class Recorder:
    """Writes into the folder of a run. ``history`` rows are dicts with RESULT_COLUMNS; None is an empty cell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._board = _open_board(folder)

    def record(self, history: list[dict[str, Any]], timing: dict[str, float]) -> None:
        """Write the whole of ``results.csv`` anew (a resumed run leaves no row twice) and add a row of timing."""
        write_text_atomically(self.folder / "results.csv", _as_csv(RESULT_COLUMNS, history))
        path = self.folder / "timing.csv"
        head = "" if path.exists() else ",".join(TIMING_COLUMNS) + "\n"
        with path.open("a", encoding="utf-8") as stream:
            stream.write(head + ",".join(f"{timing[column]:g}" for column in TIMING_COLUMNS) + "\n")
        if self._board is not None:
            row = {**history[-1], **timing}
            for name, value in row.items():
                if name != "epoch" and value is not None:
                    self._board.add_scalar(name, value, row["epoch"])

    def classes(self, rows: list[dict[str, Any]], epoch: int) -> None:
        """AP of each class, for TensorBoard alone: the classes of a data set may be thousands."""
        if self._board is not None:
            for row in rows:
                if row["AP"] is not None:
                    self._board.add_scalar(f"AP of classes/{row['name']}", row["AP"], epoch)

    def picture(self, name: str, image_rgb: np.ndarray, epoch: int) -> None:
        """Keep the newest (H, W, 3) uint8 picture of this name as ``NAME.png``, all of them in TensorBoard."""
        write_image(self.folder / f"{name}.png", image_rgb)
        if self._board is not None:
            self._board.add_image(name, image_rgb, epoch, dataformats="HWC")

    def close(self) -> None:
        """Flush what TensorBoard holds back."""
        if self._board is not None:
            self._board.close()


def _as_csv(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> str:
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
