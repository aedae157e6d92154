"""``detections.csv``: a row per box."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from yolov3.files.growing import GrowingText
from yolov3.files.spreadsheet import spreadsheet_safe
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result

COLUMNS = ("source", "frame", "seconds", "class", "name", "score", "left", "top", "right", "bottom")
TRACK = "track"
"""One more column, where sources are followed."""


class CsvTable(Output):
    """One file for all frames."""

    def __init__(self, folder: Path, *, followed: bool = False) -> None:
        self._followed = followed
        columns = (*COLUMNS, TRACK) if followed else COLUMNS
        self._text = GrowingText(folder / "detections.csv", ",".join(columns) + "\n")

    def write(self, result: Result) -> None:
        frame = result.frame
        rows = io.StringIO(newline="")
        writer = csv.writer(rows, lineterminator="\n")
        index = "" if frame.index is None else frame.index
        seconds = "" if frame.seconds is None else f"{frame.seconds:.3f}"
        for found in result.detections:
            name = spreadsheet_safe(found.name)
            row = (spreadsheet_safe(frame.source), index, seconds, found.label, name, f"{found.score:.6f}")
            track = ("" if found.track is None else found.track,) if self._followed else ()
            writer.writerow((*row, *(f"{value:.2f}" for value in found.box), *track))
        self._text.add(rows.getvalue())

    def close(self) -> None:
        self._text.close()


def open_output(folder: Path, options: OutputOptions) -> CsvTable:
    """The file in a folder."""
    return CsvTable(folder, followed=options.followed)
