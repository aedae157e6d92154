"""Which outputs there are. Each is a module of this room with ``open_output(folder, options) -> Output``; a line here
gives it its word, its option ``--save-WORD`` and its place in :class:`DetectOptions.save`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.errors import UserError

if TYPE_CHECKING:  # help is there at once
    from yolov3.outputs.output import Output
    from yolov3.videos.opening import Codec

DRAWN = "drawn"
"""The output that is written unless it is not wanted."""

COUNTS = "counts"
"""The output that is written where something is counted."""


@dataclass(frozen=True)
class OutputKind:
    """A module of this room, what it writes, for help, its function that opens it, and whether its files are each of one
    image or video alone."""

    module: str
    help: str
    function: str = "open_output"
    per_image: bool = False


@dataclass(frozen=True)
class OutputOptions:
    """What outputs want to know: ``scores`` belong in the text labels; json is written in ``darknet``'s form; sources
    are ``followed``, so that boxes may have identities; ``codec`` is
    how videos are to be encoded, and ``tell`` takes a line about how they are."""

    scores: bool = False
    darknet: bool = False
    followed: bool = False
    codec: Codec = "auto"
    tell: Callable[[str], None] | None = None


OUTPUTS: dict[str, OutputKind] = {
    DRAWN: OutputKind("drawings", "write drawn images and videos", per_image=True),
    "txt": OutputKind("text_labels", "write YOLO text labels", per_image=True),
    "json": OutputKind("json_file", "write detections.json"),
    "jsonl": OutputKind(
        "json_file",
        "write detections.jsonl, an object a line as the frames come; with -: to the standard output, all else to the "
        "error output",
        "open_lines",
    ),
    "csv": OutputKind("csv_table", "write detections.csv"),
    "coco": OutputKind("coco_labels", "write detections.coco.json, labels to be corrected, and predictions.json"),
    "crop": OutputKind("crops", "write what is inside each box", per_image=True),
    COUNTS: OutputKind("counts_file", "write counts.json"),
}


def check_outputs(words: Iterable[str]) -> None:
    """Raise UserError for a word that means no output."""
    for word in words:
        if word not in OUTPUTS:
            raise UserError(f"no output {word!r}; there are: {', '.join(OUTPUTS)}")


def open_output(word: str, folder: Path, options: OutputOptions) -> Output:
    """The output of a word, into a folder. Raises UserError when its files cannot be made."""
    module = importlib.import_module(f"yolov3.outputs.{OUTPUTS[word].module}")
    output: Output = getattr(module, OUTPUTS[word].function)(folder, options)
    return output
