"""Images in tiles: what is found is what is found in the parts, and of an image that is not cut what was found before."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from yolov3.errors import UserError
from yolov3.inference.detector import Detector
from yolov3.runtimes.tiled import AT_ONCE, TiledLook
from yolov3.tiles.grid import TileRule
from yolov3.watching.stage_times import StageTimes


@pytest.fixture(scope="module")
def detector(tmp_path_factory, write_seeing_model) -> Detector:
    return Detector(write_seeing_model(tmp_path_factory.mktemp("tiled") / "small.pt", width=0.0625), device="cpu")


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def look(detector: Detector, rule: TileRule) -> TiledLook:
    return TiledLook(detector.runtime, detector.preprocessing, rule)


def test_an_image_that_is_not_cut_is_as_without_tiles(detector):
    image, times = noise(90, 120), StageTimes()
    found, nonfinite = look(detector, TileRule.parse("auto"))(image, detector.selection, detector.names, times)
    assert found == detector(image) and len(found) > 0 and nonfinite == 0
    assert times.network > 0 and times.fitting > 0 and times.selecting > 0


def test_without_overlap_each_tile_is_looked_at_by_itself(detector):
    """Suppression apart: with every box kept, those that touch no cut are the tiles' own, moved."""
    from dataclasses import replace

    image = noise(192, 256)
    selection = replace(detector.selection, nms_threshold=1.0, max_detections=10_000)
    found, _ = look(detector, TileRule(2, 2, overlap=0.0))(image, selection, detector.names, StageTimes())
    own = set()
    for top in (0, 96):
        for left in (0, 128):
            part = np.ascontiguousarray(image[top : top + 96, left : left + 128])
            for box in detector.detect_batch([part], selection=selection)[0].boxes.tolist():
                own.add(tuple(round(side + move, 2) for side, move in zip(box, (left, top, left, top))))
    merged = {tuple(round(side, 2) for side in box) for box in found.boxes.tolist()}
    away = {box for box in own if all(abs(box[side] - cut) > 3 for side, cut in ((0, 128), (2, 128), (1, 96), (3, 96)))}
    assert away and away <= merged


def test_no_more_tiles_at_a_time_than_memory_should_hold(detector, monkeypatch):
    seen = []
    whole = type(detector.runtime).__call__
    monkeypatch.setattr(
        type(detector.runtime), "__call__", lambda self, images: seen.append(len(images)) or whole(self, images)
    )
    look(detector, TileRule(6, 7))(noise(600, 900), detector.selection, detector.names, StageTimes())
    assert sum(seen) == 42 and max(seen) <= AT_ONCE


def test_the_detector_cuts_what_is_large(detector):
    small, large = noise(90, 120), noise(400, 500)
    cutting = Detector(detector.model, device="cpu", tiles="auto", max_detections=1000)
    first, second = cutting([small, large])
    assert first == detector(small, max_detections=1000)
    assert len(second) > len(detector(large, max_detections=1000)) > 0
    assert second.image_size == (400, 500) and bool((second.boxes >= 0).all())
    assert bool((second.boxes[:, 2] <= 500).all()) and bool((second.boxes[:, 3] <= 400).all())
    assert torch.equal(second.scores, second.scores.sort(descending=True).values)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"tiles": "0x3"}, "--tiles: found '0x3'"),
        ({"overlap": 0.3}, "--overlap and --tiles-whole are about tiles; give --tiles too"),
        ({"tiles_whole": True}, "give --tiles too"),
        ({"tiles": "auto", "overlap": 1.0}, "--overlap must lie in"),
    ],
)
def test_what_cannot_be(detector, changes, line):
    with pytest.raises(UserError, match=line):
        Detector(detector.model, device="cpu", **changes)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system says what a child process held")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_an_image_of_a_hundred_megapixels_takes_less_than_two_gigabytes(write_seeing_model, tmp_path, suffix):
    """Read, cut, looked at, drawn and written."""
    part = np.random.default_rng(0).integers(0, 255, (100, 100, 3)).astype(np.uint8)
    path = tmp_path / f"large{suffix}"
    cv2.imwrite(str(path), np.tile(cv2.resize(part, (1000, 1000)), (10, 10, 1)))
    weights = write_seeing_model(tmp_path / "small.pt", width=0.125)
    words = ["--weights", str(weights), "--source", str(path), "--tiles", "1000", "--output", str(tmp_path / "runs")]
    program = [sys.executable, "-m", "yolov3", "detect", *words, "--save-json", "--device", "cpu"]
    child = os.posix_spawn(sys.executable, program, os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])})
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (tmp_path / "runs" / "detect" / path.name).stat().st_size > 1e6
    print(f"{suffix}: {usage.ru_maxrss / 1e6:.2f} GB")
    assert usage.ru_maxrss * 1024 < 2e9
