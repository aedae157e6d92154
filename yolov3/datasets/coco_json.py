"""What COCO's json says, entry by entry: boxes as xywh, categories by ids of its own.

Whatever evaluation would silently get wrong is refused: doubled ids, numbers that are none, unknown categories. An
annotation with an outline and no box gets the box around it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.boxes import xywh_to_xyxy
from yolov3.datasets.assemble import Classes, Objects, check_class_names, require_distinct
from yolov3.errors import UserError
from yolov3.files.reading import is_there, open_file
from yolov3.files.refusals import named
from yolov3.machine.memory import GIB, free_memory
from yolov3.watching.printable import LONGEST_NAMES, printable, quoted, shortened

Entries = list[dict[str, Any]]

OUTLINED = "box from its outline"  # the mark of an annotation whose box was made here; no key of COCO's
_SMALL_JSON = 4_000_000  # bytes that are looked through for words
_OPENING = 4_000
BYTES_PER_BYTE = 2.3
"""Memory for each byte of a json while it is read: itself, its text, numbers of outlines until they are let go. Measured."""
BYTES_PER_ENTRY = 100
"""Memory for each object and list of a json beside that, at least. Measured: files of nothing else need 90."""
BACKGROUND_NAMES = ("_background_", "__ignore__", "background")


@dataclass(frozen=True)
class CocoJson:
    """A file's three tables."""

    file: Path
    images: Entries
    annotations: Entries
    categories: Entries

    @property
    def outlines(self) -> int:
        """So many boxes were made from outlines."""
        return sum(OUTLINED in entry for entry in self.annotations)


def read_coco_json(file: Path, *, keep_outlines: bool = False) -> CocoJson:
    """The tables of a file; outlines are there only where they are to be kept, as texts of json. Raises UserError when it is
    not COCO's json."""
    if not is_there(file):
        raise UserError(f"{named(file)}: the annotation file does not exist")
    try:
        content = json.loads(_read_within_memory(file), object_hook=partial(_with_box, keep_outlines=keep_outlines))
    except RecursionError as error:
        raise UserError(f"{file}: not readable as json: nested too deeply") from error
    except MemoryError as error:
        raise UserError(f"{file}: there is not enough memory for what is in it") from error
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{file}: not readable as json: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected an object with images, annotations, categories; found {_show(content)}")
    for key in ("images", "annotations", "categories"):
        entries = content.get(key)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f"{file}: {key}: expected a list of objects, found {_show(entries)}")
    return CocoJson(file, content["images"], content["annotations"], content["categories"])


def _read_within_memory(file: Path) -> bytes:
    """The bytes of a json. Raises UserError where there is not the memory to read them, or for what they hold: half an hour
    of a machine that swaps says less."""
    with open_file(file) as stream:
        size = os.fstat(stream.fileno()).st_size
        _require_memory(file, size, BYTES_PER_BYTE * size)
        content = stream.read()
    entries = content.count(b"{") + content.count(b"[")
    _require_memory(file, size, (BYTES_PER_BYTE - 1) * size + BYTES_PER_ENTRY * entries)
    return content


def _require_memory(file: Path, size: int, needed: float) -> None:
    free = free_memory()
    if free is not None and needed > free:
        raise UserError(
            f"{file}: {size / GIB:.2f} GiB of json need about {needed / GIB:.2f} GiB of memory, {free / GIB:.2f} GiB are free"
        )


def looks_like_coco(file: Path) -> bool:
    """Whether a json file could be COCO's, from its words; a large one from its first ones."""
    try:
        with open_file(file) as stream:
            start = stream.read(_SMALL_JSON)
            is_whole = not stream.read(1)
    except UserError:
        return False
    if b'"shapes"' in start[:_OPENING] or b'"imageData"' in start[:_OPENING]:
        return False  # LabelMe's: a file per image
    if is_whole:
        return b'"images"' in start and b'"annotations"' in start
    return any(word in start for word in (b'"images"', b'"annotations"', b'"licenses"'))


def _with_box(entry: dict[str, Any], *, keep_outlines: bool) -> dict[str, Any]:
    # Outlines are nine tenths of the memory of a large file: let go while the file is parsed, or packed.
    outline = entry.pop("segmentation", None)
    if outline and not entry.get("bbox") and "image_id" in entry:
        box = _box_around(outline)
        if box is not None:
            entry.update({"bbox": box, OUTLINED: True})
    if outline and keep_outlines:
        entry["segmentation"] = json.dumps(outline)
    return entry


def _box_around(outline: Any) -> list[float] | None:
    """xywh around polygons, or around a mask in COCO's run lengths; None where it is neither."""
    if isinstance(outline, dict):
        return _box_around_mask(outline)
    try:
        corners = np.array([number for polygon in outline for number in polygon], np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        return None
    if not len(corners) or not np.isfinite(corners).all():
        return None
    least, most = corners.min(axis=0), corners.max(axis=0)
    return [*least.tolist(), *(most - least).tolist()]


def _box_around_mask(mask: dict[str, Any]) -> list[float] | None:
    size, counts = mask.get("size"), mask.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(is_length(side) for side in size)):
        return None
    from pycocotools import mask as masks

    if isinstance(counts, str):
        if not counts.isascii():
            return None
        coded = {"size": size, "counts": counts.encode()}
    elif isinstance(counts, list) and all(_is_integer(count) and count >= 0 for count in counts):
        if sum(counts) != size[0] * size[1]:
            return None
        coded = masks.frPyObjects({"size": size, "counts": counts}, *size)
    else:
        return None
    return [float(number) for number in masks.toBbox(coded)]


def read_classes(content: CocoJson) -> tuple[Classes, str | None]:
    """The classes, and what is to be told of those that were left out. Raises UserError."""
    file, categories = content.file, content.categories
    ids = column(file, "categories", categories, "id", _is_integer, "an integer")
    names = column(file, "categories", categories, "name", _is_name, "a name")
    require_distinct(ids, what="id", source=f"{file}: categories")
    if not ids:
        raise UserError(f"{file}: categories: none are given")
    placeholder = _placeholder(content)
    pairs = sorted((number, name) for number, name in zip(ids, names) if number != placeholder)
    check_class_names([name for _, name in pairs], source=f"{file}: categories")
    note = None
    if placeholder is not None:
        named = dict(zip(ids, names))[placeholder]
        note = f"category {placeholder} ({named}) is left out: it has no objects and is no class of its own"
    return Classes(names=tuple(name for _, name in pairs), category_ids=tuple(number for number, _ in pairs)), note


def _placeholder(content: CocoJson) -> int | None:
    """The id of a first category that is none: the background of some tools, the project's name of others, under which
    all categories stand. It never has objects."""
    if len(content.categories) < 2:
        return None
    first = min(content.categories, key=lambda entry: entry["id"])
    others = [entry for entry in content.categories if entry is not first]
    is_parent = all(entry.get("supercategory") == first["name"] for entry in others)
    is_background = str(first["name"]).lower() in BACKGROUND_NAMES
    if first["id"] > 0 or not (is_parent or is_background):
        return None
    is_used = any(entry.get("category_id") == first["id"] for entry in content.annotations)
    return None if is_used else first["id"]


def read_objects(content: CocoJson, image_ids: Sequence[int | str], classes: Classes) -> Objects:
    """The objects of the images with these ids. Raises UserError naming the entry."""
    file, annotations = content.file, content.annotations
    numbered = [entry["id"] for entry in annotations if "id" in entry]
    column(file, "annotations", [e for e in annotations if "id" in e], "id", is_identifier, "an integer or a string")
    require_distinct(numbered, what="id", source=f"{file}: annotations")
    boxes = column(file, "annotations", annotations, "bbox", _is_box, "[x, y, width, height], finite numbers")
    owners = column(file, "annotations", annotations, "image_id", is_identifier, "an integer or a string")
    categories = column(file, "annotations", annotations, "category_id", _is_integer, "an integer")
    index_of = {image_id: index for index, image_id in enumerate(image_ids)}
    label_of = {number: label for label, number in enumerate(classes.category_ids)}
    _require_known(file, annotations, "image_id", owners, index_of, "one of the file's images")
    _require_known(
        file, annotations, "category_id", categories, label_of, f"one of {quoted(list(label_of), LONGEST_NAMES)}"
    )
    xywh = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes)).reshape(-1, 4)
    return Objects(
        image_index=integers([index_of[owner] for owner in owners]),
        boxes=xywh_to_xyxy(xywh),
        labels=integers([label_of[category] for category in categories]),
        ignore=_optional(file, annotations, "iscrowd", 0, _is_flag, "0 or 1").astype(bool),
        areas=_optional(file, annotations, "area", float("nan"), _is_area, "a finite number, 0 or more"),
    )


def column(file: Path, table: str, entries: Entries, key: str, test: Callable[[Any], bool], allowed: str) -> list[Any]:
    """One key of all entries of a table. Raises UserError naming the first entry whose value does not pass the test."""
    values = [entry.get(key) for entry in entries]
    if not all(map(test, values)):
        place = next(place for place, value in enumerate(values) if not test(value))
        where = _name_of(table, entries[place], place)
        found = f"found {_show(values[place])}" if key in entries[place] else "is missing"
        raise UserError(f"{file}: {where}: {key} {found}; expected {allowed}")
    return values


def _optional(
    file: Path, entries: Entries, key: str, default: float, test: Callable[[Any], bool], allowed: str
) -> np.ndarray:
    """One key of all entries, where it may be absent, as (M,) float64."""
    having = [entry for entry in entries if key in entry]
    column(file, "annotations", having, key, test, allowed)
    return np.array([entry.get(key, default) for entry in entries], np.float64)


def _require_known(
    file: Path, entries: Entries, key: str, values: list[Any], known: dict[Any, int], allowed: str
) -> None:
    unknown = set(values).difference(known)
    if unknown:
        place = next(place for place, value in enumerate(values) if value in unknown)
        where = _name_of("annotations", entries[place], place)
        raise UserError(f"{file}: {where}: {key} found {_show(values[place])}; expected {allowed}")


def _name_of(table: str, entry: dict[str, Any], place: int) -> str:
    number = entry.get("id")
    return f"{table}[{place}]" + (f" (id {_show(number)})" if is_identifier(number) else "")


def _show(value: Any) -> str:
    """A value as json writes it, as far as a message repeats it."""
    try:
        return printable(shortened(json.dumps(value, default=str), 80))
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return quoted(value, 80)


def integers(values: Sequence[int]) -> np.ndarray:
    """(M,) int64."""
    return np.fromiter(values, np.int64, len(values))


# type() and not isinstance(): True is an int in Python and none in json.
def _is_integer(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def is_identifier(value: Any) -> bool:
    """Whether a value of a json can name an image or an annotation."""
    return type(value) is str or _is_integer(value)


def _is_name(value: Any) -> bool:
    return type(value) is str and value.strip() != ""


def is_length(value: Any) -> bool:
    """Whether a value of a json can be a side of an image."""
    return type(value) is int and 1 <= value < 2**31


def _is_number(value: Any) -> bool:
    return (type(value) is float and isfinite(value)) or (type(value) is int and abs(value) < 2**63)


def _is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and all(map(_is_number, value))


def _is_flag(value: Any) -> bool:
    return (type(value) is int and value in (0, 1)) or type(value) is bool


def _is_area(value: Any) -> bool:
    return _is_number(value) and value >= 0
