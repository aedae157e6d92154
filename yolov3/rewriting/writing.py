"""Samples written as a data set of a format, into a new folder, and proven by opening it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.catalogue.opening import find_data
from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import Classes, require_distinct
from yolov3.datasets.dataset import Dataset
from yolov3.errors import UserError
from yolov3.rewriting import coco_files, voc_files, yolo_files
from yolov3.rewriting.counts import PartCounts, count_part
from yolov3.rewriting.image_files import is_as_said, name_images, place_image
from yolov3.rewriting.label_writer import MARKS, LabelWriter, Losses, Marks, NamedParts, NamedSample, ReadMarks
from yolov3.rewriting.new_place import written_whole
from yolov3.rewriting.options import SPLIT_NAMES, FormatName
from yolov3.structures import Sample
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted, some

WRITERS: dict[FormatName, LabelWriter] = {
    "coco": coco_files.WRITER,
    "voc": voc_files.WRITER,
    "yolo": yolo_files.WRITER,
}

LARGEST_ERROR = 1e-3
"""Pixels by which a box may differ when it is read again."""

ADVANCE_EVERY = 50  # images


@dataclass(frozen=True)
class Content:
    """What is written: the ``parts`` by their names, whose ignored objects are called ``ignored`` (a noun), and what more is
    known of the objects of a sample of a part (``marks``)."""

    parts: Mapping[str, Dataset]
    ignored: str = "ignored object"
    marks: ReadMarks = lambda part, sample: ()


@dataclass(frozen=True)
class WrittenData:
    """A data set that was written: its ``folder`` and format, what is in each part now, and what is to be told."""

    folder: Path
    format: FormatName
    names: tuple[str, ...]
    parts: dict[str, PartCounts]
    notes: tuple[str, ...]

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        parts = {name: part.as_plain(self.names) for name, part in self.parts.items()}
        return {"folder": str(self.folder), "format": self.format, "parts": parts, "notes": list(self.notes)}


def write_data(content: Content, to: FormatName, out: Path, *, copy: bool, watcher: Watcher) -> WrittenData:
    """Write a data set into a new or empty folder. Raises UserError; what was written till then is gone."""
    writer, classes = WRITERS[to], _classes(content.parts)
    losses: Losses = Losses()
    with written_whole(out) as beside:
        parts, notes = _name(content, writer, losses, watcher)
        _place_images(parts, writer, beside, copy=copy, watcher=watcher)
        watcher.say("writing the labels")
        writer.write(beside, parts, classes)
        watcher.say("opening what was written")
        _prove(parts, classes.names, beside)
    first = next(iter(content.parts.values()))
    held = {part: replace(first, samples=tuple(n.sample for n in samples)) for part, samples in parts.items()}
    told = [f"{counted(count, noun)} {what}" for (noun, what), count in losses.items() if count]
    return WrittenData(out, to, classes.names, {part: count_part(each) for part, each in held.items()}, (*notes, *told))


def _classes(parts: Mapping[str, Dataset]) -> Classes:
    """The classes of all parts: COCO's own numbers where they count from 1 or more, else 1, 2 ... Raises UserError."""
    (first, one), *others = parts.items()
    for name, other in others:
        if other.names != one.names:
            raise UserError(f"{first} has the classes {list(one.names)}, but {name} has {list(other.names)}")
    if not one.names:
        raise UserError(f"{one.source}: has no classes")
    require_distinct(one.names, what="class name", source=one.source)
    is_kept = all(part.category_ids == one.category_ids for part in parts.values()) and min(one.category_ids) >= 1
    return Classes(one.names, one.category_ids if is_kept else tuple(range(1, len(one.names) + 1)))


def _name(content: Content, writer: LabelWriter, losses: Losses, watcher: Watcher) -> tuple[NamedParts, list[str]]:
    """The samples as the format holds them, with the names of their images; what is to be told of those names."""
    total = sum(map(len, content.parts.values()))
    usable: dict[str, list[Sample]] = {}
    left_out: list[str] = []
    done = 0
    for part, dataset in content.parts.items():
        usable[part] = []
        for sample in dataset.samples:
            if is_as_said(sample):
                usable[part].append(sample)
            else:
                left_out.append(sample.path.name)
            done += 1
            if done % ADVANCE_EVERY == 0:
                watcher.advance(done, total, text="looking at the images")
        if not usable[part]:
            raise UserError(f"{dataset.source}: none of its images can be read")
    names = name_images(usable, together=writer.is_shared)
    parts = {
        part: [
            NamedSample(
                writer.hold(sample, content.ignored, losses), name, _marks(content.marks(part, sample), writer, losses)
            )
            for sample, name in zip(samples, names[part], strict=True)
        ]
        for part, samples in usable.items()
    }
    notes = []
    if left_out:
        notes.append(
            f"left out: {counted(len(left_out), 'image')} that cannot be read or have another size than their annotations "
            f"say: {some(left_out)}"
        )
    renamed = [
        f"{n.sample.path.name} ({n.name})" for each in parts.values() for n in each if n.name != n.sample.path.name
    ]
    if renamed:
        notes.append(f"{counted(len(renamed), 'image')} got another name: {some(renamed)}")
    return parts, notes


def _marks(marks: tuple[Marks, ...], writer: LabelWriter, losses: Losses) -> tuple[Marks, ...]:
    """The marks; those that the format cannot hold are counted."""
    for mark in marks:
        for name in mark.said:
            if name not in writer.marks:
                noun, fate = MARKS[name]
                losses[noun, f"{fate}: {writer.title} has no place for it"] += 1
    return marks


def _place_images(parts: NamedParts, writer: LabelWriter, folder: Path, *, copy: bool, watcher: Watcher) -> None:
    total, done = sum(map(len, parts.values())), 0
    placed: set[Path] = set()
    for part, samples in parts.items():
        place = folder / writer.image_folder(part)
        place.mkdir(parents=True, exist_ok=True)
        for named in samples:
            if place / named.name not in placed:  # of two parts that share an image the first one has placed it
                place_image(named.sample.path, place / named.name, copy=copy)
                placed.add(place / named.name)
            done += 1
            if done % ADVANCE_EVERY == 0:
                watcher.advance(done, total, text="copying images" if copy else "linking images")


def _prove(parts: NamedParts, names: tuple[str, ...], folder: Path) -> None:
    """Open what was written as anybody would, and raise UserError where it is not what was to be written."""
    found = find_data(DataSection(root=str(folder)))
    for part, samples in parts.items():
        split = next((name for name in SPLIT_NAMES if name == part), None)
        opened = found.everything() if split is None else found.read(split)
        if opened.names != names:
            raise UserError(f"opened again, {part} has the classes {list(opened.names)}, not {list(names)}")
        by_name = {sample.path.name: sample for sample in opened.samples}
        if len(by_name) != len(samples) or len(opened) != len(samples):
            raise UserError(f"opened again, {part} has {len(opened)} images, not {len(samples)}")
        for named in samples:
            other = by_name.get(named.name)
            if other is None or not _are_alike(named.sample, other):
                raise UserError(f"{named.sample.path}: opened again as {named.name}, it has other objects")


def _are_alike(written: Sample, opened: Sample) -> bool:
    return (
        written.size == opened.size
        and np.array_equal(written.labels, opened.labels)
        and np.array_equal(written.ignore, opened.ignore)
        and bool((np.abs(written.boxes.astype(np.float64) - opened.boxes) <= LARGEST_ERROR).all())
    )
