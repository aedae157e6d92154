"""The files of a division, and the settings by which they are opened again.

VOC and YOLO (Darknet's too) take a list of images for a split, a path per line counted from the data set's folder. A COCO
split is a json: each part gets one of its own, with all that the original says of its images and their annotations, outlines
and foreign keys among them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.catalogue.division import image_names
from yolov3.catalogue.opening import FoundData, open_dataset
from yolov3.config.experiment import DataSection
from yolov3.config.loading import validate_section
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.errors import UserError
from yolov3.files.atomic import write_whole


def write_parts(parts: Mapping[Split, Dataset], found: FoundData, folder: Path) -> None:
    """Write a list, or a json, for each part into a folder. Raises UserError for names that no list can hold."""
    if found.format.name == "coco":
        _write_jsons(parts, found, folder)
        return
    for split, part in parts.items():
        names = image_names(part, found.tree.root)
        for name in names:
            _require_listable(name)
        write_whole(folder / f"{split}.txt", "".join(f"{name}\n" for name in names).encode())


def settings_of(parts: Mapping[Split, Dataset], found: FoundData, folder: Path) -> dict[str, Any]:
    """The keys of a data YAML for parts whose files lie in a folder."""
    folder = folder.absolute()
    settings: dict[str, Any] = {"root": str(found.tree.root.absolute()), "format": found.format.name}
    if found.format.name == "coco":
        images = str(_image_folder(parts))
        for split in parts:
            settings |= {split: str(folder / f"instances_{split}.json"), f"{split}_images": images}
    else:
        settings |= {split: str(folder / f"{split}.txt") for split in parts}
        settings["names"] = list(next(iter(parts.values())).names)
    if not found.data.one_based:
        settings["one_based"] = False
    if "test" not in parts and found.data.test is not None:  # what the data set says of its test images holds on
        test = found.data.test
        settings["test"] = test if isinstance(test, str) else list(test)
        if found.data.test_images is not None:
            settings["test_images"] = found.data.test_images
    return settings


def prove_division(parts: Mapping[Split, Dataset], settings: dict[str, Any]) -> None:
    """Open the parts as a data YAML with these settings would be, and raise UserError where that gives anything else."""
    section = validate_section(DataSection, settings, "the division")
    for split, part in parts.items():
        opened = open_dataset(section, split)
        if opened.names != part.names:
            raise UserError(f"{part.source}: opened again, {split} has the classes {opened.names}, not {part.names}")
        if len(opened) != len(part):
            raise UserError(f"{part.source}: opened again, {split} has {len(opened)} images, not {len(part)}")
        for found, expected in zip(opened.samples, part.samples):
            is_same = found.path.absolute() == expected.path.absolute() and all(
                np.array_equal(getattr(found, name), getattr(expected, name)) for name in ("boxes", "labels", "ignore")
            )
            if not is_same:
                raise UserError(f"{expected.path}: opened again from the list for {split}, it is another image")


def _require_listable(name: str) -> None:
    """A list has a name per line, without blanks and quotes around it, in UTF-8."""
    try:
        name.encode()
        fits = name == name.strip().strip("\"'") and "\n" not in name
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise UserError(f"{name!r}: an image of this name cannot stand in a list; rename it")


def _image_folder(parts: Mapping[Split, Dataset]) -> Path:
    """The folder that all images of a COCO data set lie in or below."""
    folders = {sample.path.absolute().parent for part in parts.values() for sample in part.samples}
    return Path(os.path.commonpath(folders))


def _write_jsons(parts: Mapping[Split, Dataset], found: FoundData, folder: Path) -> None:
    """A json per part: the tables of the original with the rows of the part's images."""
    given = str(found.data.train)
    places = (found.tree.root / given, Path(given))
    content = json.loads(next(place for place in places if place.is_file()).read_bytes())
    base = _image_folder(parts)
    for split, part in parts.items():
        # Images may lie elsewhere than the json says: the part's says where they were found.
        name_of = {sample.image_id: sample.path.absolute().relative_to(base).as_posix() for sample in part.samples}
        images = [{**row, "file_name": name_of[row["id"]]} for row in content["images"] if row["id"] in name_of]
        annotations = [row for row in content["annotations"] if row["image_id"] in name_of]
        text = json.dumps({**content, "images": images, "annotations": annotations})
        write_whole(folder / f"instances_{split}.json", text.encode())
