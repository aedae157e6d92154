"""One thing is broken in clean data, in each format that can have it: it is named, where it is, and nothing else is."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from yolov3.doctor.examine import examine
from yolov3.errors import UserError

FORMATS = ("coco", "voc", "yolo")
ALWAYS = {"poor-anchors"}
"""Notes that the clean data have: their anchors are COCO's."""

Change = Callable[..., Any]


def kinds_in(folder: Path, *overrides: str) -> dict[str, Any]:
    found = examine(folder, overrides=overrides)
    assert len({finding.kind for finding in found.findings}) == len(found.findings)
    return {finding.kind: finding for finding in found.findings if finding.kind not in ALWAYS}


@pytest.mark.parametrize("format", FORMATS)
def test_in_clean_data_nothing_is_found(format, drawn, tmp_path):
    found = examine(drawn.write(format, tmp_path / "data"))
    assert {finding.kind for finding in found.findings} <= ALWAYS
    assert found.exit_code() == found.exit_code(strict=True) == 0
    assert [(split.name, split.images) for split in found.splits] == [("train", 24), ("val", 8)]
    assert found.splits[0].boxes == sum(len(item.objects) for item in drawn.of("train"))
    assert sorted(found.classes) == sorted(drawn.names)


# What is changed before the data are written: each takes the data and an item of the training.


def outside(data, item):
    item.objects.append([0, 300, 20, 340, 60])


def reaching_out(data, item):
    item.objects.append([0, 150, 20, 240, 90])


def flat(data, item):
    item.objects.append([0, 30, 20, 30, 60])


def inside_out(data, item):
    item.objects.append([0, 60, 20, 30, 60])


def doubled(data, item):
    item.objects.append(list(item.objects[0]))


def two_classes(data, item):
    label, *box = item.objects[0]
    item.objects.append([(label + 1) % 3, *box])


def rare(data, item):
    data.names.append("square")
    for each in (item, data.of("val")[0]):
        each.objects.append([3, 5, 7, 65, 57])


def only_in_validation(data, item):
    data.names.append("square")
    data.of("val")[0].objects.append([3, 5, 7, 65, 57])


def not_measured(data, item):
    for each in data.of("val"):
        each.objects = [[0, *box] if label == 2 else [label, *box] for label, *box in each.objects]


def without_objects(data, item):
    item.objects = []


def alike(data, item):
    data.names.append("Round!")
    for split in ("train", "val"):
        those = [each for item in data.of(split) for each in item.objects if each[0] == 0]
        for each in those[::2]:
            each[0] = 3


def swapped_size(data, item):
    data.size = (data.size[1], data.size[0])


def other_size(data, item):
    data.size = (data.size[0] + 8, data.size[1])


CHANGED: dict[str, tuple[Change, tuple[str, ...], str]] = {
    "box-outside": (outside, FORMATS, "warning"),
    "box-reaches-out": (reaching_out, FORMATS, "warning"),
    "box-without-area": (flat, FORMATS, "warning"),
    "inside-out-box": (inside_out, FORMATS, "warning"),
    "doubled-box": (doubled, FORMATS, "warning"),
    "box-with-two-classes": (two_classes, FORMATS, "warning"),
    "rare-class": (rare, FORMATS, "warning"),
    "class-not-in-training": (only_in_validation, FORMATS, "error"),
    "class-not-measured": (not_measured, FORMATS, "note"),
    "image-without-objects": (without_objects, FORMATS, "note"),
    "names-alike": (alike, FORMATS, "warning"),
}


@pytest.mark.parametrize(
    ("kind", "format"), [(kind, format) for kind, (_, formats, _) in CHANGED.items() for format in formats]
)
def test_what_is_wrong_with_labels_is_named_and_nothing_else(kind, format, data, tmp_path):
    change, _, severity = CHANGED[kind]
    item = data.of("train")[5]
    change(data, item)
    found = kinds_in(data.write(format, tmp_path / "data"))
    assert set(found) == {kind}
    finding = found[kind]
    assert finding.severity == severity and finding.costs and finding.advice
    if kind in ("box-with-two-classes",):
        assert finding.count == 2
    elif kind not in ("class-not-in-training", "class-not-measured", "names-alike"):
        assert finding.count == 1
    if kind.startswith(("box-", "inside-out", "doubled", "image-")):
        assert all(item.stem in place for place in finding.places), finding.places
        if format == "coco" and kind != "image-without-objects":
            assert re.search(r"instances_train\.json: annotations\[\d+\] \(id \d+\)", finding.places[0])
        elif kind != "image-without-objects":
            file, line = finding.places[-1].rsplit(":", 1)
            text = Path(file).read_text().splitlines()[int(line) - 1]
            last = text == Path(file).read_text().splitlines()[-1] if format == "yolo" else text == "<object>"
            assert last, (file, line, text)


@pytest.mark.parametrize(("kind", "change"), [("size-swapped", swapped_size), ("wrong-size", other_size)])
@pytest.mark.parametrize("format", ["coco", "voc"])
def test_a_size_that_is_not_the_images_is_named(kind, change, format, data, tmp_path):
    change(data, None)
    found = kinds_in_all_splits(data.write(format, tmp_path / "data"))
    assert found == {(kind, "error" if format == "coco" else "warning", count) for count in (24, 8)}


def kinds_in_all_splits(folder: Path) -> set[tuple[str, str, int]]:
    found = examine(folder)
    return {(each.kind, each.severity, each.count) for each in found.findings if each.kind not in ALWAYS}


# What is spoiled in the files: each takes the data, the format, the folder and an item of the training.


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)


def in_json(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def image_of(data, format, root, item) -> Path:
    return data.images(format, root) / f"{item.stem}.jpg"


def missing(data, format, root, item):
    image_of(data, format, root, item).unlink()


def no_image(data, format, root, item):
    image_of(data, format, root, item).write_text("<html>404</html>")


def cut_off(data, format, root, item):
    image_of(data, format, root, item).write_bytes(item.data[: len(item.data) // 2])


def huge(data, format, root, item):
    """A PNG that says to be 20000x20000."""
    done, encoded = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))
    assert done
    content = bytearray(encoded.tobytes())
    content[16:24] = struct.pack(">II", 20_000, 20_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    image_of(data, format, root, item).write_bytes(bytes(content))


def encoded(image: np.ndarray, suffix: str, *options: int) -> bytes:
    done, content = cv2.imencode(suffix, image, options)
    assert done
    return content.tobytes()


def one_colour(data, format, root, item):
    image_of(data, format, root, item).write_bytes(encoded(np.full((*data.size, 3), 90, np.uint8), ".jpg"))


def pixels_of(item, how: int = cv2.IMREAD_COLOR) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(item.data, np.uint8), how)


def grey(data, format, root, item):
    image_of(data, format, root, item).write_bytes(encoded(pixels_of(item, cv2.IMREAD_GRAYSCALE), ".jpg"))


def png_within(data, format, root, item):
    image_of(data, format, root, item).write_bytes(encoded(pixels_of(item), ".png"))


def upside_down_by_exif(data, format, root, item):
    image_of(data, format, root, item).write_bytes(turned(item.data, 3))


def turned(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF block that says how the camera was held."""
    tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def copied_within(data, format, root, item):
    other = data.of("train")[9]
    image_of(data, format, root, item).write_bytes(other.data)


def copied_between(data, format, root, item):
    image_of(data, format, root, data.of("val")[2]).write_bytes(item.data)


def alike_within(data, format, root, item):
    other = data.of("train")[9]
    image_of(data, format, root, item).write_bytes(once_more(other))


def alike_between(data, format, root, item):
    image_of(data, format, root, data.of("val")[2]).write_bytes(once_more(item))


def once_more(item) -> bytes:
    """The same scene a little later: brighter, moved by two pixels, compressed more."""
    moved = np.roll(pixels_of(item), 2, axis=1)
    return encoded(cv2.convertScaleAbs(moved, alpha=1.05, beta=6), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 60)


IMAGES_SPOILED: dict[str, tuple[Change, str]] = {
    "missing-image": (missing, "error"),
    "broken-image": (no_image, "error"),
    "truncated-image": (cut_off, "error"),
    "huge-image": (huge, "error"),
    "plain-image": (one_colour, "warning"),
    "unusual-mode": (grey, "note"),
    "wrong-suffix": (png_within, "note"),
    "rotated-by-exif": (upside_down_by_exif, "note"),
    "duplicate-image": (copied_within, "warning"),
    "image-in-two-splits": (copied_between, "error"),
    "near-duplicate": (alike_within, "note"),
    "near-duplicate-in-two-splits": (alike_between, "warning"),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", IMAGES_SPOILED)
def test_what_is_wrong_with_images_is_named_and_nothing_else(kind, format, data, tmp_path):
    spoil, severity = IMAGES_SPOILED[kind]
    item = data.of("train")[5]
    root = data.write(format, tmp_path / "data")
    spoil(data, format, root, item)
    found = kinds_in(root)
    assert set(found) == {kind}
    assert (found[kind].severity, found[kind].count) == (severity, 1)
    assert item.stem in found[kind].places[0] or data.of("train")[9].stem in found[kind].places[0]


def bad_row(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: text + "0 0.5 0.5 0.1\n")


def pixels_in_row(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: text + "0 100 80 40 30\n")


def pixels_of_small_boxes(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: text + "0 9 8 4 3\n")


def no_text(data, format, root, item):
    data.labels(format, root, item).write_bytes(b"\xff\xfe\x00\xd8")


def no_labels(data, format, root, item):
    data.labels(format, root, item).unlink()


def unknown_number(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: text + "7 0.5 0.5 0.1 0.1\n")


def unknown_category(data, format, root, item):
    in_json(data.labels(format, root, item), lambda c: c["annotations"][4].update(category_id=9))


def from_one(data, format, root, item):
    for each in data.items:
        if each.objects:
            rewrite(data.labels(format, root, each), lambda t: re.sub(r"(?m)^\d", lambda m: str(int(m[0]) + 1), t))


def categories_from_one(data, format, root, item):
    for split in ("train", "val"):

        def shift(content):
            for entry in content["annotations"]:
                entry["category_id"] += 1

        in_json(data.labels(format, root, data.of(split)[0]), shift)


def no_names(data, format, root, item):
    (root / "classes.txt").unlink()


def named_twice(data, format, root, item):
    rewrite(data.list_of(format, root, "train"), lambda text: text + text.splitlines()[5] + "\n")


def named_by_two_entries(data, format, root, item):
    def add(content):
        content["images"].append({**content["images"][5], "id": 999})
        content["annotations"].append({**content["annotations"][0], "id": 9999, "image_id": 999})

    in_json(data.labels(format, root, item), add)


def one_more_name(data, format, root, item):
    rewrite(root / "classes.txt", lambda text: text + "\nnever")


def one_more_category(data, format, root, item):
    for split in ("train", "val"):
        in_json(
            data.labels(format, root, data.of(split)[0]), lambda c: c["categories"].append({"id": 9, "name": "never"})
        )


def other_categories(data, format, root, item):
    in_json(data.labels(format, root, data.of("val")[0]), lambda c: c["categories"][0].update(name="other"))


def image_number_twice(data, format, root, item):
    in_json(data.labels(format, root, item), lambda c: c["images"].append(dict(c["images"][3])))


def object_number_twice(data, format, root, item):
    in_json(data.labels(format, root, item), lambda c: c["annotations"][3].update(id=c["annotations"][7]["id"]))


def no_such_image(data, format, root, item):
    in_json(data.labels(format, root, item), lambda c: c["annotations"][3].update(image_id=777))


def three_numbers(data, format, root, item):
    in_json(data.labels(format, root, item), lambda c: c["annotations"][3].update(bbox=[1, 2, 3]))


def half_a_json(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: text[: len(text) // 2])


def half_an_xml(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: text[: len(text) // 2])


def corner_missing(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: re.sub("<xmin>.*?</xmin>", "", text, count=1))


def corner_at_zero(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda t: re.sub("<xmin>.*?</xmin>", "<xmin>0</xmin>", t, count=1))


def outline(data, format, root, item):
    rewrite(data.labels(format, root, item), lambda text: text + "0 0.1 0.1 0.4 0.1 0.2 0.5\n")


def outline_without_box(data, format, root, item):
    def change(content):
        content["annotations"][3]["segmentation"] = [[10, 10, 60, 10, 30, 70]]
        del content["annotations"][3]["bbox"]

    in_json(data.labels(format, root, item), change)


def moved_away(data, format, root, item):
    (root / "more").mkdir()
    image = image_of(data, format, root, item)
    image.rename(root / "more" / image.name)
    if format == "yolo":  # beside it, since it does not lie in images any more
        labels = data.labels(format, root, item)
        labels.rename(root / "more" / labels.name)


def sizes_before_rotation(data, format, root, item):
    """Where the size is taken as the pixels lie in the file; a box in the middle lies in the image both ways."""
    image_of(data, format, root, item).write_bytes(turned(item.data, 6))
    path = data.labels(format, root, item)
    if format == "voc":
        middle = (
            "<object><name>round</name><bndbox><xmin>31</xmin><ymin>31</ymin><xmax>90</xmax><ymax>90</ymax></bndbox>"
        )
        rewrite(path, lambda text: re.sub("(?s)<object>.*</object>", f"{middle}</object>", text))
    else:
        number = int(item.stem.removeprefix("train")) + 1

        def change(content):
            content["annotations"] = [each for each in content["annotations"] if each["image_id"] != number]
            content["annotations"].append({"id": 999, "image_id": number, "category_id": 1, "bbox": [30, 30, 60, 60]})

        in_json(path, change)


FILES_SPOILED: tuple[tuple[str, str, Change, str, int], ...] = (
    ("broken-label", "yolo", bad_row, "error", 1),
    ("broken-label", "coco", three_numbers, "error", 1),
    ("broken-annotation-file", "voc", corner_missing, "error", 1),
    ("broken-annotation-file", "voc", half_an_xml, "error", 1),
    ("broken-annotation-file", "yolo", no_text, "error", 1),
    ("unreadable-split", "coco", half_a_json, "error", 1),
    ("pixels-for-shares", "yolo", pixels_in_row, "error", 1),
    ("pixels-for-shares", "yolo", pixels_of_small_boxes, "error", 1),
    ("no-label-file", "yolo", no_labels, "note", 1),
    ("image-without-annotation", "voc", no_labels, "error", 1),
    ("unknown-class", "yolo", unknown_number, "error", 1),
    ("unknown-class", "coco", unknown_category, "error", 1),
    ("no-class-names", "yolo", no_names, "error", 1),
    ("image-listed-twice", "yolo", named_twice, "warning", 1),
    ("image-listed-twice", "voc", named_twice, "error", 1),
    ("image-listed-twice", "coco", named_by_two_entries, "warning", 1),
    ("absent-class", "yolo", one_more_name, "warning", 1),
    ("absent-class", "coco", one_more_category, "warning", 1),
    ("other-classes", "coco", other_categories, "error", 2),
    ("doubled-id", "coco", image_number_twice, "error", 1),
    ("doubled-id", "coco", object_number_twice, "error", 1),
    ("object-of-no-image", "coco", no_such_image, "error", 1),
    ("zero-based-corners", "voc", corner_at_zero, "note", 1),
    ("outline", "yolo", outline, "note", 1),
    ("outline", "coco", outline_without_box, "note", 1),
    ("image-elsewhere", "yolo", moved_away, "note", 1),
    ("image-elsewhere", "coco", moved_away, "note", 1),
    ("size-before-rotation", "voc", sizes_before_rotation, "warning", 1),
    ("size-before-rotation", "coco", sizes_before_rotation, "error", 1),
)

IMPLIED = {
    "no-label-file": {"image-without-objects"},
    "image-elsewhere": {"image-without-objects"},
    "size-before-rotation": {"rotated-by-exif"},
    "unreadable-split": set(),
    "no-class-names": set(),
}
"""What the same thing is besides."""


@pytest.mark.parametrize(
    ("kind", "format", "spoil", "severity", "count"),
    FILES_SPOILED,
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", None),
)
def test_what_is_wrong_with_files_is_named_and_nothing_else(kind, format, spoil, severity, count, data, tmp_path):
    item = data.of("train")[5]
    root = data.write(format, tmp_path / "data")
    spoil(data, format, root, item)
    found = examine(root)
    kinds = {finding.kind for finding in found.findings} - ALWAYS - IMPLIED.get(kind, set())
    assert kinds == {kind}
    (finding,) = found.of_kind(kind)[:1]
    assert (finding.severity, finding.count) == (severity, count)
    assert finding.places


@pytest.mark.parametrize(("format", "spoil"), [("yolo", from_one), ("coco", categories_from_one)])
def test_classes_that_count_from_one_are_known_as_such(format, spoil, data, tmp_path):
    root = data.write(format, tmp_path / "data")
    spoil(data, format, root, None)
    found = examine(root)
    assert {finding.kind for finding in found.findings} - ALWAYS == {"one-based-classes"}
    assert found.exit_code() == 2


@pytest.mark.parametrize("format", FORMATS)
def test_boxes_in_another_form_are_known_as_such(format, data, tmp_path):
    """COCO with two corners, VOC with a corner and the size, YOLO with a corner in the place of the centre."""
    for item in data.items:
        for each in item.objects:
            left, top, right, bottom = each[1:]
            each[1:] = {
                "coco": (left, top, left + right, top + bottom),
                "voc": (left, top, right - left, bottom - top),
                "yolo": (left - (right - left) / 2, top - (bottom - top) / 2, left + (right - left) / 2, 0),
            }[format]
            if format == "yolo":
                each[4] = top + (bottom - top) / 2
    found = examine(data.write(format, tmp_path / "data"))
    kinds = {(finding.kind, finding.severity) for finding in found.findings}
    assert kinds == {("wrong-box-form", "error")}
    asked = {"coco": "two corners", "voc": "a corner and the size", "yolo": "a corner and the size"}[format]
    assert f"nearly all do as {asked}" in found.findings[0].what


def test_a_class_that_has_no_name_is_unknown_in_voc(data, tmp_path):
    root = data.write("voc", tmp_path / "data")
    found = kinds_in_all_splits_with(root, "data.names=[round, long]")
    pointed = {
        split: sum(label == 2 for item in data.of(split) for label, *_ in item.objects) for split in ("train", "val")
    }
    # Much of the data is unread then, so that nothing is said of how classes are spread.
    assert found == {("unknown-class", "error", pointed["train"]), ("unknown-class", "error", pointed["val"])}


def kinds_in_all_splits_with(folder: Path, *overrides: str) -> set[tuple[str, str, int]]:
    found = examine(folder, overrides=overrides)
    return {(each.kind, each.severity, each.count) for each in found.findings if each.kind not in ALWAYS}


def test_images_without_xml_in_a_folder_are_left_out_and_told(data, tmp_path):
    root = tmp_path / "data"
    for item in data.items:
        (root / item.split).mkdir(parents=True, exist_ok=True)
        (root / item.split / f"{item.stem}.jpg").write_bytes(item.data)
    whole = data.write("voc", tmp_path / "voc")
    for item in data.items[1:]:
        (root / item.split / f"{item.stem}.xml").write_bytes((whole / "Annotations" / f"{item.stem}.xml").read_bytes())
    found = kinds_in(root)
    assert set(found) == {"image-left-out"} and found["image-left-out"].severity == "warning"


def test_one_broken_file_does_not_hide_the_rest(data, tmp_path):
    """A broken image, a broken label and a missing image, and still what else is wrong is found."""
    train = data.of("train")
    outside(data, train[3])
    doubled(data, train[4])
    root = data.write("voc", tmp_path / "data")
    no_image(data, "voc", root, train[0])
    half_an_xml(data, "voc", root, train[1])
    missing(data, "voc", root, train[2])
    copied_between(data, "voc", root, train[6])
    expected = {
        "broken-image", "broken-annotation-file", "missing-image", "box-outside", "doubled-box", "image-in-two-splits"
    }  # fmt: skip
    assert set(kinds_in(root)) == expected


def test_data_that_nobody_divided_are_examined_whole_and_in_the_parts_they_would_have(data, tmp_path):
    for item in data.items:
        item.split = "train"
    data.items.append(type(data.items[0])("train", "zzz", data.items[0].data, data.items[0].objects))
    root = data.write("yolo", tmp_path / "data")
    (root / "train.txt").unlink()
    whole = kinds_in(root)
    assert set(whole) == {"no-val-split", "duplicate-image"} and whole["no-val-split"].severity == "note"
    for seed in range(20):  # until the two copies come into different parts
        parts = examine(root, overrides=("data.val_share=0.3", f"data.val_seed={seed}"))
        if parts.of_kind("image-in-two-splits"):
            break
    assert [split.name for split in parts.splits] == ["train", "val"]
    assert sum(split.images for split in parts.splits) == len(data.items)
    assert parts.of_kind("image-in-two-splits") and parts.exit_code() == 2


@pytest.mark.parametrize("format", FORMATS)
def test_images_that_are_all_missing_are_no_end(format, data, tmp_path):
    root = data.write(format, tmp_path / "data")
    for item in data.of("val"):
        image_of(data, format, root, item).unlink()
    found = examine(root)
    assert {(each.kind, each.count) for each in found.findings if each.kind not in ALWAYS} >= {("missing-image", 8)}
    assert {each.kind for each in found.findings if each.severity != "note"} == {"missing-image"}


def test_what_is_the_same_of_both_splits_is_told_once_and_numbers_are_no_names(data, tmp_path):
    for item in data.of("val"):
        item.objects = [each for each in item.objects if each[0] < 2]
    root = data.write("yolo", tmp_path / "data")
    (root / "classes.txt").unlink()
    found = examine(root)
    assert [each.kind for each in found.findings if each.severity != "note"] == ["no-class-names"]


def state_of(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mtime_ns,
        )
        for path in [folder, *folder.rglob("*")]
    }


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_under_the_target_is_touched(format, data, tmp_path):
    for change in (outside, doubled, rare):
        change(data, data.of("train")[3])
    root = data.write(format, tmp_path / "data")
    cut_off(data, format, root, data.of("train")[7])
    before = state_of(root)
    assert examine(root).exit_code() == 2
    assert state_of(root) == before


def test_what_is_no_data_is_refused(tmp_path):
    with pytest.raises(UserError, match="neither a data YAML nor the folder"):
        examine(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not recognised as a data set"):
        examine(tmp_path)


def test_places_are_cut_and_counted(data, tmp_path):
    for item in data.of("train"):
        outside(data, item)
    found = examine(data.write("yolo", tmp_path / "data"), most_places=3)
    (finding,) = found.of_kind("box-outside")
    assert (finding.count, len(finding.places)) == (24, 3)
    assert finding.what.startswith("train: 24 of ")


@pytest.mark.shared
def test_on_real_cells(shared):
    """BCCD's two boxes of one point, whose lines were looked up by hand; two photographs of one place."""
    found = examine(shared / "datasets" / "bccd")
    flat_boxes = found.of_kind("box-without-area")
    assert [Path(place).name for finding in flat_boxes for place in finding.places] == [
        "BloodImage_00343.xml:50", "BloodImage_00338.xml:158"
    ]  # fmt: skip
    (alike_pair,) = found.of_kind("near-duplicate-in-two-splits")
    assert re.findall(r"BloodImage_\d+", alike_pair.places[0]) == ["BloodImage_00037", "BloodImage_00038"]
    assert {finding.kind for finding in found.findings if finding.severity != "note"} == {
        "box-without-area", "near-duplicate-in-two-splits"
    }  # fmt: skip
    assert found.exit_code() == 1 and found.exit_code(strict=True) == 2


@pytest.mark.shared
def test_on_a_little_of_coco(shared):
    found = examine(shared / "datasets" / "coco-tiny")
    assert {finding.kind for finding in found.findings if finding.severity != "note"} == {"rare-class", "crowded-place"}
    assert found.splits[0].images == found.splits[1].images == 80
