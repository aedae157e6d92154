"""YOLO's text labels: ``labels/NAME.txt`` with lines ``class cx cy w h``, in shares of the image, and the score behind
them where asked for. An image without objects gets an empty file. ``classes.txt`` beside the folder names the classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yolov3.boxes import xyxy_to_cxcywh
from yolov3.files.atomic import write_whole
from yolov3.files.class_names import names_text
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result, make_folder, printable


class TextLabels(Output):
    """A file per frame."""

    def __init__(self, folder: Path, *, with_scores: bool) -> None:
        self.folder, self.with_scores = make_folder(folder / "labels"), with_scores
        self._is_named = False

    def write(self, result: Result) -> None:
        if not self._is_named and result.detections.names:
            self._is_named = True
            names = [printable(name) for name in result.detections.names]
            write_whole(self.folder.parent / "classes.txt", names_text(names).encode())
        height, width = result.frame.image.shape[:2]
        lines = []
        for box, score, label in result.rows:
            shares = xyxy_to_cxcywh(np.array(box)) / (width, height, width, height)
            numbers = [f"{share:.6f}" for share in shares] + ([f"{score:.6f}"] if self.with_scores else [])
            lines.append(" ".join((str(label), *numbers)) + "\n")
        write_whole(self.folder / f"{result.file_stem}.txt", "".join(lines).encode())


def open_output(folder: Path, options: OutputOptions) -> TextLabels:
    """Labels in a folder of their own."""
    return TextLabels(folder, with_scores=options.scores)
