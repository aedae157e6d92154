"""What COCO's json says, entry by entry, however wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import given_names
from yolov3.datasets.coco import image_folder, is_safe_name
from yolov3.datasets.coco_json import (
    OUTLINED,
    CocoJson,
    Entries,
    is_identifier,
    is_length,
    read_classes,
    read_coco_json,
)
from yolov3.datasets.label_format import Split
from yolov3.datasets.tree import Tree
from yolov3.doctor.survey import UNKNOWN_CLASS, Complaints, Listed, Lookup, Survey, classes_count_from_one
from yolov3.errors import UserError


def survey_coco(data: DataSection, tree: Tree, split: Split) -> Survey:
    """A split that ``data`` says the json of. Raises UserError when it is no such json, or its categories are wrong."""
    given = getattr(data, split)
    if not isinstance(given, str):
        raise UserError(f"data.{split}: a COCO split is one json file, found {list(given)}")
    file = next((place for place in (tree.root / given, Path(given)) if place.is_file()), tree.root / given)
    content = read_coco_json(file)
    classes, _ = read_classes(content)
    names = given_names(data)
    if names is not None and names != classes.names:
        raise UserError(f"{file}: its categories are {list(classes.names)}, but data.names says {list(names)}")
    complaints = Complaints(split)
    folder = image_folder(tree, file, getattr(data, f"{split}_images"), content.images)
    listed, entries = _list_images(content, folder, tree, complaints)
    ids = [entry["id"] for entry in entries]
    kept = _kept_annotations(content, ids, complaints)
    places = [place for place, _ in kept]
    index_of = {image_id: index for index, image_id in enumerate(ids)}

    def place_of(number: int) -> str:
        place = places[number]
        image = listed.found[index_of[content.annotations[place]["image_id"]]].name
        return f"{_where(file, 'annotations', content.annotations, place)}, {image}"

    return Survey(
        split=split,
        source=f"COCO, {split}: {file}, images in {folder}",
        format="coco",
        form="xywh",
        in_shares=False,
        one_based=False,
        images=tuple(listed.found),
        image_ids=tuple(ids),
        said_sizes=np.array([_said_size(entry) for entry in entries], np.int64).reshape(-1, 2),
        is_labelled=np.ones(len(ids), bool),
        image_index=np.array([index_of[entry["image_id"]] for _, entry in kept], np.int64),
        numbers=np.array([entry["bbox"] for _, entry in kept], np.float64).reshape(-1, 4),
        labels=_labels(kept, classes.category_ids, place_of, complaints),
        ignore=np.array([entry.get("iscrowd") in (1, True) for _, entry in kept], bool),
        names=classes.names,
        place_of=place_of,
        findings=complaints.findings(),
    )


def _list_images(
    content: CocoJson, folder: Path, tree: Tree, complaints: Complaints
) -> tuple[Listed, list[dict[str, Any]]]:
    """The images that are there, and their entries."""
    listed, entries, lookup = Listed([], []), [], Lookup(tree)
    seen: set[Any] = set()
    files: set[Path] = set()
    for place, entry in enumerate(content.images):
        where = _where(content.file, "images", content.images, place)
        name, number = entry.get("file_name"), entry.get("id")
        if not is_identifier(number) or type(name) is not str or not name.strip() or "\0" in name:
            complaints.add("broken-label", f"{where}: id and file_name are needed")
        elif number in seen:
            complaints.add("doubled-id", where)
        elif lookup.take(folder / name if is_safe_name(name) else None, name, where, listed, complaints):
            entries.append(entry)
            if listed.found[-1] in files:
                complaints.add("image-listed-twice", f"{where}: {name}")
            files.add(listed.found[-1])
        seen.add(number if is_identifier(number) else None)
    return listed, entries


def _kept_annotations(
    content: CocoJson, ids: list[int | str], complaints: Complaints
) -> list[tuple[int, dict[str, Any]]]:
    """The annotations of images that are there, with their places."""
    known = set(ids)
    named = {entry["id"] for entry in content.images if is_identifier(entry.get("id"))}
    times = Counter(entry["id"] for entry in content.annotations if is_identifier(entry.get("id")))
    told: set[Any] = set()
    kept = []
    for place, entry in enumerate(content.annotations):
        where = _where(content.file, "annotations", content.annotations, place)
        owner, number = entry.get("image_id"), entry.get("id")
        if is_identifier(number) and times[number] > 1 and number not in told:
            told.add(number)
            complaints.add("doubled-id", where)
        if OUTLINED in entry:
            complaints.add("outline", where)
        if not _is_box(entry.get("bbox")) or type(entry.get("category_id")) is not int or not is_identifier(owner):
            complaints.add("broken-label", f"{where}: image_id, category_id and bbox [x, y, width, height] are needed")
        elif owner not in named:
            complaints.add("object-of-no-image", f"{where}: image_id {owner}")
        elif owner in known:
            kept.append((place, entry))
    return kept


def _labels(
    kept: list[tuple[int, dict[str, Any]]],
    category_ids: tuple[int, ...],
    place_of: Callable[[int], str],
    complaints: Complaints,
) -> np.ndarray:
    label_of = {number: label for label, number in enumerate(category_ids)}
    used = [entry["category_id"] for _, entry in kept]
    is_row = list(category_ids) == list(range(category_ids[0], category_ids[0] + len(category_ids)))
    shifted = is_row and classes_count_from_one(used, len(category_ids), category_ids[0])
    for number, category in enumerate(used):
        if category not in label_of:
            complaints.add(
                "one-based-classes" if shifted else "unknown-class", f"{place_of(number)}: category {category}"
            )
    return np.array([label_of.get(category, UNKNOWN_CLASS) for category in used], np.int64)


def _said_size(entry: dict[str, Any]) -> tuple[int, int]:
    height, width = entry.get("height", 0), entry.get("width", 0)
    return (int(height), int(width)) if is_length(height) and is_length(width) else (0, 0)


def _is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**63)


def _where(file: Path, table: str, entries: Entries, place: int) -> str:
    number = entries[place].get("id")
    return f"{file}: {table}[{place}]" + (f" (id {number})" if is_identifier(number) else "")
