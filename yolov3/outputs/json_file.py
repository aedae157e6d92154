"""``detections.json``: a list with an object per frame, ours or Darknet's, written as they come and whole at every moment."""

from __future__ import annotations

import json
from pathlib import Path

from yolov3.files.growing import GrowingText
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.darknet_form import plain_as_darknet
from yolov3.outputs.output import Output, Result


class JsonFile(Output):
    """One file for all frames."""

    def __init__(self, folder: Path, *, darknet: bool = False) -> None:
        self._text = GrowingText(folder / "detections.json", "[", "\n]\n")
        self._separator = "\n"
        self._darknet, self._frames = darknet, 0

    def write(self, result: Result) -> None:
        self._frames += 1
        plain = plain_as_darknet(result, self._frames) if self._darknet else result.as_plain()
        self._text.add(self._separator + json.dumps(plain, ensure_ascii=False))
        self._separator = ",\n"

    def close(self) -> None:
        self._text.close()


def open_output(folder: Path, options: OutputOptions) -> JsonFile:
    """The file in a folder."""
    return JsonFile(folder, darknet=options.darknet)
