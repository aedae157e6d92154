"""What was found as json, an object per frame, ours or Darknet's, written as they come and whole at every moment: a list in
``detections.json``, or JSON Lines in ``detections.jsonl`` or on the standard output, for a program that reads along."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from yolov3.files.growing import GrowingText
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.darknet_form import plain_as_darknet
from yolov3.outputs.output import Output, Result


def _plain(result: Result, number: int, *, darknet: bool) -> dict[str, Any]:
    """The object of a frame, the ``number``-th of all."""
    return plain_as_darknet(result, number) if darknet else result.as_plain()


class JsonFile(Output):
    """One file for all frames."""

    def __init__(self, folder: Path, *, darknet: bool = False) -> None:
        self._text = GrowingText(folder / "detections.json", "[", "\n]\n")
        self._separator = "\n"
        self._darknet, self._frames = darknet, 0

    def write(self, result: Result) -> None:
        self._frames += 1
        plain = _plain(result, self._frames, darknet=self._darknet)
        self._text.add(self._separator + json.dumps(plain, ensure_ascii=False))
        self._separator = ",\n"

    def close(self) -> None:
        self._text.close()


class JsonLines(Output):
    """The objects of all frames; ``detections.jsonl`` of a folder, without one the standard output, in ASCII there, which
    every terminal and pipe can carry."""

    def __init__(self, folder: Path | None, *, darknet: bool = False) -> None:
        self._text = GrowingText(folder / "detections.jsonl", "") if folder is not None else None
        self._darknet, self._frames = darknet, 0

    def write(self, result: Result) -> None:
        self._frames += 1
        plain = _plain(result, self._frames, darknet=self._darknet)
        line = json.dumps(plain, ensure_ascii=self._text is None) + "\n"
        if self._text is not None:
            self._text.add(line)
        else:
            sys.stdout.write(line)
            sys.stdout.flush()

    def close(self) -> None:
        if self._text is not None:
            self._text.close()


def open_output(folder: Path, options: OutputOptions) -> JsonFile:
    """The file in a folder."""
    return JsonFile(folder, darknet=options.darknet)


def open_lines(folder: Path, options: OutputOptions) -> JsonLines:
    """The file of lines in a folder."""
    return JsonLines(folder, darknet=options.darknet)
