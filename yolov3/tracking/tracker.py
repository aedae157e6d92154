"""ByteTrack: every box counts, also the doubtful ones, as long as it continues what was there before.

Source: Zhang et al. 2022, ByteTrack, algorithm 1. Boxes with a high score are paired with all tracks by their overlap with
where the tracks are expected; the tracks that are left are paired with the boxes of low score, which are often things that
are half hidden; what is left of the high ones begins a track, which counts from its second frame on. A track that is not
seen is kept for a while. Here boxes are paired within a class, and time is measured in seconds, so that streams that skip
frames are tracked as well as videos.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import torch

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.tracking.motion import UNITS_A_SECOND, Motion
from yolov3.tracking.pairing import overlaps, pair

LEAST_HIGH, LEAST_LOW, LEAST_NEW = 0.2, 0.5, 0.3  # overlaps below which nothing is paired: the authors'
SAME = 0.85  # two tracks that overlap more are one thing
INTERVALS = 9  # of which the usual one is the median
LONG_AFTER = 2.5  # usual intervals; a stream that stood still so long shows others


class _State(IntEnum):
    NEW, SEEN, LOST = range(3)


@dataclass(frozen=True)
class TrackerOptions:
    """A box with a score of ``high`` or more may begin a track, one from ``low`` on continue it; a track that is not seen for
    ``patience`` seconds has ended."""

    high: float = 0.25
    low: float = 0.1
    patience: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise UserError(f"low and high must be 0 <= low <= high <= 1, found {self.low} and {self.high}")
        if not 0 < self.patience < float("inf"):
            raise UserError(f"patience must be a number of seconds above 0, found {self.patience}")


class Tracker:
    """Gives boxes identities, frame after frame of one video or stream: ``tracker.update(detections, seconds=1.24)``.

    Identities count from 1, in the order in which tracks are sure, and none is given twice.
    """

    def __init__(self, options: TrackerOptions | None = None) -> None:
        self.options = options or TrackerOptions()
        self._motion = Motion.of(np.zeros((0, 4)))
        self._state = np.zeros(0, np.int64)
        self._label = np.zeros(0, np.int64)
        self._identity = np.zeros(0, np.int64)  # 0: not yet sure
        self._begun = np.zeros(0)  # seconds
        self._seen = np.zeros(0)
        self._given = 0
        self._now: float | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS)

    def __len__(self) -> int:
        """How many tracks there are, those that are out of sight included."""
        return int((self._state != _State.NEW).sum())

    def update(self, found: Detections, seconds: float | None = None) -> Detections:
        """The boxes of the next frame that belong to a track, with their ``tracks``, in their order. ``seconds`` is the
        frame's time, by default a thirtieth of a second after the one before."""
        first = self._now is None
        now = self._advance(seconds)
        boxes = found.boxes.numpy(force=True).astype(np.float64)
        scores, labels = found.scores.numpy(force=True), found.labels.numpy(force=True)
        usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        high = np.flatnonzero(usable & (scores >= self.options.high))
        low = np.flatnonzero(usable & (scores >= self.options.low) & (scores < self.options.high))
        track_of = np.full(len(boxes), -1)

        known = np.flatnonzero(self._state != _State.NEW)
        left = self._pair(known, high, boxes, labels, LEAST_HIGH, track_of)
        out_of_sight = self._pair(left, low, boxes, labels, LEAST_LOW, track_of)
        rest = high[track_of[high] < 0]
        new = np.flatnonzero(self._state == _State.NEW)
        gone = self._pair(new, rest, boxes, labels, LEAST_NEW, track_of)
        rest = rest[track_of[rest] < 0]

        self._see(track_of, boxes, now)
        self._state[out_of_sight] = _State.LOST
        ended = (self._state == _State.LOST) & (now - self._seen > self.options.patience)
        ended[gone] = True
        ended |= self._doubles()
        track_of = self._keep(~ended, track_of)
        track_of[rest] = len(self._state) + np.arange(len(rest))
        self._begin(boxes[rest], labels[rest], now, sure=first)
        return self._sure(found, track_of)

    def _advance(self, seconds: float | None) -> float:
        """The new time; tracks are moved to where they are expected then."""
        if seconds is None or (
            self._now is not None and seconds <= self._now
        ):  # a clock that stands still or goes back
            seconds = (self._now or 0.0) + 1 / UNITS_A_SECOND
        if self._now is not None:
            self._end_before_gap(seconds)
            passed = min(seconds - self._now, self.options.patience)
            lost = np.flatnonzero(self._state == _State.LOST)
            self._motion = self._motion.without_growth(lost).predicted(passed * UNITS_A_SECOND)
        self._now = seconds
        return seconds

    def _end_before_gap(self, now: float) -> None:
        """What was not seen for longer than patience and the rate of the frames allow is not looked for any more: whoever is
        at its place now may be another."""
        usual = float(np.median(self._intervals)) if self._intervals else np.inf
        kept = now - self._seen <= max(self.options.patience, LONG_AFTER * usual)
        if not kept.all():
            self._keep(kept, np.zeros(0, np.int64))
        assert self._now is not None
        self._intervals.append(now - self._now)

    def _pair(
        self,
        tracks: np.ndarray,
        chosen: np.ndarray,
        boxes: np.ndarray,
        labels: np.ndarray,
        least: float,
        track_of: np.ndarray,
    ) -> np.ndarray:
        """Pair some tracks with some boxes, which is noted in ``track_of``; the tracks that are left."""
        alike = overlaps(self._motion.chosen(tracks).boxes(), boxes[chosen])
        alike = np.where(self._label[tracks][:, None] == labels[chosen][None], alike, -1.0)
        rows, columns = pair(alike, least)
        track_of[chosen[columns]] = tracks[rows]
        return np.delete(tracks, rows)

    def _see(self, track_of: np.ndarray, boxes: np.ndarray, now: float) -> None:
        """Tracks that were paired are where their boxes are."""
        places = np.flatnonzero(track_of >= 0)
        tracks = track_of[places]
        corrected = self._motion.chosen(tracks).corrected(boxes[places])
        self._motion.means[tracks], self._motion.covariances[tracks] = corrected.means, corrected.covariances
        self._state[tracks], self._seen[tracks] = _State.SEEN, now
        for track in tracks[self._identity[tracks] == 0]:
            self._given += 1
            self._identity[track] = self._given

    def _doubles(self) -> np.ndarray:
        """Tracks that are the same thing as an older one of their class, one of them out of sight."""
        double = np.zeros(len(self._state), bool)
        seen, lost = (np.flatnonzero(self._state == state) for state in (_State.SEEN, _State.LOST))
        motion = self._motion
        alike = overlaps(motion.chosen(seen).boxes(), motion.chosen(lost).boxes())
        same = (alike > SAME) & (self._label[seen][:, None] == self._label[lost][None])
        for row, column in np.argwhere(same):
            one, other = seen[row], lost[column]
            # The one in sight stays when they are equally old: it is what is seen.
            double[other if self._begun[one] <= self._begun[other] else one] = True
        return double

    def _keep(self, kept: np.ndarray, track_of: np.ndarray) -> np.ndarray:
        """Forget the others; ``track_of`` in the new numbers."""
        places = np.cumsum(kept) - 1
        renumbered = np.where((track_of >= 0) & kept[track_of], places[track_of], -1) if len(kept) else track_of
        self._motion = self._motion.chosen(np.flatnonzero(kept))
        for name in ("_state", "_label", "_identity", "_begun", "_seen"):
            setattr(self, name, getattr(self, name)[kept])
        return np.asarray(renumbered)

    def _begin(self, boxes: np.ndarray, labels: np.ndarray, now: float, *, sure: bool) -> None:
        count = len(boxes)
        identities = self._given + 1 + np.arange(count) if sure else np.zeros(count, np.int64)
        self._given += count if sure else 0
        self._motion = self._motion.joined(Motion.of(boxes))
        self._state = np.append(self._state, np.full(count, _State.SEEN if sure else _State.NEW))
        self._label, self._identity = np.append(self._label, labels), np.append(self._identity, identities)
        self._begun, self._seen = (
            np.append(self._begun, np.full(count, now)),
            np.append(self._seen, np.full(count, now)),
        )

    def _sure(self, found: Detections, track_of: np.ndarray) -> Detections:
        places = np.flatnonzero(track_of >= 0)
        places = places[self._identity[track_of[places]] > 0]
        identities = torch.from_numpy(self._identity[track_of[places]].astype(np.int64))
        return replace(found[torch.from_numpy(places)], tracks=identities)
