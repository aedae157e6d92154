"""Small data sets of one content in every format, and what tells that nothing in them was touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.structures import Sample
from yolov3.watching.watcher import Watcher

NAMES = ("cat", "dog", "bird")
SIZE = (40, 60)  # (height, width)

Content = dict[str, list[int]]
"""The labels of the objects of each image."""

DrawnImage = tuple[str, tuple[int, int], list[tuple[tuple[float, float, float, float], int, bool]]]
"""An image's path, its size and its objects: box, label, whether it is ignored."""


def box_of(place: int) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the n-th object of an image."""
    return 3 * place, 2 * place, 3 * place + 20, 2 * place + 15


def write_images(folder: Path, content: Content) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate(content):
        image = np.random.default_rng(number).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{name}.png"), image)


def write_coco(root: Path, content: Content) -> Path:
    write_images(root / "images" / "default", content)
    (root / "annotations").mkdir()
    flat = [
        (image, place, label) for image, labels in enumerate(content.values()) for place, label in enumerate(labels)
    ]
    tables = {
        "info": {"year": 2026},
        "images": [
            {"id": 10 + number, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1], "license": 3}
            for number, name in enumerate(content)
        ],
        "annotations": [
            {
                "id": 500 + number, "image_id": 10 + image, "category_id": (3, 17, 90)[label], "iscrowd": 0,
                "bbox": [box_of(place)[0], box_of(place)[1], 20, 15], "area": 123.5,
                "segmentation": [[1, 1, 5, 1, 5, 5]],
            }
            for number, (image, place, label) in enumerate(flat)
        ],
        "categories": [{"id": number, "name": name} for number, name in zip((3, 17, 90), NAMES)],
    }  # fmt: skip
    (root / "annotations" / "instances_default.json").write_text(json.dumps(tables))
    return root


def write_voc(root: Path, content: Content) -> Path:
    write_images(root / "JPEGImages", content)
    (root / "Annotations").mkdir()
    for name, labels in content.items():
        objects = ""
        for place, label in enumerate(labels):
            left, top, right, bottom = box_of(place)
            objects += (
                f"<object><name>{NAMES[label]}</name><difficult>{place % 2}</difficult><bndbox><xmin>{left + 1}</xmin>"
                f"<ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            )
        (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
    return root


def label_lines(labels: list[int]) -> str:
    height, width = SIZE
    lines = []
    for place, label in enumerate(labels):
        left, top, right, bottom = box_of(place)
        shares = (
            (left + right) / 2 / width,
            (top + bottom) / 2 / height,
            (right - left) / width,
            (bottom - top) / height,
        )
        lines.append(" ".join(map(str, (label, *shares))) + "\n")
    return "".join(lines)


def write_yolo(root: Path, content: Content) -> Path:
    write_images(root / "images", content)
    (root / "labels").mkdir()
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in NAMES))
    for name, labels in content.items():
        (root / "labels" / f"{name}.txt").write_text(label_lines(labels))
    return root


def write_darknet(root: Path, content: Content) -> Path:
    """A ``.data`` file without validation images, labels beside the images."""
    write_images(root / "obj", content)
    for name, labels in content.items():
        (root / "obj" / f"{name}.txt").write_text(label_lines(labels))
    (root / "my.names").write_text("".join(f"{name}\n" for name in NAMES))
    (root / "all.txt").write_text("".join(f"obj/{name}.png\n" for name in content))
    (root / "my.data").write_text("classes = 3\ntrain = all.txt\nnames = my.names\n")
    return root


WRITERS: dict[str, Callable[[Path, Content], Path]] = {
    "coco": write_coco, "voc": write_voc, "yolo": write_yolo, "darknet": write_darknet,
}  # fmt: skip


class Worlds:
    """Writes data sets that are not divided."""

    names = NAMES
    kinds = tuple(WRITERS)

    def content(self, count: int) -> Content:
        """So many images ``scene_0`` ...: of each class its share, some of several objects, a tenth without any."""
        kinds = ([0], [0, 1], [0, 0, 2], [1], [0], [0, 2], [1, 1, 1], [0], [0], [])
        return {f"scene_{number}": kinds[number % len(kinds)] for number in range(count)}

    def write(self, kind: str, root: Path, count: int = 40) -> Path:
        return WRITERS[kind](root, self.content(count))

    def fingerprint(self, root: Path) -> dict[str, tuple[str, int]]:
        """Every file with its content's hash and the time of its last change."""
        return {
            path.relative_to(root).as_posix(): (
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
                path.stat().st_mtime_ns,
            )
            for path in sorted([root, *root.rglob("*")])
        }


@pytest.fixture(scope="session")
def worlds() -> Worlds:
    return Worlds()


def draw_dataset(folder: Path, images: Sequence[DrawnImage], names: tuple[str, ...] = NAMES) -> Dataset:
    """A data set of drawn images, written as files, with objects as they are given."""
    samples = []
    for number, (name, size, objects) in enumerate(images):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (*size, 3), dtype=np.uint8)
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        boxes = np.array([box for box, _, _ in objects], np.float32).reshape(-1, 4)
        labels = np.array([label for _, label, _ in objects], np.int64)
        ignore = np.array([ignored for _, _, ignored in objects], bool)
        areas = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).astype(np.float32)
        samples.append(Sample(path, size, boxes, labels, ignore, areas, f"image {number}"))
    categories = tuple(range(1, len(names) + 1))
    return Dataset(tuple(samples), names, categories, DatasetReport(), f"drawn in {folder}")


class Interrupting(Watcher):
    """Ctrl-C at the n-th time that anything is told."""

    def __init__(self, after: int) -> None:
        self.left = after

    def say(self, line: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self.say("")


@pytest.fixture(scope="session")
def interrupting() -> type[Interrupting]:
    return Interrupting


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Dataset]:
    return draw_dataset


@pytest.fixture
def interrupt_everywhere(worlds, tmp_path: Path, interrupting) -> Callable[[Path, Callable[[Watcher], object]], None]:
    """Lets what makes ``new`` out of the data in a folder be interrupted at each of its reports, and looks that nothing stays
    and nothing was touched."""

    def run(root: Path, make: Callable[[Watcher], object]) -> None:
        before = worlds.fingerprint(root)
        after, stopped = 1, 0
        while not (tmp_path / "new").exists():
            try:
                make(interrupting(after))
            except KeyboardInterrupt:
                stopped += 1
                assert [path.name for path in tmp_path.iterdir()] == ["x"]
            after += 1
        assert stopped >= 3 and worlds.fingerprint(root) == before

    return run
