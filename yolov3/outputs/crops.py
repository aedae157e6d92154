"""What is inside each box: ``crops/CLASS/NAME_1.jpg``."""

from __future__ import annotations

from pathlib import Path

from yolov3.images.files import write_image
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.names import safe_name
from yolov3.outputs.output import Output, Result, make_folder


class Crops(Output):
    """A folder per class, an image per box."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder / "crops")

    def write(self, result: Result) -> None:
        height, width = result.frame.image.shape[:2]
        for number, (box, _, label) in enumerate(result.rows, start=1):
            left, top = max(0, int(box[0])), max(0, int(box[1]))
            right, bottom = min(width, max(left + 1, round(box[2]))), min(height, max(top + 1, round(box[3])))
            crop = result.frame.image[top:bottom, left:right]
            if crop.size:
                place = make_folder(self.folder / safe_name(result.detections.name_of(label)))
                write_image(place / f"{result.file_stem}_{number}.jpg", crop)


def open_output(folder: Path, options: OutputOptions) -> Crops:
    """Cut-outs in a folder of their own."""
    return Crops(folder)
