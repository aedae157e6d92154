"""The formats of labels that are known, and which one a folder shows."""

from __future__ import annotations

from yolov3.config.experiment import DataSection
from yolov3.datasets import coco, voc, yolo
from yolov3.datasets.assemble import as_list
from yolov3.datasets.label_format import LabelFormat
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError
from yolov3.images.files import IMAGE_SUFFIXES
from yolov3.watching.printable import quoted

FORMATS: tuple[LabelFormat, ...] = (voc.FORMAT, coco.FORMAT, yolo.FORMAT)
"""In the order in which a folder is asked whether it is of one."""


def find_format(data: DataSection, tree: Tree) -> LabelFormat:
    """The stated format, or the one that the folder shows. Raises UserError saying what is there."""
    if data.format != "auto":
        named = {each.name: each for each in FORMATS}
        if data.format not in named:
            raise UserError(f"data.format: found {quoted(data.format)}; allowed: auto, {', '.join(named)}")
        return named[data.format]
    given = tuple(text for each in (data.train, data.val, data.test) if each for text in as_list(each))
    for each in FORMATS:
        if each.recognises(tree, given):
            return each
    looked_for = ", ".join(f"{each.looks_for} ({each.name})" for each in FORMATS)
    raise UserError(
        f"{tree.root}: not recognised as a data set: looked for {looked_for}; there is: {tree.describe()}{_hint(tree)}"
    )


def _hint(tree: Tree) -> str:
    """What to do with what is there."""
    suffixes = {path.suffix.lower() for path in tree.first_files}
    has_images = not suffixes.isdisjoint(IMAGE_SUFFIXES)
    if has_images and ".json" in suffixes:
        return (
            "; json files of LabelMe, one for each image, are not read: export them as COCO, VOC or YOLO first "
            "(labelme2coco, labelme2voc)"
        )
    if has_images:
        return "; images without labels cannot be learned from"
    return "; write data.root=FOLDER, the one that holds images and labels"
