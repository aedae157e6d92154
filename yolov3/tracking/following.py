"""One video or stream that is followed: its tracks, their trails, and what is counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from yolov3.detections import Detections
from yolov3.structures import Size
from yolov3.tracking.counting import Counted, Counting, CountLine, CountZone, Point, standing
from yolov3.tracking.tracker import Tracker, TrackerOptions

LONGEST_TRAIL = 50  # points


@dataclass(frozen=True)
class FollowOptions:
    """How sources are followed and what is counted in each."""

    tracker: TrackerOptions
    lines: tuple[CountLine, ...] = ()
    zones: tuple[CountZone, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether anything is."""
        return bool(self.lines or self.zones)


@dataclass(frozen=True)
class Followed:
    """What is known of a source after a frame: the way of each identity in it that is in sight, the newest point last, with
    its label; and what was counted so far, None where nothing is."""

    trails: tuple[tuple[int, tuple[Point, ...]], ...]
    counted: Counted | None = None


class Following:
    """Follows one source."""

    def __init__(self, options: FollowOptions) -> None:
        self._tracker = Tracker(options.tracker)
        self.counting = Counting(options.lines, options.zones) if options.counts else None
        self._trails: dict[int, deque[Point]] = {}

    def follow(self, found: Detections, size: Size, seconds: float | None) -> tuple[Detections, Followed]:
        """The boxes of the next frame, an image of ``size``, that belong to tracks, and what is known then."""
        tracked = self._tracker.update(found, seconds)
        if self.counting is not None:
            self.counting.update(tracked, size)
        assert tracked.tracks is not None
        in_sight = tracked.tracks.tolist()
        trails = []
        for identity, box, label in zip(in_sight, tracked.boxes.tolist(), tracked.labels.tolist()):
            trail = self._trails.setdefault(identity, deque(maxlen=LONGEST_TRAIL))
            trail.append(standing(box))
            trails.append((label, tuple(trail)))
        self._forget(in_sight)
        counted = self.counting.counted(size) if self.counting is not None else None
        return tracked, Followed(tuple(trails), counted)

    def _forget(self, in_sight: Sequence[int]) -> None:
        """Trails of what is out of sight for long are as many as there are things in a day."""
        if len(self._trails) > 1000 + len(in_sight):
            kept = set(in_sight)
            self._trails = {identity: trail for identity, trail in self._trails.items() if identity in kept}
