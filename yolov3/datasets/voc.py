"""Pascal VOC's data sets: an xml and an image per name, a list of names or a folder per split.

Corners count from 1 and are both inside the box, as the VOC devkit's do: a box (xmin, ymin, xmax, ymax) covers the
pixels' area (xmin - 1, ymin - 1, xmax, ymax); ``data.one_based: false`` is for tools that count from 0. A box without
area is one whose corners, as written, span none. Difficult objects become ignored ones. The xml's ``size`` and
``filename`` are often wrong or missing, so an image and its xml are found by their common name, and the image is
measured itself. Of a list every name must have both; in a folder an image without xml has not been looked at by
anybody, so it is left out, and told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import (
    Classes,
    Images,
    Objects,
    as_list,
    assemble,
    describe_places,
    given_names,
    path_ids,
    require_distinct,
)
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.image_lists import images_below, images_in, read_image_list
from yolov3.datasets.label_format import LabelFormat, Reference, Split, words_of
from yolov3.datasets.listing import list_files
from yolov3.datasets.tree import Tree, is_called
from yolov3.datasets.voc_xml import Annotation, XmlFiles, read_annotation
from yolov3.errors import UserError
from yolov3.files.reading import is_file, is_folder, is_there
from yolov3.files.refusals import named
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.images.files import read_image_size
from yolov3.watching.printable import LONGEST_NAMES, quoted
from yolov3.watching.words import counted, some

LISTS = "imagesets/main"


@dataclass
class Pairs:
    """Images with the files of their annotations, in order, and what is to be told."""

    images: list[Path] = field(default_factory=list)
    xmls: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, image: Path, xml: Path) -> None:
        """One more."""
        self.images.append(image)
        self.xmls.append(xml)


def read_voc(data: DataSection, tree: Tree, split: Split) -> Dataset:
    """The samples of the lists or folders that ``data`` names for ``split``. Raises UserError naming the file."""
    given = as_list(getattr(data, split))
    pairs = Pairs()
    xml_files = XmlFiles(tree)
    folders: list[Path] = []  # of annotations that need no walk through the tree
    for text in given:
        devkit = find_devkit_list(tree, text)
        if devkit is not None:
            folders.append(_add_devkit_list(devkit, pairs))
        else:
            _add_others(tree, text, xml_files, pairs)
    annotations = [read_annotation(path) for path in pairs.xmls]
    every_xml = _xmls_in(folders) if folders else xml_files.all()
    classes = _classes(data, annotations, every_xml)
    sizes = np.array([read_image_size(path) for path in pairs.images], np.int64).reshape(-1, 2)
    wrong = [
        annotation.path.name
        for annotation, size in zip(annotations, sizes.tolist())
        if annotation.size and list(annotation.size) != size
    ]
    if wrong:
        pairs.notes.append(f"{counted(len(wrong), 'xml file')} with another size than the image has: {some(wrong)}")
    images = Images(pairs.images, sizes, path_ids(pairs.images, tree.root))
    objects = _objects(annotations, classes, one_based=data.one_based)
    source = f"VOC, {split}: {describe_places(given)} in {tree.root}"
    return assemble(images, objects, classes, source=source, problems=pairs.notes)


def recognises(tree: Tree, given: tuple[str, ...]) -> bool:
    """Whether a folder has VOC's lists, or one of them is named, or xml annotations lie where people put them."""
    if any(text.endswith(".json") for text in given):
        return False
    if tree.folder(LISTS) is not None or any("ImageSets" in text for text in given):
        return True
    if tree.folder("labels") is not None:
        return False
    annotations = tree.folder("annotations")
    if annotations is not None and tree.holds(annotations, ".xml"):
        return True
    folders = [folder for word in words_of("train", "val") for folder in tree.folders_called(word)]
    inside = [tree.folder(f"{folder}/annotations") for folder in folders]
    return any(
        _has_xml(tree, folder) for folder in (".", tree.folder("images"), *folders, *inside) if folder is not None
    )


def find_split(tree: Tree, words: tuple[str, ...]) -> Reference | None:
    """The list of VOC's, the folder or the list in the root with one of the names."""
    lists = tree.folder(LISTS)
    for word in words:
        if lists is not None and f"{word}.txt" in tree.files(lists, ".txt"):
            return word
        images = [place for place in (tree.folder("images"), tree.folder("jpegimages")) if place is not None]
        folders = [
            *tree.folders_called(word),
            *(folder for place in images for folder in tree.folders_called(word, place)),
        ]
        folders = [folder for folder in folders if tree.holds_images(folder)]
        if folders:
            return folders[0] if len(folders) == 1 else tuple(folders)
        named = [name for name in tree.files(".", ".txt") if is_called(Path(name).stem, word)]
        if named:
            return named[0]
    return None


def find_all(tree: Tree) -> Reference | None:
    """The only list of VOC's, else the whole tree."""
    lists = tree.folder(LISTS)
    names = [Path(name).stem for name in tree.files(lists, ".txt")] if lists is not None else []
    return names[0] if len(names) == 1 else "."


def _has_xml(tree: Tree, folder: str) -> bool:
    return bool(tree.files(folder, ".xml"))


def find_devkit_list(tree: Tree, text: str) -> Path | None:
    """The list that lies, or should, in an ImageSets/Main: a split's name, or a path."""
    if "/" in text or text.endswith(".txt"):
        file = next((place for place in (tree.root / text, Path(text)) if is_file(place)), tree.root / text)
        lies_there = [part.lower() for part in file.parent.parts[-2:]] == LISTS.split("/")
        if lies_there and not is_file(file):
            raise UserError(f"{named(file)}: the list of the split does not exist; there are: {_lists_in(file.parent)}")
        return file if lies_there else None
    lists = tree.folder(LISTS)
    if lists is None or is_folder(tree.root / text):
        return None
    file = tree.root / lists / f"{text}.txt"
    if not is_file(file):
        raise UserError(f"{named(file)}: the list of the split does not exist; there are: {_lists_in(file.parent)}")
    return file


def _lists_in(folder: Path) -> str:
    return some(sorted(name.removesuffix(".txt") for name in list_files(folder) if name.endswith(".txt"))) or "none"


def _add_devkit_list(file: Path, pairs: Pairs) -> Path:
    """Add the names of a list of the devkit's; return the folder of the annotations."""
    devkit = Tree(file.parents[2])
    names = read_names_of_list(file)
    require_distinct(names, what="name", source=str(file))
    folder, annotations = folders_of_devkit(devkit)
    there = images_in(folder)
    missing = [name for name in names if name not in there]
    if missing:
        raise UserError(
            f"{file}: {len(missing)} of {len(names)} have no image in {folder}: {some(missing)}; "
            f"in {devkit.root} there is: {devkit.describe()}"
        )
    for name in names:
        pairs.add(there[name], annotations / f"{name}.xml")
    return annotations


def folders_of_devkit(devkit: Tree) -> tuple[Path, Path]:
    """The folders of the images and of the annotations."""
    images = devkit.folder("jpegimages", "images") or "JPEGImages"
    return devkit.root / images, devkit.root / (devkit.folder("annotations") or "Annotations")


def _add_others(tree: Tree, text: str, xml_files: XmlFiles, pairs: Pairs) -> None:
    """Add the images of a folder, or of a list that lies anywhere."""
    place = next((place for place in (tree.root / text, Path(text)) if is_there(place)), None)
    if place is None:
        raise UserError(
            f"{named(tree.root / text)}: neither a list nor a folder of images; in {tree.root} there is: {tree.describe()}"
        )
    if is_folder(place):
        images = images_below(place)
        found = [(image, xml_files.of(image)) for image in images]
        without = [image.name for image, xml in found if xml is None]
        if len(without) == len(found):
            raise UserError(
                f"{place}: none of its {len(found)} images has an xml; in {tree.root} there is: {tree.describe()}"
            )
        if without:
            pairs.notes.append(f"left out: {counted(len(without), 'image')} without an xml: {some(without)}")
    else:
        located = read_image_list(place, tree)
        require_distinct(located.paths, what="image", source=str(place))
        found = [(image, xml_files.of(image)) for image in located.paths]
        without = [image.name for image, xml in found if xml is None]
        if without:
            raise UserError(f"{place}: {len(without)} of {len(found)} images have no xml: {some(without)}")
        pairs.notes += located.notes
    for image, xml in found:
        if xml is not None:
            pairs.add(image, xml)


def read_names_of_list(file: Path) -> list[str]:
    """The names of images in a list of the devkit's. Raises UserError with the line."""
    lines = read_lines(file, what="a list of names", most_bytes=LARGEST_LIST)
    names = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        # The per-class lists of the devkit carry 1, 0 or -1 behind the name; as a split they would mean something else.
        if len(words) > 1 and words[1] in ("-1", "0", "1"):
            raise UserError(f"{file}:{number}: a list of one class (name and 1, 0 or -1), not of a split")
        name = line.strip()
        if "/" in name or "\\" in name or name in (".", ".."):
            raise UserError(
                f"{file}:{number}: found {quoted(name)}; expected the plain name of an image without suffix"
            )
        names.append(name)
    return names


def _xmls_in(folders: Sequence[Path]) -> list[Path]:
    return [
        folder / name
        for folder in dict.fromkeys(folders)
        for name in sorted(list_files(folder))
        if name.endswith(".xml")
    ]


def _classes(data: DataSection, annotations: Sequence[Annotation], every_xml: Sequence[Path]) -> Classes:
    """The named classes, else those in all xml files, by name: not this split's alone, so that training and validation
    number their classes alike."""
    names = given_names(data)
    if names is not None:
        return _numbered(names)
    used = {item.name for annotation in annotations for item in annotation.objects}
    read = {annotation.path for annotation in annotations}
    for path in every_xml:
        if path not in read:
            used.update(item.name for item in read_annotation(path).objects)
    return _numbered(tuple(sorted(used)))


def _numbered(names: tuple[str, ...]) -> Classes:
    return Classes(names, tuple(range(1, len(names) + 1)))


def _objects(annotations: list[Annotation], classes: Classes, *, one_based: bool) -> Objects:
    label_of = {name: label for label, name in enumerate(classes.names)}
    index, corners, labels, ignore = [], [], [], []
    for place, annotation in enumerate(annotations):
        for item in annotation.objects:
            if item.name not in label_of:
                known = quoted(list(classes.names), LONGEST_NAMES)
                raise UserError(f"{annotation.path}: unknown class {quoted(item.name)}; data.names has {known}")
            index.append(place)
            corners.append(item.corners)
            labels.append(label_of[item.name])
            ignore.append(item.difficult)
    boxes = np.array(corners, np.float64).reshape(-1, 4)
    if one_based:
        has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        boxes[:, :2] -= has_area[:, None]
    return Objects(
        np.array(index, np.int64),
        boxes,
        np.array(labels, np.int64),
        np.array(ignore, bool),
        np.full(len(boxes), np.nan),
    )


FORMAT = LabelFormat("voc", "ImageSets/Main/*.txt or xml files", recognises, find_split, find_all, read_voc)
