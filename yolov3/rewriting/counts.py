"""How many images and objects of each class are in the parts of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolov3.datasets.dataset import Dataset
from yolov3.watching.tables import NumberTable


@dataclass(frozen=True)
class PartCounts:
    """The ``images`` of a part, those without objects (``backgrounds``), and by class, in the order of the labels, the
    images with an object of it and the objects, crowds and difficult ones among them."""

    images: int
    backgrounds: int
    images_of: tuple[int, ...]
    objects_of: tuple[int, ...]

    @property
    def objects(self) -> int:
        """Of all classes."""
        return sum(self.objects_of)

    def as_plain(self, names: tuple[str, ...]) -> dict[str, Any]:
        """For JSON."""
        classes = [
            {"name": name, "images": images, "objects": objects}
            for name, images, objects in zip(names, self.images_of, self.objects_of, strict=True)
        ]
        return {"images": self.images, "backgrounds": self.backgrounds, "objects": self.objects, "classes": classes}


def count_part(dataset: Dataset) -> PartCounts:
    """The counts of a part."""
    images, objects = (np.zeros(len(dataset.names), np.int64) for _ in range(2))
    backgrounds = 0
    for sample in dataset.samples:
        here = np.bincount(sample.labels, minlength=len(dataset.names))
        objects += here
        images += here > 0
        backgrounds += not len(sample.labels)
    return PartCounts(len(dataset.samples), backgrounds, tuple(images.tolist()), tuple(objects.tolist()))


def counts_table(names: tuple[str, ...], parts: Mapping[str, PartCounts]) -> NumberTable:
    """A row per class, one for images without objects where there are any, and one for all; for each part how many images
    have objects of the class, and how many objects there are."""
    headings = [f"{part} {what}" for part in parts for what in ("images", "objects")]
    rows = [
        (name, *(str(count) for part in parts.values() for count in (part.images_of[label], part.objects_of[label])))
        for label, name in enumerate(names)
    ]
    if any(part.backgrounds for part in parts.values()):
        rows.append(("(no objects)", *(text for part in parts.values() for text in (str(part.backgrounds), "0"))))
    rows.append(("all", *(str(count) for part in parts.values() for count in (part.images, part.objects))))
    return NumberTable(("class", *headings), tuple(rows), total=True)
