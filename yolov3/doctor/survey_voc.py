"""What VOC's xml files say, object by object, however wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import as_list, describe_places, given_names, path_ids
from yolov3.datasets.image_lists import images_below, images_in
from yolov3.datasets.label_format import Split
from yolov3.datasets.listing import list_files
from yolov3.datasets.tree import Tree
from yolov3.datasets.voc import find_devkit_list, folders_of_devkit, read_names_of_list
from yolov3.datasets.voc_xml import Annotation, XmlFiles, read_annotation
from yolov3.doctor.survey import UNKNOWN_CLASS, Complaints, Survey, read_list_leniently
from yolov3.errors import UserError

_OBJECT = re.compile(rb"<object[\s>]")


@dataclass
class _Pairs:
    """Images with their xml files, and the ``folders`` of annotations where those are a devkit's."""

    images: list[Path] = field(default_factory=list)
    xmls: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    _seen: set[Path] = field(default_factory=set)

    def add(self, image: Path, xml: Path, where: str, complaints: Complaints) -> None:
        """One more, unless it is there."""
        if image in self._seen:
            complaints.add("image-listed-twice", f"{where}: {image.name}")
            return
        self._seen.add(image)
        self.images.append(image)
        self.xmls.append(xml)


class VocSurveyor:
    """Surveys the splits of a tree; every xml is read once, whichever split asks for it."""

    def __init__(self, data: DataSection, tree: Tree) -> None:
        self.data, self.tree = data, tree
        self._files = XmlFiles(tree)
        self._read: dict[Path, Annotation | UserError] = {}

    def survey(self, data: DataSection, split: Split) -> Survey:
        """A split that ``data`` says the place of. Raises UserError when its images cannot be found at all."""
        complaints = Complaints(split, refused=frozenset(("image-listed-twice",)))
        pairs = self._pairs(data, split, complaints)
        annotations = [self._annotation(path) for path in pairs.xmls]
        names = given_names(self.data) or self._names_in_files(pairs)
        label_of = {name: label for label, name in enumerate(names)}
        index, order, labels, corners, ignore = [], [], [], [], []
        said = np.zeros((len(pairs.images), 2), np.int64)
        for place, annotation in enumerate(annotations):
            if isinstance(annotation, UserError):
                complaints.add("broken-annotation-file", annotation)
                continue
            if annotation.size:
                said[place] = annotation.size
            for number, item in enumerate(annotation.objects):
                if item.name not in label_of:
                    complaints.add("unknown-class", f"{_object_place(annotation.path, number)}: {item.name!r}")
                index.append(place)
                order.append(number)
                labels.append(label_of.get(item.name, UNKNOWN_CLASS))
                corners.append(item.corners)
                ignore.append(item.difficult)

        def place_of(number: int) -> str:
            return _object_place(pairs.xmls[index[number]], order[number])

        return Survey(
            split=split,
            source=f"VOC, {split}: {describe_places(as_list(getattr(data, split)))} in {self.tree.root}",
            format="voc",
            form="xyxy",
            in_shares=False,
            one_based=data.one_based,
            images=tuple(pairs.images),
            image_ids=tuple(path_ids(pairs.images, self.tree.root)),
            said_sizes=said,
            is_labelled=np.array([isinstance(each, Annotation) for each in annotations], bool),
            image_index=np.array(index, np.int64),
            numbers=np.array(corners, np.float64).reshape(-1, 4),
            labels=np.array(labels, np.int64),
            ignore=np.array(ignore, bool),
            names=names,
            place_of=place_of,
            findings=complaints.findings(),
        )

    def _annotation(self, path: Path) -> Annotation | UserError:
        if path not in self._read:
            try:
                self._read[path] = read_annotation(path)
            except UserError as error:
                self._read[path] = error
        return self._read[path]

    def _names_in_files(self, pairs: _Pairs) -> tuple[str, ...]:
        """Of all that lies there, not of this split alone: as the reader numbers them."""
        beside = [
            folder / name for folder in pairs.folders for name in list_files(folder) if name.endswith(".xml")
        ] or self._files.all()
        found = [self._annotation(path) for path in dict.fromkeys((*pairs.xmls, *beside))]
        return tuple(sorted({item.name for each in found if isinstance(each, Annotation) for item in each.objects}))

    def _pairs(self, data: DataSection, split: Split, complaints: Complaints) -> _Pairs:
        pairs = _Pairs()
        for text in as_list(getattr(data, split)):
            devkit = find_devkit_list(self.tree, text)
            if devkit is not None:
                _add_devkit_list(devkit, pairs, complaints)
            else:
                self._add_others(text, pairs, complaints)
        return pairs

    def _add_others(self, text: str, pairs: _Pairs, complaints: Complaints) -> None:
        place = next((place for place in (self.tree.root / text, Path(text)) if place.exists()), None)
        if place is None:
            raise UserError(
                f"{self.tree.root / text}: neither a list nor a folder of images; there is: {self.tree.describe()}"
            )
        if place.is_dir():
            images = images_below(place)
            where, kind = [str(place)] * len(images), "image-left-out"
        else:
            listed = read_list_leniently(place, self.tree, complaints)
            images, where, kind = listed.found, listed.where, "image-without-annotation"
        for image, line in zip(images, where):
            try:
                xml = self._files.of(image)
            except UserError as error:
                complaints.add("broken-annotation-file", error)
                continue
            if xml is None:
                complaints.add(kind, image)
            else:
                pairs.add(image, xml, line, complaints)


def _add_devkit_list(file: Path, pairs: _Pairs, complaints: Complaints) -> None:
    folder, annotations = folders_of_devkit(Tree(file.parents[2]))
    pairs.folders.append(annotations)
    there = images_in(folder)
    for number, name in enumerate(read_names_of_list(file), start=1):
        xml = annotations / f"{name}.xml"
        if name not in there:
            complaints.add("missing-image", f"{file}:{number}: {name}")
        elif not xml.is_file():
            complaints.add("image-without-annotation", f"{file}:{number}: {name}")
        else:
            pairs.add(there[name], xml, f"{file}:{number}", complaints)


def _object_place(path: Path, number: int) -> str:
    """The line of an xml at which an object begins; read again, since seldom anybody asks."""
    content = path.read_bytes()
    starts = [match.start() for match in _OBJECT.finditer(content)]
    if number >= len(starts):  # in a comment, or with a name space
        return f"{path}: object {number + 1}"
    line = content.count(b"\n", 0, starts[number]) + 1
    return f"{path}:{line}"
