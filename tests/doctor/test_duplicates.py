"""Copies and look-alikes, beside a slow way to find them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.catalogue.look_alikes import MOST_DIFFERENT, hash_of
from yolov3.doctor import duplicates
from yolov3.doctor.duplicates import LEAST_CORRELATION, check_duplicates, correlation, look_alikes
from yolov3.doctor.look import MINIATURE, Look, look_at


def look_of(grey: np.ndarray, name: str = "x") -> Look:
    small = cv2.resize(grey, (MINIATURE, MINIATURE), interpolation=cv2.INTER_AREA)
    return Look(Path(name), hash=hash_of(grey), miniature=small, digest=name.encode())


def scene(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 9), np.uint8)
    return cv2.resize(coarse, (90, 80), interpolation=cv2.INTER_CUBIC)


def slow_pairs(looks: list[Look]) -> list[tuple[int, int]]:
    found = []
    for a, b in combinations(range(len(looks)), 2):
        one, two = looks[a], looks[b]
        if one.hash is None or two.hash is None:
            continue
        bits = sum((one.hash >> bit & 1) != (two.hash >> bit & 1) for bit in range(64))
        same = np.corrcoef(one.miniature.ravel(), two.miniature.ravel())[0, 1]
        if bits <= MOST_DIFFERENT and same >= LEAST_CORRELATION:
            found.append((a, b))
    return found


@pytest.mark.parametrize("table", [duplicates.LARGEST_TABLE, 7])
def test_pairs_are_those_of_the_slow_way(table, monkeypatch):
    """In one table, and in pieces of a row."""
    monkeypatch.setattr(duplicates, "LARGEST_TABLE", table)
    generator = np.random.default_rng(1)
    looks = []
    for number in range(40):
        image = scene(number % 13).astype(float)
        image = np.clip(image * generator.uniform(0.8, 1.1) + generator.normal(0, 12, image.shape), 0, 255)
        looks.append(look_of(image.astype(np.uint8), str(number)))
    looks.insert(5, look_of(np.full((80, 90), 9, np.uint8)))
    pairs = look_alikes(looks)
    assert sorted(pairs) == slow_pairs(looks)
    assert len(pairs) > 30


def test_hashes_that_agree_by_chance_are_no_look_alikes():
    first, second = look_of(scene(1)), look_of(scene(2))
    same_hash = Look(Path("y"), hash=first.hash, miniature=second.miniature, digest=b"y")
    assert look_alikes([first, same_hash]) == [] and look_alikes([first, first]) == [(0, 1)]
    assert look_alikes([]) == []


def test_correlation_does_not_mind_light_and_contrast():
    image = scene(3)
    darker = look_of((image * 0.5 + 20).astype(np.uint8))
    assert correlation(look_of(image), darker) == pytest.approx(1, abs=0.01)
    assert correlation(look_of(image), look_of(255 - image)) == pytest.approx(-1, abs=0.01)
    plain = Look(Path("z"), miniature=np.full((MINIATURE, MINIATURE), 7, np.uint8))
    assert correlation(plain, plain) == 0


def test_thousands_of_one_still_do_not_make_millions_of_pairs():
    looks = [look_of(scene(1))] * 300
    pairs = look_alikes(looks)
    assert {number for pair in pairs for number in pair} == set(range(300))
    assert len(pairs) < 300 * 32


def test_only_between_the_splits_that_have_it(data, opened, tmp_path):
    """A copy in train, one in val of an image in train: each told once, none as a look-alike too."""
    train, val = data.of("train"), data.of("val")
    train[3].data = train[4].data
    val[0].data = val[1].data = train[7].data
    splits = opened(data.write("voc", tmp_path / "data"))
    found = {finding.kind: finding for finding in check_duplicates(list(splits.values()))}
    assert set(found) == {"duplicate-image", "image-in-two-splits"}
    two = [finding for finding in check_duplicates(list(splits.values())) if finding.kind == "duplicate-image"]
    assert [(finding.what.partition(":")[0], finding.count) for finding in two] == [("train", 1), ("val", 1)]
    assert found["image-in-two-splits"].count == 2 and "2 images of val" in found["image-in-two-splits"].what
    assert [Path(part).stem for part in two[0].places[0].split(" = ")] == [train[3].stem, train[4].stem]
    assert next(iter(check_duplicates([splits["train"]]))).kind == "duplicate-image"


def test_the_very_file_in_two_splits_is_in_both(data, opened, tmp_path):
    root = data.write("yolo", tmp_path / "data")
    file = root / "val.txt"
    file.write_text(file.read_text() + f"images/{data.of('train')[2].stem}.jpg\n")
    (finding,) = check_duplicates(list(opened(root).values()))
    assert (finding.kind, finding.count, finding.severity) == ("image-in-two-splits", 1, "error")


@pytest.mark.shared
def test_real_scenes_keep_their_distance(shared):
    """The threshold lies between the one scene that BCCD has twice and the likest pair of others."""
    looks = [look_at(path) for path in sorted((shared / "datasets" / "bccd" / "JPEGImages").glob("*.jpg"))]
    table = np.stack([np.asarray(look.miniature, np.float64).ravel() for look in looks])
    same = np.sort(np.corrcoef(table)[np.triu_indices(len(looks), 1)])
    assert same[-1] > LEAST_CORRELATION + 0.05 and same[-2] < LEAST_CORRELATION - 0.2
