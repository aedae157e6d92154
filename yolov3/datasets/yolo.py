"""Darknet's and YOLO's text labels: for each image a file of lines ``class cx cy w h``, in shares of the image.

The label file of ``.../images/x.jpg`` is ``.../labels/x.txt`` (the last folder called ``images`` or, for VOC in
Darknet's way, ``JPEGImages`` is exchanged), else ``x.txt`` beside the image. A missing or empty file means an image
without objects. An outline ``class x1 y1 x2 y2 x3 y3 ...`` becomes the box around it, and is counted. Other lines are
taken strictly: what cannot be meant is refused with its file and line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolov3.boxes import cxcywh_to_xyxy
from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import Classes, Images, Objects, as_list, assemble, describe_places, given_names, path_ids
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.image_lists import images_below, read_image_list
from yolov3.datasets.label_format import LabelFormat, Reference, Split, words_of
from yolov3.datasets.listing import list_files
from yolov3.datasets.tree import Tree, is_called
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.files.reading import is_folder, kind_at
from yolov3.files.refusals import named
from yolov3.files.text import read_lines
from yolov3.images.files import read_image_size
from yolov3.watching.words import counted, some

LARGEST_COORDINATE = 10.0  # shares of the image; above this they are pixels, not shares
IMAGE_FOLDERS = ("images", "jpegimages")
LABEL_FOLDER = "labels"
BOX_COLUMNS = 5
SMALLEST_OUTLINE = 7  # columns: a class and three corners
CVAT_FOLDERS = {"train": "obj_train_data", "val": "obj_valid_data", "test": "obj_test_data"}
NAME_FILES = ("classes.txt", "_darknet.labels", "obj.names", "predefined_classes.txt")


def read_yolo(data: DataSection, tree: Tree, split: Split) -> Dataset:
    """The samples of the folders or lists that ``data`` names for ``split``. Raises UserError naming file and line."""
    paths: list[Path] = []
    problems: list[str] = []
    given = as_list(getattr(data, split))
    for text in given:
        found, notes = _list_images(tree, text)
        paths += found
        problems += notes
    paths = list(dict.fromkeys(paths))
    names = given_names(data) or names_beside(tree)
    labels = [label_path(path) for path in paths]
    listings = {folder: list_files(folder) for folder in {path.parent for path in labels}}
    sizes = np.array([read_image_size(path) for path in paths], np.int64).reshape(-1, 2)
    index, rows = [], []
    unlabelled, outlines = [], 0
    for place, path in enumerate(labels):
        if path.name not in listings[path.parent]:
            unlabelled.append(paths[place].name)
            continue
        labelled = read_label_file(path, num_classes=len(names))
        outlines += labelled.outlines
        index += [place] * len(labelled.rows)
        rows += labelled.rows
    if unlabelled:
        without = counted(len(unlabelled), "image")
        problems.append(f"{without} without a label file, taken as without objects: {some(unlabelled)}")
    if outlines:
        problems.append(f"{counted(outlines, 'outline')} taken as the box around it")
    table = np.array(rows, np.float64).reshape(-1, 5)
    boxes = _to_pixels(table[:, 1:], sizes[index] if index else np.zeros((0, 2)))
    objects = Objects(
        np.array(index, np.int64),
        boxes,
        table[:, 0].astype(np.int64),
        np.zeros(len(boxes), bool),
        np.full(len(boxes), np.nan),
    )
    classes = Classes(names, tuple(range(len(names))))
    source = f"YOLO, {split}: {describe_places(given)} in {tree.root}"
    return assemble(
        Images(paths, sizes, path_ids(paths, tree.root)), objects, classes, source=source, problems=problems
    )


def recognises(tree: Tree, given: tuple[str, ...]) -> bool:
    """Whether a folder looks like YOLO's, or anything is named: whatever else it is, the others have been asked."""
    if given or tree.folder("images", "labels", "obj_train_data") is not None:
        return True
    if find_split(tree, words_of("train", "val")) is not None:
        return True
    return _names_file(tree) is not None and tree.holds_images()


def find_split(tree: Tree, words: tuple[str, ...]) -> Reference | None:
    """The folder or the list with one of the names."""
    images = tree.folder("images")
    for word in words:
        places = tree.folders_called(word, images) if images else []
        for folder in tree.folders_called(word):
            inside = tree.folder(f"{folder}/images")
            places.append(inside or folder)
        cvat = tree.folder(CVAT_FOLDERS.get(word, ""))
        places += [cvat] if cvat else []
        places = [place for place in places if tree.holds_images(place)]
        if len(places) > 1:  # train2014 and train2017
            return tuple(places)
        if places:
            return places[0]
        lists = [name for name in tree.files(".", ".txt") if is_called(Path(name).stem, word)]
        if lists:
            return lists[0]
    return None


def find_all(tree: Tree) -> Reference | None:
    """The folder of the images, or the whole tree."""
    images = tree.folder("images")
    if images and tree.holds_images(images):
        return images
    return "." if tree.holds_images() else None


def label_path(image: Path) -> Path:
    """Where the labels of an image are looked for."""
    parts = list(image.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place].lower() in IMAGE_FOLDERS:
            parts[place] = LABEL_FOLDER.capitalize() if parts[place] == "Images" else LABEL_FOLDER
            return Path(*parts).with_suffix(".txt")
    return image.with_suffix(".txt")


@dataclass(frozen=True)
class Labels:
    """The rows (class, cx, cy, w, h) of a label file, and how many of them were ``outlines``."""

    rows: list[tuple[float, ...]]
    outlines: int = 0


def read_label_file(path: Path, *, num_classes: int) -> Labels:
    """The rows of a label file. Raises UserError with the line."""
    rows, outlines = [], 0
    for number, line in enumerate(read_lines(path, what="labels"), start=1):
        words = line.split()
        if words:
            rows.append(_read_row(f"{path}:{number}", words, num_classes))
            outlines += len(words) != BOX_COLUMNS
    return Labels(rows, outlines)


def _read_row(where: str, words: list[str], num_classes: int) -> tuple[float, ...]:
    is_outline = len(words) >= SMALLEST_OUTLINE and len(words) % 2 == 1
    if len(words) != BOX_COLUMNS and not is_outline:
        hint = "; is the last one a score? Labels have none" if len(words) == BOX_COLUMNS + 1 else ""
        raise UserError(f"{where}: found {len(words)} columns, expected 5: class cx cy w h{hint}")
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        raise UserError(f"{where}: found {' '.join(words)[:80]!r}, expected numbers: class cx cy w h") from None
    if not all(map(math.isfinite, values)):
        raise UserError(f"{where}: found {' '.join(words)[:80]!r}; the numbers must be finite")
    if values[0] != int(values[0]) or not 0 <= values[0] < num_classes:
        raise UserError(f"{where}: class {words[0]}; there are {num_classes} classes, numbered 0 to {num_classes - 1}")
    if max(map(abs, values[1:])) > LARGEST_COORDINATE:
        raise UserError(
            f"{where}: found {' '.join(words[1:])[:80]}; coordinates are shares of the image (0 to 1), not pixels"
        )
    return _around(values) if is_outline else values


def _around(values: tuple[float, ...]) -> tuple[float, ...]:
    """The class and the box around an outline: class, x1, y1, x2, y2 ..."""
    across, down = values[1::2], values[2::2]
    left, right, top, bottom = min(across), max(across), min(down), max(down)
    return values[0], (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _to_pixels(shares: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(M, 4) centre and size in shares of images of ``sizes`` (M, 2) to (M, 4) xyxy pixels."""
    lengths = sizes[:, ::-1].astype(np.float64)
    return cxcywh_to_xyxy(shares * np.tile(lengths, 2))


def _list_images(tree: Tree, text: str) -> tuple[list[Path], tuple[str, ...]]:
    """The images of a folder or a list, and what is to be told of them."""
    place = find_images(tree, text)
    if is_folder(place):
        return images_below(place), ()
    located = read_image_list(place, tree)
    return located.paths, located.notes


def find_images(tree: Tree, text: str) -> Path:
    """The folder of images or the list of them that is meant by ``text``. Raises UserError."""
    kind_at(tree.root / text)  # what is too long to be a path need not be taken apart
    inside = _inside(tree, text)
    # What leads out of the tree (../train/images) means what lies in it, if it does: beside it are other people's data.
    leads_out = Path(text).parts[:1] == ("..",)
    written = [tree.root / text, Path(text)]
    for place in [*inside, *written] if leads_out else [*written, *inside]:
        if kind_at(place) in ("folder", "file"):
            return place
    raise UserError(
        f"{named(tree.root / text)}: neither a folder of images nor a list of them; in {tree.root} there is: {tree.describe()}"
    )


def _inside(tree: Tree, text: str) -> list[Path]:
    """The folder or the file of the tree to which the end of a path leads that was written elsewhere."""
    parts = [part for part in Path(text).parts if part not in ("..", ".", "/")]
    # An end that names no split, such as images alone, could be that of any.
    splits = [place for place, part in enumerate(parts) if _names_split(part)]
    starts = range(max(splits, default=0) + 1) if parts else ()
    ends = ["/".join(parts[start:]) for start in starts]
    folders = [folder for end in ends if (folder := tree.folder(end)) is not None]
    lists = [part for part in parts[-1:] if part.endswith(".txt")]
    return [tree.root / place for place in (*folders[:1], *lists)]


def _names_split(part: str) -> bool:
    return any(is_called(part, word) for word in words_of("train", "val", "test"))


def _names_file(tree: Tree) -> Path | None:
    """The file of class names: well-known ones first, in the root, beside the labels, in the folder of a split."""
    folders = [".", *filter(None, (tree.folder("labels"), tree.folder("train"), tree.folder("data")))]
    for folder in folders:
        here = tree.files(folder)
        for name in NAME_FILES:
            if name in here:
                return tree.root / folder / name
        named = [name for name in here if name.endswith(".names")]
        if len(named) == 1:
            return tree.root / folder / named[0]
    return None


def names_beside(tree: Tree) -> tuple[str, ...]:
    """The class names of a file in the data set's folder. Raises UserError when there is none."""
    file = _names_file(tree)
    if file is None:
        raise UserError(
            f"{tree.root}: the classes have no names: no classes.txt, .names or data.yaml is there; write "
            f"data.names='[first, second]', in the order of their numbers"
        )
    return read_names(file)


FORMAT = LabelFormat("yolo", "images/ and labels/", recognises, find_split, find_all, read_yolo)
