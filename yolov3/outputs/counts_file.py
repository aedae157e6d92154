"""``counts.json``: for each video or stream what passed the lines and was in the zones, as it stood after its last frame,
or not long ago where it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yolov3.files.atomic import write_text_atomically
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result, printable

EVERY = 300  # frames: a stream may never end, and a machine may be switched off


class CountsFile(Output):
    """One file for all sources; written anew with each that ends and every :data:`EVERY` frames."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "counts.json"
        self._counts: dict[str, dict[str, Any]] = {}
        self._frames = 0

    def write(self, result: Result) -> None:
        followed = result.followed
        if followed is not None and followed.counted is not None:
            source = printable(result.frame.source)
            self._counts[result.name] = {"source": source, "frame": result.frame.index, **followed.counted.plain}
            self._frames += 1
            if self._frames % EVERY == 0:
                self._write()

    def end(self, name: str) -> None:
        if name in self._counts:
            self._write()

    def close(self) -> None:
        if self._counts:
            self._write()

    def _write(self) -> None:
        write_text_atomically(self._path, json.dumps(list(self._counts.values()), ensure_ascii=False, indent=1) + "\n")


def open_output(folder: Path, options: OutputOptions) -> CountsFile:
    """The file in a folder."""
    return CountsFile(folder)
