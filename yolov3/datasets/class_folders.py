"""Images sorted into a folder per class, as ImageNet comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolov3.datasets.assemble import check_class_names
from yolov3.datasets.listing import list_folders
from yolov3.errors import UserError
from yolov3.files.reading import is_folder
from yolov3.files.refusals import named
from yolov3.files.walking import files_below, refuse
from yolov3.images.files import IMAGE_SUFFIXES
from yolov3.watching.words import some


@dataclass(frozen=True)
class ClassFolders:
    """``paths`` of images with their ``labels``, and the class ``names``: the folders', in alphabetical order."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


def read_class_folders(folder: Path, *, names: tuple[str, ...] | None = None) -> ClassFolders:
    """The images in ``folder/CLASS/``; with ``names`` the classes must be among these. Raises UserError."""
    if not is_folder(folder):
        raise UserError(f"{named(folder)}: the folder does not exist")
    found = tuple(sorted(list_folders(folder)))
    check_class_names(found, source=str(folder))
    unknown = [name for name in found if names is not None and name not in names]
    if unknown:
        raise UserError(f"{folder}: class folders that the training data does not have: {some(unknown)}")
    classes = names or found
    pairs = [
        (path, classes.index(name))
        for name in found
        for path in sorted(files_below(folder / name, closed=refuse))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    ]
    if not pairs:
        raise UserError(f"{folder}: no images in class folders (expected {folder}/CLASS/*.jpg)")
    paths, labels = zip(*pairs)
    return ClassFolders(paths, labels, classes)
