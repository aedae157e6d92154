"""``detections.json``: a list with an object per frame, written as they come and closed properly at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result


class JsonFile(Output):
    """One file for all frames."""

    def __init__(self, folder: Path) -> None:
        self._stream: TextIO = (folder / "detections.json").open("w", encoding="utf-8")
        self._stream.write("[")
        self._separator = "\n"

    def write(self, result: Result) -> None:
        self._stream.write(self._separator + json.dumps(result.as_plain(), ensure_ascii=False))
        self._separator = ",\n"

    def close(self) -> None:
        self._stream.write("\n]\n")
        self._stream.close()


def open_output(folder: Path, options: OutputOptions) -> JsonFile:
    """The file in a folder."""
    return JsonFile(folder)
