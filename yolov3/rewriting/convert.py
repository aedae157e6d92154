"""A data set carried into another format, with all its splits; the original is only read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from yolov3.catalogue.naming import named_section
from yolov3.catalogue.opening import FoundData, find_data, open_splits
from yolov3.config.experiment import DataSection
from yolov3.datasets.coco import find_json
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.datasets.voc_xml import XmlFiles
from yolov3.errors import UserError
from yolov3.rewriting.label_writer import ReadMarks
from yolov3.rewriting.marks import outline_marks, read_marks, read_outlines
from yolov3.rewriting.new_place import require_new, require_outside
from yolov3.rewriting.options import SPLIT_NAMES, ConvertDataChanges, ConvertDataOptions
from yolov3.rewriting.sources import is_json
from yolov3.rewriting.writing import Content, WrittenData, write_data
from yolov3.rewriting.yolo_files import UNDIVIDED
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

IGNORED = {"coco": "crowd region", "voc": "difficult object"}
"""What the ignored objects of each format are."""


def convert_data(
    options: ConvertDataOptions | None = None, *, watcher: Watcher | None = None, **changes: Unpack[ConvertDataChanges]
) -> WrittenData:
    """Write a data set in another format: ``convert_data(data="mine", to="coco", out="mine_as_coco")``. ``changes`` are fields
    of the options.

    Classes in their order, boxes within a thousandth of a pixel, crowds and difficult
    objects as far as the format has such; what else the files say of objects (VOC: cut off, hidden, pose; COCO: outlines)
    where both formats are the same. What cannot be held is counted and told. A data set that is not divided stays so.
    Raises UserError."""
    options = ConvertDataOptions(**changes) if options is None else replace(options, **changes)
    watcher = watcher or Watcher()
    out = Path(options.out).absolute()
    require_new(out)
    section = named_section(options.data, options.changes).model_copy(update={"overfit": 0})
    found = find_data(section)
    require_outside(out, found.tree.root)
    splits: Sequence[Split] | None = options.splits
    if splits is None and is_json(options.data):
        splits = ("val",)  # as which it was named
    parts = _read_parts(section, found, splits)
    content = Content(parts, IGNORED.get(found.format.name, "ignored object"))
    if found.format.name == "voc":
        content = replace(content, marks=_voc_marks(parts, found))
    if found.format.name == "coco":
        watcher.say("reading the outlines")
        content = replace(content, marks=_coco_marks(parts, found))
    written = write_data(content, options.to, out, copy=options.copy, watcher=watcher)
    return replace(written, notes=(*_notes_of(parts), *written.notes))


def _voc_marks(parts: dict[str, Dataset], found: FoundData) -> ReadMarks:
    xml_files, names = XmlFiles(found.tree), next(iter(parts.values())).names
    return lambda part, sample: read_marks(sample, names, xml_files, one_based=found.data.one_based)


def _coco_marks(parts: dict[str, Dataset], found: FoundData) -> ReadMarks:
    file_of = {part: _json_of(part, found) for part in parts}
    rows = {file: read_outlines(file) for file in set(file_of.values())}
    return lambda part, sample: outline_marks(sample, parts[part].category_ids, rows[file_of[part]])


def _json_of(part: str, found: FoundData) -> Path:
    """The json that a part was read from: its own, or the one that all parts are taken from."""
    own = next((split for split in SPLIT_NAMES if split == part and (split == "test" or not found.is_divided)), None)
    where = found.where("train") or found.format.find_all(found.tree) if own is None else found.where(own)
    return find_json(found.tree, str(where))


def _read_parts(section: DataSection, found: FoundData, wanted: Sequence[Split] | None) -> dict[str, Dataset]:
    """The splits that are wanted, or all there are; of a data set that has none, all images as one part."""
    if found.is_divided:
        splits = open_splits(section)
        parts: dict[str, Dataset] = {"train": splits.train, "val": splits.val}
        if found.where("test") is not None and (wanted is None or "test" in wanted):
            parts["test"] = found.read("test")
        return {name: part for name, part in parts.items() if wanted is None or name in wanted}
    if wanted is not None:
        return {split: found.read(split) for split in SPLIT_NAMES if split in wanted}
    there = [split for split in SPLIT_NAMES if found.where(split) is not None]
    if not there:
        return {UNDIVIDED: found.everything()}
    try:
        return {split: found.read(split) for split in there}
    except UserError as error:
        # Data YAMLs name splits that nobody has fetched.
        raise UserError(f"{error}; --splits names those that are to be written") from error


def _notes_of(parts: dict[str, Dataset]) -> list[str]:
    """What the readers had to say, each once."""
    notes = []
    for name, part in parts.items():
        report = part.report
        notes += list(report.problems)
        dropped = report.dropped_zero_area + report.dropped_outside
        if dropped:
            notes.append(f"{name}: {counted(dropped, 'box')} without area or outside of the image left out")
        if report.clipped:
            notes.append(f"{name}: {counted(report.clipped, 'box')} cut at the edge of the image")
    return list(dict.fromkeys(notes))
