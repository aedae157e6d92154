"""Frames of a film are told from other scenes."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3.catalogue import look_alikes
from yolov3.catalogue.look_alikes import ADVANCE_EVERY, DECODERS, difference_hash, group_neighbours, natural_key
from yolov3.watching.watcher import Watcher


def test_names_are_in_their_natural_order():
    names = ["frame10", "frame9", "frame1b", "Frame2", "7", "x"]
    assert sorted(names, key=natural_key) == ["Frame2", "frame1b", "frame9", "frame10", "x", "7"]


def test_broken_and_plain_images_are_alone(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    for name in ("b", "c"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((20, 20, 3), 77, np.uint8))
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    assert [difference_hash(path) for path in paths] == [None] * 3
    assert len(set(group_neighbours(paths))) == 3
    assert group_neighbours([]) == []


def test_the_hash_does_not_mind_size_light_and_compression(tmp_path):
    small = np.random.default_rng(3).integers(40, 200, (8, 9, 3), np.uint8)
    large = cv2.resize(small, (720, 640), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "a.png"), large)
    cv2.imwrite(str(tmp_path / "b.jpg"), cv2.resize(large, (200, 150), interpolation=cv2.INTER_AREA) + 20)
    first, second = (difference_hash(tmp_path / name) for name in ("a.png", "b.jpg"))
    assert first is not None and second is not None and (first ^ second).bit_count() <= 4


class Progress(Watcher):
    """Remembers how far it was told the work is; interrupts after so many images."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[tuple[int, int | None]] = []
        self.stop_at = stop_at

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        assert text == "looking for near-identical images"
        self.seen.append((done, total))
        if done == self.stop_at:
            raise KeyboardInterrupt


def test_it_is_told_how_far_it_is_and_an_interruption_does_not_wait_for_the_rest(tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.png" for number in range(3 * ADVANCE_EVERY + 1)]
    whole = Progress()
    assert len(set(group_neighbours(paths, whole))) == len(paths)  # none is there
    assert whole.seen == [(count * ADVANCE_EVERY, len(paths)) for count in (1, 2, 3)]
    begun: list[Path] = []

    def slow(path: Path) -> None:
        begun.append(path)
        time.sleep(0.002)

    monkeypatch.setattr(look_alikes, "difference_hash", slow)
    with pytest.raises(KeyboardInterrupt):
        group_neighbours(paths, Progress(stop_at=ADVANCE_EVERY))
    assert len(begun) < ADVANCE_EVERY + 10 * DECODERS


def test_neighbours_are_those_of_one_folder_in_the_order_of_names(tmp_path):
    scenes = [cv2.resize(np.random.default_rng(n).integers(0, 255, (8, 9, 3), np.uint8), (90, 80)) for n in range(3)]
    shown = {"a/f9.png": 0, "a/f10.png": 0, "a/f11.png": 1, "a/f100.png": 0, "b/f12.png": 0}
    for name, scene in shown.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), scenes[scene])
    groups = dict(zip(shown, group_neighbours([tmp_path / name for name in shown])))
    assert groups["a/f9.png"] == groups["a/f10.png"]
    assert len(set(groups.values())) == 4


@pytest.mark.shared
def test_photographs_are_not_alike(shared: Path):
    paths = sorted((shared / "datasets" / "coco-tiny").rglob("*.jpg"))
    assert len(set(group_neighbours(paths))) == len(paths) == 160
    cells = sorted((shared / "datasets" / "bccd" / "JPEGImages").glob("*.jpg"))
    twins = [count for count in Counter(group_neighbours(cells)).values() if count > 1]
    assert twins == [2]  # BloodImage_00340 and the one before it
