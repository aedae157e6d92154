"""Findings about image files and sizes; each fault in each format is in test_examine.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from yolov3.doctor.image_checks import LARGE_PIXELS, SUFFIXES, check_images
from yolov3.images.files import IMAGE_SUFFIXES


@pytest.fixture
def split(data, opened, tmp_path):
    return opened(data.write("coco", tmp_path / "data"))["val"]


def with_look(split, place: int, **changes):
    looks = list(split.looks)
    looks[place] = replace(looks[place], **changes)
    return replace(split, looks=tuple(looks))


def kinds(split) -> dict[str, tuple[str, int]]:
    return {finding.kind: (finding.severity, finding.count) for finding in check_images(split)}


def test_all_suffixes_belong_to_a_format():
    assert {suffix for each in SUFFIXES.values() for suffix in each} == IMAGE_SUFFIXES


def test_a_large_image_is_noted_from_the_threshold_on(split):
    side = int(LARGE_PIXELS**0.5)
    said = split.survey.said_sizes.copy()
    for size, expected in (((side, side), {}), ((side + 1, side + 1), {"huge-image": ("note", 1)})):
        said[2] = size
        changed = replace(with_look(split, 2, size=size), survey=replace(split.survey, said_sizes=said.copy()))
        assert kinds(changed) == expected


def test_modes_are_named(split):
    changed = with_look(with_look(split, 1, modes=("grey",)), 4, modes=("16 bits", "grey"))
    (finding,) = check_images(changed)
    assert (finding.kind, finding.count) == ("unusual-mode", 2) and "(16 bits, grey)" in finding.what
    assert finding.places == (str(split.looks[1].path), str(split.looks[4].path))


@pytest.mark.parametrize(
    ("stored", "size", "orientation", "said", "kind"),
    [
        ((40, 60), (60, 40), 6, (40, 60), "size-before-rotation"),
        ((40, 60), (60, 40), 6, (60, 40), None),
        ((40, 60), (40, 60), 1, (60, 40), "size-swapped"),
        ((40, 60), (40, 60), 1, (41, 60), "wrong-size"),
        ((40, 60), (40, 60), 1, (0, 0), None),
        ((40, 40), (40, 40), 1, (40, 40), None),
    ],
)
def test_sizes_that_an_annotation_gives(stored, size, orientation, said, kind, split):
    looked = with_look(split, 0, stored_size=stored, size=size, orientation=orientation)
    sizes = split.survey.said_sizes.copy()
    sizes[0] = said
    found = kinds(replace(looked, survey=replace(split.survey, said_sizes=sizes)))
    found.pop("rotated-by-exif", None)
    assert found == ({} if kind is None else {kind: ("error", 1)})


def test_what_says_no_sizes_has_none_wrong(data, opened, tmp_path):
    split = opened(data.write("yolo", tmp_path / "data"))["val"]
    assert not np.any(split.survey.said_sizes) and kinds(split) == {}
