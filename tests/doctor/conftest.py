"""A small data set in which nothing is wrong, written in each format, to be broken in one place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from yolov3.catalogue.opening import find_data
from yolov3.config.experiment import DataSection
from yolov3.doctor.look import look_at_all
from yolov3.doctor.opened import OpenedSplit, open_split, survey_splits
from yolov3.shapes.scene import draw_image
from yolov3.watching.watcher import Watcher

NAMES = ("round", "long", "pointed")
SIZE = (160, 208)  # height, width
TRAIN, VAL = 24, 8


@dataclass
class Item:
    """An image of a split: its file's name and bytes, and its objects [label, left, top, right, bottom]."""

    split: str
    stem: str
    data: bytes
    objects: list[list[float]] = field(default_factory=list)


class Data:
    """The items and how each format writes them. What a test changes is its own."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.names = list(NAMES)
        self.size = SIZE

    def copy(self) -> Data:
        return copy.deepcopy(self)

    def of(self, split: str) -> list[Item]:
        return [item for item in self.items if item.split == split]

    def write(self, format: str, root: Path) -> Path:
        """Write all of it; images in ``images`` (VOC: ``JPEGImages``)."""
        images = self.images(format, root)
        images.mkdir(parents=True)
        for item in self.items:
            (images / f"{item.stem}.jpg").write_bytes(item.data)
        {"coco": self._coco, "voc": self._voc, "yolo": self._yolo}[format](root)
        return root

    def images(self, format: str, root: Path) -> Path:
        return root / ("JPEGImages" if format == "voc" else "images")

    def labels(self, format: str, root: Path, item: Item) -> Path:
        """The file with the objects of an image."""
        if format == "coco":
            return root / "annotations" / f"instances_{item.split}.json"
        return (
            root
            / ("Annotations" if format == "voc" else "labels")
            / f"{item.stem}.{'xml' if format == 'voc' else 'txt'}"
        )

    def list_of(self, format: str, root: Path, split: str) -> Path:
        """The file that says which images are in a split."""
        return root / "ImageSets" / "Main" / f"{split}.txt" if format == "voc" else root / f"{split}.txt"

    def _coco(self, root: Path) -> None:
        (root / "annotations").mkdir()
        for split in dict.fromkeys(item.split for item in self.items):
            numbered = list(enumerate(self.of(split), start=1))
            annotations: list[dict[str, Any]] = []
            for image_id, item in numbered:
                for label, left, top, right, bottom in item.objects:
                    annotations.append(
                        {"id": len(annotations) + 1, "image_id": image_id, "category_id": int(label) + 1, "iscrowd": 0,
                         "bbox": [left, top, right - left, bottom - top]}
                    )  # fmt: skip
            content = {
                "images": [
                    {"id": image_id, "file_name": f"{item.stem}.jpg", "height": self.size[0], "width": self.size[1]}
                    for image_id, item in numbered
                ],
                "annotations": annotations,
                "categories": [{"id": number, "name": name} for number, name in enumerate(self.names, start=1)],
            }
            (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))

    def _voc(self, root: Path) -> None:
        (root / "Annotations").mkdir()
        (root / "ImageSets" / "Main").mkdir(parents=True)
        for split in dict.fromkeys(item.split for item in self.items):
            names = "".join(f"{item.stem}\n" for item in self.of(split))
            (root / "ImageSets" / "Main" / f"{split}.txt").write_text(names)
        height, width = self.size
        for item in self.items:
            lines = ["<annotation>", f"<size><width>{width}</width><height>{height}</height></size>"]
            for label, left, top, right, bottom in item.objects:
                one = int(right > left and bottom > top)
                corners = zip(("xmin", "ymin", "xmax", "ymax"), (left + one, top + one, right, bottom))
                box = "".join(f"<{side}>{value}</{side}>" for side, value in corners)
                lines += ["<object>", f"<name>{self.names[int(label)]}</name>", f"<bndbox>{box}</bndbox>", "</object>"]
            (root / "Annotations" / f"{item.stem}.xml").write_text("\n".join((*lines, "</annotation>")))

    def _yolo(self, root: Path) -> None:
        (root / "labels").mkdir()
        (root / "classes.txt").write_text("\n".join(self.names))
        for split in dict.fromkeys(item.split for item in self.items):
            names = "".join(f"images/{item.stem}.jpg\n" for item in self.of(split))
            (root / f"{split}.txt").write_text(names)
        for item in self.items:
            rows = (self.row(*each) for each in item.objects)
            (root / "labels" / f"{item.stem}.txt").write_text("".join(f"{row}\n" for row in rows))

    def row(self, label: float, left: float, top: float, right: float, bottom: float) -> str:
        """A line of YOLO's."""
        height, width = self.size
        shares = (
            (left + right) / 2 / width,
            (top + bottom) / 2 / height,
            (right - left) / width,
            (bottom - top) / height,
        )
        return " ".join((str(int(label)), *map(repr, shares)))


def _draw(split: str, number: int) -> Item:
    generator = np.random.default_rng((7, number, split == "val"))
    drawn = draw_image(generator, SIZE)
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(drawn.image, cv2.COLOR_RGB2BGR))
    assert done
    objects = [[label % len(NAMES), *box] for label, box in zip(drawn.labels.tolist(), drawn.boxes.tolist())]
    return Item(split, f"{split}{number:03d}", encoded.tobytes(), objects)


@pytest.fixture(scope="session")
def drawn() -> Data:
    """The data as it was drawn; do not change it."""
    numbers = [("train", number) for number in range(TRAIN)] + [("val", number) for number in range(VAL)]
    return Data([_draw(split, number) for split, number in numbers])


@pytest.fixture
def data(drawn: Data) -> Data:
    """The data, to be changed."""
    return drawn.copy()


@pytest.fixture(scope="session")
def opened() -> Callable[[Path], dict[str, OpenedSplit]]:
    """Opens the splits of a folder as the checks see them."""

    def open_all(root: Path) -> dict[str, OpenedSplit]:
        surveys = survey_splits(find_data(DataSection(root=str(root)))).surveys
        looks = look_at_all((path for survey in surveys for path in survey.images), Watcher())
        return {each.split: open_split(each, tuple(looks[path] for path in each.images)) for each in surveys}

    return open_all
