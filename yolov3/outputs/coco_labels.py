"""COCO's format, twice: ``detections.coco.json``, a data set of what was found, for the programs in which people correct
labels (CVAT, Label Studio) and for a training; ``predictions.json``, a results list, for COCO's own evaluation.

What is found goes into a file without a name until the end, because names, numbers and classes are known only then.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePath
from typing import IO, Any

from yolov3.files.atomic import write_atomically, write_json_list
from yolov3.files.class_names import class_key, published_names
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result, printable

DATASET, RESULTS = "detections.coco.json", "predictions.json"

COCO_IDS = tuple(number for number in range(1, 91) if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
"""The numbers that COCO's annotations give its 80 classes."""

LARGEST_ID = 2**31 - 1  # what every reader's integers hold


class CocoLabels(Output):
    """Both files of all frames.

    A file's image is named by its path below the folder that all of them lie in, and its id is the number that it is called
    by where all are called by different ones, as COCO's are; else ids count from 1. A frame is named as CVAT does it,
    ``NAME/frame_000012.jpg``, and what came from elsewhere ``NAME.jpg``. A file that is seen again is not written again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115 - until close
        self._files: dict[str, None] = {}
        self._names: tuple[str, ...] = ()
        self._num_labels = self._others = 0

    def write(self, result: Result) -> None:
        frame, found = result.frame, result.detections
        file, name = None, f"{result.name}.jpg"
        if frame.index is not None:
            name = f"{result.name}/frame_{frame.index:06d}.jpg"
        elif Path(frame.source).is_file():
            file = os.path.abspath(frame.source)  # noqa: PTH100 - without the dots, links as they are
            if file in self._files:
                return
            self._files[file] = None
        self._others += file is None
        self._names = found.names
        self._num_labels = max(self._num_labels, len(found.names), *(label + 1 for label in found.labels.tolist()), 0)
        height, width = frame.image.shape[:2]
        image: dict[str, Any] = {"width": width, "height": height}
        if frame.index is not None:
            seconds = None if frame.seconds is None else round(frame.seconds, 4)
            image |= {"frame": frame.index, "seconds": seconds}
        self._found.write(json.dumps([file, name, image, found.to_coco(image_id=0)]) + "\n")

    def close(self) -> None:
        with self._found:
            self._found.flush()
            write_atomically(self.folder / DATASET, self._write_dataset)
            write_atomically(self.folder / RESULTS, partial(_write_list, entries=self._results()))

    def _write_dataset(self, stream: IO[bytes]) -> None:
        ids = _category_ids(self._names, self._num_labels)
        names = [*self._names, *map(str, range(len(self._names), self._num_labels))]
        categories = [{"id": number, "name": printable(name)} for number, name in zip(ids, names, strict=True)]
        for key, entries in (("images", self._images()), ("annotations", self._annotations())):
            stream.write(f'{"{" if key == "images" else ","}"{key}":'.encode())
            _write_list(stream, entries)
        stream.write(f',"categories":{json.dumps(categories, ensure_ascii=False)}'.encode())
        stream.write(b',"info":{"description":"detections"},"licenses":[]}\n')

    def _images(self) -> Iterator[dict[str, Any]]:
        base = os.path.commonpath([os.path.dirname(file) for file in self._files] or ["/"])  # noqa: PTH120
        name_of = {file: printable(PurePath(file).relative_to(base).as_posix()) for file in self._files}
        taken = set(name_of.values())
        for number, (file, name, image, _) in self._frames():
            name = name_of[file] if file is not None else _distinct(name, taken)
            yield {"id": number, "file_name": name, **image}

    def _annotations(self) -> Iterator[dict[str, Any]]:
        for number, found in enumerate(self._results(), start=1):
            *_, width, height = found["bbox"]
            yield {"id": number, **found, "area": round(width * height, 3), "iscrowd": 0, "segmentation": []}

    def _results(self) -> Iterator[dict[str, Any]]:
        ids = _category_ids(self._names, self._num_labels)
        for number, (*_, rows) in self._frames():
            for row in rows:
                yield {**row, "image_id": number, "category_id": ids[row["category_id"]]}

    def _frames(self) -> Iterator[tuple[int, list[Any]]]:
        """What was written line by line, each with the id of its image."""
        self._found.seek(0)
        own = [] if self._others else _own_numbers(self._files)
        for place, line in enumerate(self._found):
            yield own[place] if own else place + 1, json.loads(line)


def open_output(folder: Path, options: OutputOptions) -> CocoLabels:
    """The files in a folder."""
    return CocoLabels(folder)


def _category_ids(names: tuple[str, ...], count: int) -> tuple[int, ...]:
    """COCO's own for its classes, else 1, 2 ...: programs take 0 for the background."""
    is_coco = count == len(COCO_IDS) and tuple(map(class_key, names)) == tuple(map(class_key, published_names("coco")))
    return COCO_IDS if is_coco else tuple(range(1, count + 1))


def _own_numbers(files: Iterable[str]) -> list[int]:
    """The numbers by which the files are called; none unless all are, by different ones."""
    stems = [PurePath(file).stem for file in files]
    # The length first: digits without end take Python's int long.
    if not all(len(stem) <= 20 and stem.isascii() and stem.isdecimal() for stem in stems):
        return []
    numbers = [int(stem) for stem in stems]
    return numbers if len(set(numbers)) == len(numbers) and max(numbers, default=0) <= LARGEST_ID else []


def _distinct(name: str, taken: set[str]) -> str:
    path, chosen, number = PurePath(name), name, 1
    while chosen in taken:
        number += 1
        chosen = path.with_stem(f"{path.stem}-{number}").as_posix()
    taken.add(chosen)
    return chosen


def _write_list(stream: IO[bytes], entries: Iterable[dict[str, Any]]) -> None:
    write_json_list(stream, (json.dumps(entry, ensure_ascii=False) for entry in entries))
