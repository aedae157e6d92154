"""What all tests share: where the reference data lies, quiet libraries, three images in every format."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from yolov3.datasets.dataset import Dataset

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if (SHARED / "reference").is_dir():
        return
    skip = pytest.mark.skip(reason="the reference data does not lie beside the project")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the reference data (real images, real Darknet models, answers of the C programs)."""
    return SHARED


class Files:
    """The same three images with the same objects, and how each format writes them down."""

    names: ClassVar = ("cat", "dog", "bird")
    sizes: ClassVar = {"one": (48, 64), "three": (33, 57), "two": (80, 40)}  # (height, width)
    objects: ClassVar = {  # (label, left, top, right, bottom) in pixels
        "one": [(0, 4, 6, 30, 40), (2, 10, 12, 64, 48)],
        "three": [(1, 0, 0, 57, 33), (0, 20, 2, 40, 30)],
        "two": [],
    }
    coco_ids: ClassVar = {"one": 7, "three": 11, "two": 42}
    category_ids: ClassVar = (3, 17, 90)

    def write_images(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for number, (name, (height, width)) in enumerate(self.sizes.items()):
            image = np.random.default_rng(number).integers(0, 255, (height, width, 3), dtype=np.uint8)
            assert cv2.imwrite(str(folder / f"{name}.png"), image)

    def coco_content(self) -> dict[str, Any]:
        flat = [(name, item) for name, items in self.objects.items() for item in items]
        return {
            "images": [
                {"id": self.coco_ids[name], "file_name": f"{name}.png", "height": height, "width": width}
                for name, (height, width) in self.sizes.items()
            ],
            "annotations": [
                {
                    "id": 100 + number,
                    "image_id": self.coco_ids[name],
                    "category_id": self.category_ids[label],
                    "iscrowd": 0,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                }
                for number, (name, (label, left, top, right, bottom)) in enumerate(flat)
            ],
            "categories": [{"id": number, "name": name} for number, name in zip(self.category_ids, self.names)],
        }

    def write_coco(self, root: Path, content: dict[str, Any] | None = None, *, split: str = "val") -> Path:
        self.write_images(root / "images" / split)
        (root / "annotations").mkdir(exist_ok=True)
        text = json.dumps(content or self.coco_content())
        (root / "annotations" / f"instances_{split}.json").write_text(text)
        return root

    def voc_object(self, label: int, left: float, top: float, right: float, bottom: float, more: str = "") -> str:
        return (
            f"<object><name>{self.names[label]}</name>{more}<bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
            f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        )

    def write_voc(self, root: Path, *, split: str = "val") -> Path:
        self.write_images(root / "JPEGImages")
        (root / "Annotations").mkdir()
        (root / "ImageSets" / "Main").mkdir(parents=True)
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in self.sizes))
        for name, items in self.objects.items():
            objects = "".join(self.voc_object(*item) for item in items)
            (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
        return root

    def write_yolo(self, root: Path, *, split: str = "val") -> Path:
        self.write_images(root / "images" / split)
        (root / "labels" / split).mkdir(parents=True)
        (root / "classes.txt").write_text("\n".join(self.names))
        for name, items in self.objects.items():
            height, width = self.sizes[name]
            lines = [
                f"{label} {(left + right) / 2 / width!r} {(top + bottom) / 2 / height!r} {(right - left) / width!r} "
                f"{(bottom - top) / height!r}"
                for label, left, top, right, bottom in items
            ]
            if lines:
                (root / "labels" / split / f"{name}.txt").write_text("\n".join(lines))
        return root

    def opened(self, root: Path, split: str = "val", **settings: Any) -> Dataset:
        """The data set in a folder; VOC's, which has no list of its classes, with their names."""
        from yolov3.catalogue.opening import open_dataset
        from yolov3.config.experiment import DataSection

        names = self.names if (root / "Annotations").is_dir() else None
        return open_dataset(DataSection(root=str(root), **{"names": names, **settings}), split)


@pytest.fixture(scope="session")
def files() -> Files:
    """Writes data sets of three images and opens them."""
    return Files()
