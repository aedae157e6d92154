"""The images of a data set in another folder: what they are called there, links to them or copies.

A link touches nothing of the user's, takes no room, works from any disk and shows where the image is; it leads nowhere once
the image has moved, and then copies are what is wanted. Hard links would keep the image, but they are an entry of the
user's own file, which not every system lets others make, and none across disks.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from yolov3.errors import UserError
from yolov3.images.files import IMAGE_SUFFIXES, ImageError, read_image_size
from yolov3.images.header import read_header
from yolov3.structures import Sample


def name_images(parts: Mapping[str, Sequence[Sample]], *, together: bool) -> dict[str, list[str]]:
    """A file name for each image of each part: its own where that can be kept. Stems are distinct, whatever their case, within
    a part, or with ``together`` over all parts; an image with the same objects in several parts then has one name."""
    named: dict[str, list[str]] = {}
    taken: set[str] = set()
    wanted = {part: [wanted_name(sample.path) for sample in samples] for part, samples in parts.items()}
    first_choices = {Path(name).stem.casefold() for names in wanted.values() for name in names}
    known: dict[Hashable, str] = {}
    for part, samples in parts.items():
        if not together:
            taken, known = set(), {}
        here: Counter[Hashable] = Counter()
        named[part] = []
        for sample, name in zip(samples, wanted[part]):
            content = (
                sample.path.absolute(),
                *(each.tobytes() for each in (sample.boxes, sample.labels, sample.ignore)),
            )
            here[content] += 1
            key = (content, here[content])  # one that a part has twice needs two names
            if key not in known:
                known[key] = _distinct(name, taken, first_choices)
            named[part].append(known[key])
    return named


def wanted_name(path: Path) -> str:
    """A file's name without what lists, jsons and xml files cannot hold, with the suffix of an image."""
    suffix = path.suffix if path.suffix.lower() in IMAGE_SUFFIXES else ""
    stem = path.name.removesuffix(suffix)
    stem = "".join(letter if letter.isprintable() and letter not in "\\:" else "_" for letter in stem).strip() or "_"
    # Behind a name and a blank, -1, 0 and 1 would mean the list of a class to those who read VOC's lists.
    stem = re.sub(r" (?=(?:-1|0|1)(?: |$))", "_", stem)
    return stem + (suffix or _suffix_by_content(path))


def is_as_said(sample: Sample) -> bool:
    """Whether an image can be read, by its header, and has the size that its annotation says."""
    try:
        return read_image_size(sample.path) == sample.size
    except ImageError:
        return False


def place_image(image: Path, place: Path, *, copy: bool) -> None:
    """Link to an image, or copy it. Raises UserError."""
    try:
        if copy:
            shutil.copyfile(image, place)
        else:
            place.symlink_to(image.resolve())
    except OSError as error:
        how = "copied" if copy else "linked to; --copy makes copies"
        raise UserError(f"{place.name}: {image} cannot be {how}: {error.strerror or error}") from error


def _suffix_by_content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return "." + read_header(file).format.lower().replace("jpeg", "jpg")
    except (OSError, ValueError):
        return ".jpg"  # it will be left out, for nobody can read it


def _distinct(name: str, taken: set[str], first_choices: set[str]) -> str:
    """The name, or with a number behind its stem, such that its stem is not taken; it is from now on."""
    stem, suffix = Path(name).stem, Path(name).suffix
    chosen, number = stem, 1
    while chosen.casefold() in taken or (number > 1 and chosen.casefold() in first_choices):
        number += 1
        chosen = f"{stem}-{number}"
    taken.add(chosen.casefold())
    return chosen + suffix
