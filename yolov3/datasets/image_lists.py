"""The images that a file names, found: as they are written where that leads to them, else by what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolov3.datasets.listing import list_files, missing_files
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.files.walking import files_below, refuse
from yolov3.images.files import IMAGE_SUFFIXES
from yolov3.watching.words import some


@dataclass(frozen=True)
class Located:
    """The files of images, in the order in which they were named, and what is to be told of how they were found."""

    paths: list[Path]
    notes: tuple[str, ...] = ()


def locate_images(texts: Sequence[str], bases: Sequence[Path], tree: Tree, *, named_by: str) -> Located:
    """The images that ``texts`` mean, counted from the first of the ``bases`` that has the first of them: a list is made by
    one program, with one rule. Those that are not there are looked for in the whole tree.

    Raises UserError with a count, the first few, and what is there instead.
    """
    base = next((place for place in bases if texts and may_be_file(place / texts[0])), bases[0])
    return find_lost([base / text for text in texts], texts, tree, named_by=named_by, looked=str(base))


def find_lost(paths: Sequence[Path | None], texts: Sequence[str], tree: Tree, *, named_by: str, looked: str) -> Located:
    """``paths`` where they lead to files; the others (None too) by what their ``texts`` are called, anywhere in the tree.
    Raises UserError as :func:`locate_images`; ``looked`` says where they were looked for before."""
    known = [place for place, path in enumerate(paths) if path is not None]
    absent = missing_files([path for path in paths if path is not None])
    lost = sorted({*(known[place] for place in absent), *(place for place, path in enumerate(paths) if path is None)})
    found = {place: tree.find_image(texts[place]) for place in lost}
    missing = [texts[place] for place, path in found.items() if path is None]
    if missing:
        raise UserError(
            f"{named_by}: {len(missing)} of {len(paths)} image files are missing: {some(missing)}; looked for from "
            f"{looked} on and by their names; in {tree.root} there is: {tree.describe()}"
        )
    located = [found.get(place, path) for place, path in enumerate(paths)]
    note = f"{named_by}: {len(lost)} of {len(paths)} images lie elsewhere than it says; they were found by their names"
    return Located([path for path in located if path is not None], (note,) if lost else ())


def read_image_list(file: Path, tree: Tree) -> Located:
    """The images of a list file, a path or a name per line, with or without suffix. A relative path counts from the list's
    folder when it begins with ``./``, as YOLO's do; else from where it is found: the data set's root, the list's folder
    or the current one, as Darknet's do. Raises UserError."""
    texts = []
    for number, line in enumerate(read_lines(file, what="a list of images", most_bytes=LARGEST_LIST), start=1):
        text = line.strip().strip("\"'")
        words = text.split()
        if len(words) > 1 and words[-1] in ("-1", "0", "1") and Path(words[0]).suffix.lower() not in IMAGE_SUFFIXES:
            # The per-class lists of VOC's devkit; as a split they would mean something else.
            raise UserError(f"{file}:{number}: a list of one class (name and 1, 0 or -1), not of a split")
        if "\0" in text:
            raise UserError(f"{file}:{number}: a file name cannot contain a NUL")
        if text:
            texts.append(text)
    if not texts:
        raise UserError(f"{file}: lists no images")
    bases = (file.parent,) if texts[0].startswith("./") else (tree.root, file.parent, Path())
    return locate_images(texts, bases, tree, named_by=str(file))


def images_below(folder: Path) -> list[Path]:
    """All images in a folder and below it, by name. Raises UserError when there are none, and for a folder that may not be
    looked into: nobody would notice that its images are missing."""
    files = files_below(folder, closed=refuse)
    found = sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not found:
        raise UserError(f"{folder}: no images in this folder; there is: {Tree(folder).describe()}")
    return found


def images_in(folder: Path) -> dict[str, Path]:
    """The images right in a folder by their stem; of several with one stem a JPEG."""
    found: dict[str, Path] = {}
    for name in sorted(list_files(folder), reverse=True):
        path = folder / name
        if path.suffix.lower() in IMAGE_SUFFIXES and (
            path.stem not in found or path.suffix.lower() in (".jpg", ".jpeg")
        ):
            found[path.stem] = path
    return found


def may_be_file(path: Path) -> bool:
    """Whether a file lies at a path that another file names; not so where that cannot be told."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
