"""COCO's data sets: which json is a split, and where the images are that it names.

The file's category ids may have gaps; in ascending order they become labels 0, 1, ... and stay in
``Dataset.category_ids``. Crowd regions become ignored objects. The file's image sizes are believed here and held
against the images when those are decoded: reading the headers of 118 000 files would take minutes on a slow disk.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import Images, assemble, given_names, require_distinct
from yolov3.datasets.coco_json import (
    CocoJson,
    column,
    integers,
    is_identifier,
    is_length,
    looks_like_coco,
    read_classes,
    read_coco_json,
    read_objects,
)
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.image_lists import Located, find_lost, may_be_file
from yolov3.datasets.label_format import LabelFormat, Reference, Split, words_of
from yolov3.datasets.tree import Tree, is_called
from yolov3.errors import UserError
from yolov3.files.reading import is_file, is_folder
from yolov3.files.refusals import named
from yolov3.images.files import read_image_size
from yolov3.watching.printable import LONGEST_NAMES, quoted
from yolov3.watching.words import counted

PROBED_IMAGES = 20  # so many file names are looked for when the folder of the images is told from the json's name
OTHER_KINDS = ("captions_", "person_keypoints_", "panoptic_", "stuff_", "image_info_")
# Below the folder of the images: not absolute, no drive, no backslash, no NUL, no step upwards.
_SAFE_NAME = re.compile(r"(?![/]|[A-Za-z]:|(?:.*/)?\.\.(?:/|$))[^\\\0]+", re.DOTALL)


def read_coco(data: DataSection, tree: Tree, split: Split) -> Dataset:
    """The samples of the json that ``data`` names for ``split``. Raises UserError naming the file and the entry."""
    given = getattr(data, split)
    if not isinstance(given, str):
        raise UserError(f"data.{split}: a COCO split is one json file, found {quoted(list(given))}")
    file = find_json(tree, given)
    content = read_coco_json(file)
    classes, note = read_classes(content)
    problems = [f"{file}: {note}"] if note else []
    names = given_names(data)
    if names is not None and names != classes.names:
        own, said = (quoted(list(each), LONGEST_NAMES) for each in (classes.names, names))
        raise UserError(f"{file}: its categories are {own}, but data.names says {said}")
    folder = image_folder(tree, file, getattr(data, f"{split}_images"), content.images)
    images, notes = _read_images(content, folder, tree)
    problems += notes
    objects = read_objects(content, images.image_ids, classes)
    if content.outlines:
        problems.append(
            f"{file}: {counted(content.outlines, 'annotation')} without a box, given the one around the outline"
        )
    if len(set(images.paths)) < len(images.paths):
        again = len(images.paths) - len(set(images.paths))
        problems.append(f"{file}: {counted(again, 'image')} with a file that was named before")
    source = f"COCO, {split}: {file}, images in {folder}"
    return assemble(images, objects, classes, source=source, problems=problems)


def find_json(tree: Tree, given: str) -> Path:
    """The json that is meant, in the data set's folder or from the current one."""
    return next((place for place in (tree.root / given, Path(given)) if is_file(place)), tree.root / given)


def recognises(tree: Tree, given: tuple[str, ...]) -> bool:
    """Whether a folder has annotations in json, or a json is named."""
    return any(text.endswith(".json") for text in given) or bool(_json_files(tree))


def find_split(tree: Tree, words: tuple[str, ...]) -> Reference | None:
    """The one json whose name, or whose folder's, is one of the words. Raises UserError when there are several."""
    files = _json_files(tree)
    for word in words:
        matching = [file for file in files if _is_of(file, word)]
        boxes = [file for file in matching if Path(file).name.startswith("instances_")] or matching
        if len(boxes) > 1:
            raise UserError(
                f"{tree.root}: which file is the {words[0]} split? There are {', '.join(boxes)}; "
                f"write data.{words[0]}={boxes[0]}"
            )
        if boxes:
            return boxes[0]
    return None


def find_all(tree: Tree) -> Reference | None:
    """The only json."""
    files = _json_files(tree)
    return files[0] if len(files) == 1 else None


def _json_files(tree: Tree) -> list[str]:
    """The files that could be COCO's: in annotations/, else in the folders of splits, else in the root."""
    annotations = tree.folder("annotations")
    if annotations is not None:
        named = [f"{annotations}/{name}" for name in tree.files(annotations, ".json")]
        boxes = [file for file in named if not Path(file).name.startswith(OTHER_KINDS)]
        if boxes:
            return boxes
    folders = [folder for word in words_of("train", "val", "test") for folder in tree.folders_called(word)]
    found = [f"{folder}/{name}" for folder in folders for name in tree.files(folder, ".json")]
    found = [file for file in found if looks_like_coco(tree.root / file)]
    return found or [name for name in tree.files(".", ".json") if looks_like_coco(tree.root / name)]


def _is_of(file: str, word: str) -> bool:
    """``annotations/instances_train2017.json``, ``train/_annotations.coco.json``, ``my-train.json``."""
    path = Path(file)
    parts = re.split(r"[_.\- ]", path.stem)
    return any(is_called(part, word) for part in (*parts, path.parent.name))


def image_folder(tree: Tree, file: Path, given: str | None, images: list[dict[str, Any]]) -> Path:
    """The folder that ``file_name`` counts from: as given, or the likely one that has most of the first images."""
    if given is not None:
        if not is_folder(tree.root / given):
            raise UserError(f"{named(tree.root / given)}: the folder of the images does not exist")
        return tree.root / given
    name = file.stem.removeprefix("instances_")
    inside = [tree.folder(place) for place in (name, f"images/{name}")]
    beside = [file.parent, file.parent / "images"]
    folders = [tree.root / place for place in inside if place is not None]
    folders += [place for place in beside if is_folder(place)]
    others = (tree.folder("images"), tree.folder("jpegimages"), ".")
    folders += [tree.root / place for place in others if place is not None]
    probes = [image.get("file_name") for image in images[:PROBED_IMAGES]]
    names = [str(probe) for probe in probes if is_safe_name(probe)]
    return max(folders, key=lambda folder: sum(may_be_file(folder / name) for name in names))


def _read_images(content: CocoJson, folder: Path, tree: Tree) -> tuple[Images, tuple[str, ...]]:
    file, images = content.file, content.images
    ids = column(file, "images", images, "id", is_identifier, "an integer or a string")
    names = column(file, "images", images, "file_name", _is_file_name, "the path of a file")
    require_distinct(ids, what="id", source=f"{file}: images")
    # A name that leads elsewhere (another machine's path, ../ upwards) is looked for in the tree, and only there.
    wished = [folder / name if is_safe_name(name) else None for name in names]
    located: Located = find_lost(wished, names, tree, named_by=str(file), looked=str(folder))
    if all("width" in image and "height" in image for image in images):
        heights, widths = (column(file, "images", images, k, is_length, "a length") for k in ("height", "width"))
        sizes = np.column_stack((integers(heights), integers(widths)))
    else:
        sizes = np.array([read_image_size(path) for path in located.paths], np.int64)
    return Images(located.paths, sizes.reshape(-1, 2), ids), located.notes


def is_safe_name(value: Any) -> bool:
    """Whether a value of a json is the path of a file below a folder."""
    return type(value) is str and _SAFE_NAME.fullmatch(value) is not None


def _is_file_name(value: Any) -> bool:
    return type(value) is str and value.strip() != "" and "\0" not in value


FORMAT = LabelFormat("coco", "COCO's json", recognises, find_split, find_all, read_coco)
