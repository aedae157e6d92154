"""``detections.csv``: a row per box."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TextIO

from yolov3.files.spreadsheet import spreadsheet_safe
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result

COLUMNS = ("source", "frame", "seconds", "class", "name", "score", "left", "top", "right", "bottom")


class CsvTable(Output):
    """One file for all frames."""

    def __init__(self, folder: Path) -> None:
        self._stream: TextIO = (folder / "detections.csv").open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, result: Result) -> None:
        frame = result.frame
        index = "" if frame.index is None else frame.index
        seconds = "" if frame.seconds is None else f"{frame.seconds:.3f}"
        for box, score, label in result.rows:
            name = result.detections.name_of(label)
            row = (spreadsheet_safe(frame.source), index, seconds, label, spreadsheet_safe(name), f"{score:.6f}")
            self._writer.writerow((*row, *(f"{value:.2f}" for value in box)))

    def close(self) -> None:
        self._stream.close()


def open_output(folder: Path, options: OutputOptions) -> CsvTable:
    """The file in a folder."""
    return CsvTable(folder)
