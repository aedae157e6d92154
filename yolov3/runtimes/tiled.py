"""Images looked at tile by tile: so many tiles at a time go through a network, whatever computes it, so that memory does not
grow with the image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from yolov3.boxes import box_sides, clip_boxes
from yolov3.detections import Detections
from yolov3.geometry import Geometry, fit_images, groups_of_one_size
from yolov3.runtimes.runtime import Runtime
from yolov3.selecting.candidates import Candidates
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.structures import Preprocessing
from yolov3.tiles.grid import TileRule
from yolov3.tiles.merging import merge
from yolov3.watching.stage_times import StageTimes

AT_ONCE = 8  # tiles


@dataclass(frozen=True)
class TiledLook:
    """How images are looked at in tiles: cut by ``rule``, fitted as ``preprocessing`` says (with a ``step`` into no more than
    they need), computed by ``runtime``."""

    runtime: Runtime
    preprocessing: Preprocessing
    rule: TileRule
    step: int | None = None

    def __call__(
        self, image: np.ndarray, selection: Selection, names: tuple[str, ...], times: StageTimes
    ) -> tuple[Detections, int]:
        """What is in an (H, W, 3) uint8 RGB image, and how many predictions were no finite numbers. Times go into ``times``.
        Raises UserError where it would be cut into too many tiles."""
        size = (image.shape[0], image.shape[1])
        tiles = self.rule.tiles_of(size, self.preprocessing.size)
        found: list[Candidates] = []
        nonfinite = 0
        for first in range(0, len(tiles), AT_ONCE):
            parts = [image[top:bottom, left:right] for left, top, right, bottom in tiles[first : first + AT_ONCE]]
            each, broken = self._look(parts, selection, names, times)
            found += each
            nonfinite += broken
        with times.spent_in("selecting"):
            merged = found[0] if len(tiles) == 1 else merge(found, tiles, size, selection)
            boxes = clip_boxes(np.asarray(merged.boxes, np.float32), size)
            merged = Candidates(boxes, merged.scores, merged.labels).chosen((box_sides(boxes) > 0).all(axis=1))
        return Detections(*merged.tensors(), names, size), nonfinite

    def _look(
        self, parts: Sequence[np.ndarray], selection: Selection, names: tuple[str, ...], times: StageTimes
    ) -> tuple[list[Candidates], int]:
        """What is in each of some tiles, boxes in pixels of the tile."""
        geometries = [Geometry.fit((part.shape[0], part.shape[1]), self.preprocessing, self.step) for part in parts]
        found: dict[int, Detections] = {}
        nonfinite = 0
        for numbers in groups_of_one_size(geometries):
            start = time.perf_counter()
            own = [geometries[number] for number in numbers]
            fitted = fit_images([np.ascontiguousarray(parts[number]) for number in numbers], own)
            images = torch.from_numpy(fitted).permute(0, 3, 1, 2)
            times.fitting += time.perf_counter() - start
            with times.spent_in("network"):
                predictions = self.runtime(images)
            with times.spent_in("selecting"):
                nonfinite += predictions.num_nonfinite
                found.update(zip(numbers, postprocess(predictions, own, selection, names), strict=True))
        return [_candidates(found[number]) for number in range(len(parts))], nonfinite


def _candidates(found: Detections) -> Candidates:
    return Candidates(found.boxes.numpy(), found.scores.numpy(), found.labels.numpy())
