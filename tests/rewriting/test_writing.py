"""Whatever is written in whatever format and carried on into any other is read again by our own readers, but for what a format
cannot hold, which is counted."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolov3.catalogue.opening import find_data, open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset
from yolov3.errors import UserError
from yolov3.rewriting.convert import convert_data
from yolov3.rewriting.options import FORMAT_NAMES, ConvertDataOptions
from yolov3.rewriting.writing import Content, write_data
from yolov3.watching.watcher import Watcher

Objects = list[tuple[int, tuple[float, ...], bool]]

NAMES_OF_IMAGES = (
    "x.png", "a/x.png", "b/X.png", "x-2.png", "a b.png", "list 1.png", "no-suffix", "c.d.png", "ü\\n'.png", "a/x.bmp",
)  # fmt: skip
"""All of them hold PNG's bytes."""


@st.composite
def drawn_images(draw: st.DrawFn) -> list[Any]:
    """Some images of any size with objects of any fractions, thin ones among them, and names that collide."""
    names = draw(st.lists(st.sampled_from(NAMES_OF_IMAGES), min_size=1, max_size=4, unique=True))
    images = []
    for name in names:
        height, width = draw(st.tuples(st.integers(2, 40), st.integers(2, 60)))
        objects = []
        for _ in range(draw(st.integers(0, 4))):
            (left, right), (top, bottom) = (draw(spans(length)) for length in (width, height))
            objects.append(((left, top, right, bottom), draw(st.integers(0, 2)), draw(st.booleans())))
        images.append((name, (height, width), objects))
    return images


@st.composite
def spans(draw: st.DrawFn, length: int) -> tuple[float, float]:
    """Two places on a line, in order and apart, often at its ends or on whole numbers."""
    low = draw(st.sampled_from([0.0, 1.0, length - 1.0, length / 3]) | st.floats(0, length - 0.0625, width=32))
    side = draw(st.sampled_from([1.0, 0.5, 1.25, float(length)]) | st.floats(0.0625, length, width=32))
    return low, min(low + side, float(length))


def opened(folder: Path, part: str) -> Dataset:
    section = DataSection(root=str(folder))
    return find_data(section).everything() if part == "default" else open_dataset(section, part)


def objects_of(dataset: Dataset) -> dict[tuple[int, int, bytes], Objects]:
    """The objects of each image, known by what its pixels are, in their order."""
    found = {}
    for sample in dataset.samples:
        rows = zip(sample.labels.tolist(), map(tuple, sample.boxes.tolist()), sample.ignore.tolist())
        found[(*sample.size, sample.path.read_bytes())] = list(rows)
    assert len(found) == len(dataset.samples)
    return found


def as_held(objects: Objects, size: tuple[int, ...], formats: tuple[str, ...]) -> Objects:
    """What is left of objects that went through these formats, written down once more and slowly."""
    held = []
    for label, (left, top, right, bottom), ignored in objects:
        if "yolo" in formats and ignored:
            continue
        if "voc" in formats:
            right = right if right - left >= 1.001 else min(left + 1.001, size[1])
            bottom = bottom if bottom - top >= 1.001 else min(top + 1.001, size[0])
        held.append((label, (left, top, right, bottom), ignored))
    return held


def require_alike(found: Dataset, expected: Dataset, formats: tuple[str, ...]) -> None:
    ours, theirs = objects_of(found), objects_of(expected)
    assert ours.keys() == theirs.keys() and found.names == expected.names
    for key, objects in theirs.items():
        held = as_held(objects, key[:2], formats)
        assert [row[::2] for row in ours[key]] == [row[::2] for row in held]
        for (_, box, _), (_, other, _) in zip(ours[key], held):
            assert np.abs(np.subtract(box, other)).max() <= 1e-3


@pytest.mark.parametrize(("first", "second"), list(itertools.product(FORMAT_NAMES, FORMAT_NAMES)))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images=drawn_images(), others=drawn_images(), divided=st.booleans(), copy=st.booleans())
def test_there_and_on_and_back(drawn, tmp_path_factory, first, second, images, others, divided, copy):
    folder = tmp_path_factory.mktemp("there")
    parts = {"default": drawn(folder / "one", images)}
    if divided:
        parts = {"train": parts["default"], "val": drawn(folder / "two", others)}
    written = write_data(Content(parts), first, folder / "first", copy=copy, watcher=Watcher())
    carried = convert_data(ConvertDataOptions(folder / "first", second, folder / "second", copy))
    back = convert_data(ConvertDataOptions(folder / "second", first, folder / "back", copy))
    for part, dataset in parts.items():
        require_alike(opened(folder / "first", part), dataset, (first,))
        require_alike(opened(folder / "second", part), dataset, (first, second))
        require_alike(opened(folder / "back", part), dataset, (first, second))
        assert written.parts[part].images == carried.parts[part].images == back.parts[part].images == len(dataset)
        kept = [row for each in objects_of(opened(folder / "second", part)).values() for row in each]
        assert carried.parts[part].objects == len(kept)
    links = {path.is_symlink() for path in (folder / "second").rglob("*") if path.suffix in (".png", ".bmp")}
    assert links == {not copy}


IMAGE = ("x.png", (20, 30), [((1, 2, 11, 12), 0, True), ((3, 3, 4, 9), 1, False), ((5, 5, 9, 9.5), 2, False)])

WIDER = "1 box of at most a pixel in width or height made wider, as corners that count from 1 need"
CROWDS = "1 difficult object written as crowds, which COCO's metric passes over by a rule of its own"
LEFT_OUT = "1 crowd region left out: YOLO's labels cannot say that something is to be passed over"


@pytest.mark.parametrize(
    ("to", "ignored", "notes"),
    [
        ("coco", "crowd region", ()),
        ("coco", "difficult object", (CROWDS,)),
        ("voc", "difficult object", (WIDER,)),
        ("voc", "crowd region", ("1 crowd region written as difficult", WIDER)),
        ("yolo", "crowd region", (LEFT_OUT,)),
    ],
)
def test_what_a_format_cannot_hold_is_told(drawn, tmp_path, to, ignored, notes):
    dataset = drawn(tmp_path / "x", [IMAGE])
    written = write_data(Content({"train": dataset}, ignored), to, tmp_path / "new", copy=False, watcher=Watcher())
    assert written.notes == notes
    assert written.as_plain()["parts"]["train"]["objects"] == written.parts["train"].objects == 3 - (to == "yolo")


def test_images_that_cannot_be_used_are_left_out_and_told(drawn, tmp_path):
    images = [(f"{name}.png", (20, 30), [((1, 2, 11, 12), 0, False)]) for name in ("good", "broken", "smaller", "gone")]
    dataset = drawn(tmp_path / "x", images)
    (tmp_path / "x" / "broken.png").write_bytes(b"no image")
    (tmp_path / "x" / "gone.png").unlink()
    drawn(tmp_path / "x", [("smaller.png", (10, 15), [])])
    for to in FORMAT_NAMES:
        written = write_data(Content({"val": dataset}), to, tmp_path / to, copy=False, watcher=Watcher())
        assert written.parts["val"].images == written.parts["val"].objects == 1
        assert written.notes == (
            "left out: 3 images that cannot be read or have another size than their annotations say: broken.png, "
            "smaller.png, gone.png",
        )
    (tmp_path / "x" / "good.png").unlink()
    with pytest.raises(UserError, match="none of its images can be read"):
        write_data(Content({"val": dataset}), "coco", tmp_path / "none", copy=False, watcher=Watcher())
    assert not (tmp_path / "none").exists()


def test_names_that_collide_become_distinct_and_are_told(drawn, tmp_path):
    images = [(name, (20, 30), [((1, 2, 11, 12), 0, False)]) for name in ("a/x.png", "b/x.png", "x-2.png")]
    dataset = drawn(tmp_path / "x", images)
    written = write_data(Content({"val": dataset}), "voc", tmp_path / "new", copy=True, watcher=Watcher())
    assert written.notes == ("1 image got another name: x.png (x-3.png)",)
    assert (tmp_path / "new" / "JPEGImages" / "x-3.png").read_bytes() == (tmp_path / "x" / "b" / "x.png").read_bytes()


@pytest.mark.parametrize("to", FORMAT_NAMES)
def test_an_image_of_two_parts_is_in_both(drawn, tmp_path, to):
    dataset = drawn(tmp_path / "x", [IMAGE, ("y.png", (9, 9), [])])
    parts = {"train": dataset, "val": dataset.part([0])}
    write_data(Content(parts), to, tmp_path / "new", copy=False, watcher=Watcher())
    names = [{sample.path.name for sample in opened(tmp_path / "new", part).samples} for part in parts]
    assert names == [{"x.png", "y.png"}, {"x.png"}]


def test_parts_must_have_the_same_classes(drawn, tmp_path):
    one, two = drawn(tmp_path, [IMAGE]), drawn(tmp_path, [IMAGE], ("a", "b", "c"))
    for parts, message in (
        ({"train": one, "val": two}, r"train has the classes \['cat', 'dog', 'bird'\], but val has \['a', 'b', 'c'\]"),
        ({"train": drawn(tmp_path, [("z.png", (9, 9), [])], ())}, "has no classes"),
        ({"train": drawn(tmp_path, [IMAGE], ("a", "b", "a"))}, "class name 'a' stands 2 times"),
    ):
        with pytest.raises(UserError, match=message):
            write_data(Content(parts), "coco", tmp_path / "new", copy=False, watcher=Watcher())


class Presses(Watcher):
    """Ctrl-C when a line is said."""

    def say(self, line: str) -> None:
        if line.startswith("opening"):
            raise KeyboardInterrupt


def test_of_what_is_stopped_nothing_stays(drawn, tmp_path):
    dataset = drawn(tmp_path / "x", [IMAGE])
    with pytest.raises(KeyboardInterrupt):
        write_data(Content({"val": dataset}), "voc", tmp_path / "new", copy=True, watcher=Presses())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_is_read_otherwise_than_it_was_meant_is_told(drawn, tmp_path, monkeypatch):
    """A writer with a fault in it is not believed."""
    from dataclasses import replace

    from yolov3.rewriting import writing

    dataset = drawn(tmp_path / "x", [IMAGE])
    good = writing.WRITERS["yolo"]

    def write_moved(folder, parts, classes):
        moved = [replace(n, sample=replace(n.sample, boxes=n.sample.boxes + 0.01)) for n in parts["val"]]
        good.write(folder, {"val": moved}, classes)

    def write_less(folder, parts, classes):
        good.write(folder, parts, classes)
        next((folder / "images" / "val").iterdir()).rename(folder / "images" / "val" / "other.png")

    for write, message in ((write_moved, "opened again as x.png, it has other objects"), (write_less, "it has other")):
        monkeypatch.setitem(writing.WRITERS, "yolo", replace(good, write=write))
        with pytest.raises(UserError, match=message):
            write_data(Content({"val": dataset}), "yolo", tmp_path / "new", copy=False, watcher=Watcher())
        assert not (tmp_path / "new").exists()
