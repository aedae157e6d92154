"""COCO's json: one file for a split, boxes as xywh, categories by ids of its own.

The file's category ids may have gaps; in ascending order they become labels 0, 1, ... and stay in
``Dataset.category_ids``. Crowd regions become ignored objects. The file's image sizes are believed here and held
against the images when those are decoded: reading the headers of 118 000 files would take minutes on a slow disk.
Whatever evaluation would silently get wrong is refused: doubled ids, numbers that are none, unknown categories.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.boxes import xywh_to_xyxy
from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import (
    Classes,
    Images,
    Objects,
    assemble,
    given_names,
    list_files,
    require_distinct,
    require_images,
)
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import LabelFormat, Split
from yolov3.errors import UserError
from yolov3.images.files import read_image_size

PROBED_IMAGES = 20  # so many file names are looked for when the folder of the images is told from the json's name
# Below the folder of the images: not absolute, no drive, no backslash, no NUL, no step upwards.
_SAFE_NAME = re.compile(r"(?![/]|[A-Za-z]:|(?:.*/)?\.\.(?:/|$))[^\\\0]+", re.DOTALL)


def read_coco(data: DataSection, root: Path, split: Split) -> Dataset:
    """The samples of the json that ``data`` names for ``split``. Raises UserError naming the file and the entry."""
    given = getattr(data, split)
    if not isinstance(given, str):
        raise UserError(f"data.{split}: a COCO split is one json file, found {list(given)}")
    file = root / given
    content = _load(file)
    classes = _read_classes(file, content["categories"])
    names = given_names(data)
    if names is not None and names != classes.names:
        raise UserError(f"{file}: its categories are {list(classes.names)}, but data.names says {list(names)}")
    folder = _image_folder(root, file, getattr(data, f"{split}_images"), content["images"])
    images = _read_images(file, folder, content["images"])
    objects = _read_objects(file, content["annotations"], images, classes)
    problems = []
    if len(set(images.paths)) < len(images.paths):
        problems.append(f"{file}: {len(images.paths) - len(set(images.paths))} images name a file named before")
    source = f"COCO, {split}: {file}, images in {folder}"
    return assemble(images, objects, classes, source=source, problems=problems)


def recognises(root: Path, given: tuple[str, ...]) -> bool:
    """Whether a folder has annotations in json, or a json is named."""
    return any(text.endswith(".json") for text in given) or bool(_json_files(root))


def find_split(root: Path, words: tuple[str, ...]) -> str:
    """The one json whose name holds one of the words. Raises UserError when there are several or none."""
    files = _json_files(root)
    boxes = [file for file in files if not file.startswith(("captions_", "person_keypoints_", "panoptic_"))]
    matching = [file for file in boxes if any(f"_{word}" in f"_{file}" for word in words)]
    if len(matching) != 1:
        found = ", ".join(matching or files) or "none"
        raise UserError(
            f"{root / 'annotations'}: which file is the {words[0]} split? Give data.{words[0]}; found: {found}"
        )
    return f"annotations/{matching[0]}"


def _json_files(root: Path) -> list[str]:
    return sorted(name for name in list_files(root / "annotations") if name.endswith(".json"))


def _load(file: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        content = json.loads(file.read_bytes(), object_hook=_without_outlines)
    except FileNotFoundError as error:
        raise UserError(f"{file}: the annotation file does not exist") from error
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from error
    except RecursionError as error:
        raise UserError(f"{file}: not readable as json: nested too deeply") from error
    except ValueError as error:
        raise UserError(f"{file}: not readable as json: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected an object with images, annotations, categories; found {_show(content)}")
    for key in ("images", "annotations", "categories"):
        entries = content.get(key)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f"{file}: {key}: expected a list of objects, found {_show(entries)}")
    return content


def _without_outlines(entry: dict[str, Any]) -> dict[str, Any]:
    # Nine tenths of the memory of a large file, and not needed for boxes: let go while the file is parsed.
    entry.pop("segmentation", None)
    return entry


def _read_classes(file: Path, categories: list[dict[str, Any]]) -> Classes:
    ids = _column(file, "categories", categories, "id", _is_integer, "an integer")
    names = _column(file, "categories", categories, "name", _is_name, "a name")
    require_distinct(ids, what="id", source=f"{file}: categories")
    if not ids:
        raise UserError(f"{file}: categories: none are given")
    pairs = sorted(zip(ids, names))
    return Classes(names=tuple(name for _, name in pairs), category_ids=tuple(number for number, _ in pairs))


def _image_folder(root: Path, file: Path, given: str | None, images: list[dict[str, Any]]) -> Path:
    """The folder that ``file_name`` counts from: as given, or the likely one that has most of the first images."""
    if given is not None:
        if not (root / given).is_dir():
            raise UserError(f"{root / given}: the folder of the images does not exist")
        return root / given
    name = file.stem.removeprefix("instances_")
    candidates = [root / name, root / "images" / name, file.parent, root / "images", root]
    folders = [folder for folder in candidates if folder.is_dir()]
    probes = [image.get("file_name") for image in images[:PROBED_IMAGES]]
    names = [probe for probe in probes if isinstance(probe, str) and _SAFE_NAME.fullmatch(probe)]
    return max(folders, key=lambda folder: sum((folder / name).is_file() for name in names), default=root)


def _read_images(file: Path, folder: Path, images: list[dict[str, Any]]) -> Images:
    ids = _column(file, "images", images, "id", _is_identifier, "an integer or a string")
    names = _column(file, "images", images, "file_name", _is_safe_name, f"a path that stays below {folder}")
    require_distinct(ids, what="id", source=f"{file}: images")
    paths = [folder / name for name in names]
    require_images(paths, named_by=str(file))
    if all("width" in image and "height" in image for image in images):
        heights, widths = (_column(file, "images", images, k, _is_length, "a length") for k in ("height", "width"))
        sizes = np.column_stack((_integers(heights), _integers(widths)))
    else:
        sizes = np.array([read_image_size(path) for path in paths], np.int64)
    return Images(paths, sizes.reshape(-1, 2), ids)


def _read_objects(file: Path, annotations: list[dict[str, Any]], images: Images, classes: Classes) -> Objects:
    numbered = [entry["id"] for entry in annotations if "id" in entry]
    _column(file, "annotations", [e for e in annotations if "id" in e], "id", _is_identifier, "an integer or a string")
    require_distinct(numbered, what="id", source=f"{file}: annotations")
    boxes = _column(file, "annotations", annotations, "bbox", _is_box, "[x, y, width, height], finite numbers")
    owners = _column(file, "annotations", annotations, "image_id", _is_identifier, "an integer or a string")
    categories = _column(file, "annotations", annotations, "category_id", _is_integer, "an integer")
    index_of = {image_id: index for index, image_id in enumerate(images.image_ids)}
    label_of = {number: label for label, number in enumerate(classes.category_ids)}
    _require_known(file, annotations, "image_id", owners, index_of, "one of the file's images")
    _require_known(file, annotations, "category_id", categories, label_of, f"one of {list(label_of)}")
    xywh = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes)).reshape(-1, 4)
    return Objects(
        image_index=_integers([index_of[owner] for owner in owners]),
        boxes=xywh_to_xyxy(xywh),
        labels=_integers([label_of[category] for category in categories]),
        ignore=_optional(file, annotations, "iscrowd", 0, _is_flag, "0 or 1").astype(bool),
        areas=_optional(file, annotations, "area", float("nan"), _is_area, "a finite number, 0 or more"),
    )


def _column(
    file: Path, table: str, entries: list[dict[str, Any]], key: str, test: Callable[[Any], bool], allowed: str
) -> list[Any]:
    """One key of all entries. Raises UserError naming the first entry whose value does not pass the test."""
    values = [entry.get(key) for entry in entries]
    if not all(map(test, values)):
        place = next(place for place, value in enumerate(values) if not test(value))
        where = _name_of(table, entries[place], place)
        found = f"found {_show(values[place])}" if key in entries[place] else "is missing"
        raise UserError(f"{file}: {where}: {key} {found}; expected {allowed}")
    return values


def _optional(
    file: Path, entries: list[dict[str, Any]], key: str, default: float, test: Callable[[Any], bool], allowed: str
) -> np.ndarray:
    """One key of all entries, where it may be absent, as (M,) float64."""
    having = [entry for entry in entries if key in entry]
    _column(file, "annotations", having, key, test, allowed)
    return np.array([entry.get(key, default) for entry in entries], np.float64)


def _require_known(
    file: Path, entries: list[dict[str, Any]], key: str, values: list[Any], known: dict[Any, int], allowed: str
) -> None:
    unknown = set(values).difference(known)
    if unknown:
        place = next(place for place, value in enumerate(values) if value in unknown)
        where = _name_of("annotations", entries[place], place)
        raise UserError(f"{file}: {where}: {key} found {_show(values[place])}; expected {allowed}")


def _name_of(table: str, entry: dict[str, Any], place: int) -> str:
    number = entry.get("id")
    return f"{table}[{place}]" + (f" (id {_show(number)})" if _is_identifier(number) else "")


def _show(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _integers(values: Sequence[int]) -> np.ndarray:
    return np.fromiter(values, np.int64, len(values))


# type() and not isinstance(): True is an int in Python and none in json.
def _is_integer(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_identifier(value: Any) -> bool:
    return type(value) is str or _is_integer(value)


def _is_name(value: Any) -> bool:
    return type(value) is str and value.strip() != ""


def _is_safe_name(value: Any) -> bool:
    return type(value) is str and _SAFE_NAME.fullmatch(value) is not None


def _is_length(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**31


def _is_number(value: Any) -> bool:
    return (type(value) is float and isfinite(value)) or (type(value) is int and abs(value) < 2**63)


def _is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and all(map(_is_number, value))


def _is_flag(value: Any) -> bool:
    return (type(value) is int and value in (0, 1)) or type(value) is bool


def _is_area(value: Any) -> bool:
    return _is_number(value) and value >= 0


FORMAT = LabelFormat("coco", "annotations/*.json", recognises, find_split, read_coco)
