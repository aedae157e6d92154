"""What passes a line, and what is in a zone, by class and by identity.

A thing is where its box stands: at the middle of its lower side. It has passed a line when it has come to stand clearly on
the other side of it and its way, from frame to frame, led through it last and not round its end: whoever trembles on the
line is counted once, if at all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.structures import Size

Point = tuple[float, float]
CLEARLY = 0.05  # of a box's height, from the line
LONGEST_ABSENCE = 300  # frames after which an identity is forgotten: it will not come back


@dataclass(frozen=True)
class CountLine:
    """A line from ``start`` to ``end``, in pixels, or in shares of the image where all numbers are within [0, 1]. What goes
    from its left to its right, as one looks from its start to its end, goes in; the other way is out."""

    start: Point
    end: Point

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise UserError(f"--count-line: a line needs a length, found {_words((self.start, self.end))}")

    @staticmethod
    def parse(text: str) -> CountLine:
        """Of ``x1,y1,x2,y2``. Raises UserError."""
        points = _points(text, "--count-line", "x1,y1,x2,y2", least=2, most=2)
        return CountLine(*points)


@dataclass(frozen=True)
class CountZone:
    """A polygon of three corners or more that does not cross itself, in pixels or in shares as a line is."""

    corners: tuple[Point, ...]

    def __post_init__(self) -> None:
        if len(self.corners) < 3:
            raise UserError(f"--count-zone: a zone needs three corners or more, found {len(self.corners)}")
        if _crosses_itself(self.corners) or not abs(_area(self.corners)) > 0:
            raise UserError(f"--count-zone: its sides cross or touch each other: {_words(self.corners)}")

    @staticmethod
    def parse(text: str) -> CountZone:
        """Of ``x1,y1,x2,y2,x3,y3,...``. Raises UserError."""
        return CountZone(tuple(_points(text, "--count-zone", "x1,y1,x2,y2,x3,y3,...", least=3)))


@dataclass
class LineCounts:
    """How many of each class went ``inward`` and ``outward`` over a line."""

    inward: Counter[str] = field(default_factory=Counter)
    outward: Counter[str] = field(default_factory=Counter)

    def as_plain(self) -> dict[str, dict[str, int]]:
        """Plain values."""
        return {"in": dict(self.inward), "out": dict(self.outward)}


@dataclass
class ZoneCounts:
    """How many of each class are in a zone ``now``, and how many different ones have been in it in all."""

    now: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)

    def as_plain(self) -> dict[str, dict[str, int]]:
        """Plain values."""
        return {"now": dict(self.now), "total": dict(self.total)}


Shape = tuple[tuple[Point, ...], str]
"""Points in pixels, and what was counted there, in words."""


@dataclass(frozen=True)
class Counted:
    """What was counted up to a frame: ``lines`` and ``zones`` to be drawn, and all of it as plain values."""

    lines: tuple[Shape, ...]
    zones: tuple[Shape, ...]
    plain: dict[str, Any]


@dataclass
class _Known:
    """Of an identity: the frame it was last in and where, on which side of each line it last stood clearly (above 0: to its
    right), which lines it went through when it last changed sides, and which zones it has been in."""

    frame: int
    place: Point
    sides: dict[int, float] = field(default_factory=dict)
    through: dict[int, bool] = field(default_factory=dict)
    zones: set[int] = field(default_factory=set)


class Counting:
    """Counts what passes ``lines`` and is in ``zones``, frame after frame of one video or stream; ``line_counts`` and
    ``zone_counts`` are in their order."""

    def __init__(self, lines: Sequence[CountLine] = (), zones: Sequence[CountZone] = ()) -> None:
        self.lines, self.zones = tuple(lines), tuple(zones)
        self.line_counts = tuple(LineCounts() for _ in self.lines)
        self.zone_counts = tuple(ZoneCounts() for _ in self.zones)
        self._known: dict[int, _Known] = {}
        self._frame = 0

    def update(self, found: Detections, size: Size) -> None:
        """Count the boxes of the next frame, an image of ``size`` (height, width), that have ``tracks``."""
        assert found.tracks is not None, "boxes without identities cannot be counted"
        self._frame += 1
        for counts in self.zone_counts:
            counts.now.clear()
        lines, zones = self._shapes(size)
        for box, identity, label in zip(found.boxes.tolist(), found.tracks.tolist(), found.labels.tolist()):
            name, place = found.name_of(label), standing(box)
            known = self._known.setdefault(identity, _Known(self._frame, place))
            for number, (start, end) in enumerate(lines):
                self._pass(known, number, place, CLEARLY * (box[3] - box[1]), (start, end), name)
            known.frame, known.place = self._frame, place
            for number, corners in enumerate(zones):
                if is_inside(
                    (place[0], place[1] - 0.5), corners
                ):  # in its lowest pixel, so that an image holds all its boxes
                    self.zone_counts[number].now[name] += 1
                    if number not in known.zones:
                        known.zones.add(number)
                        self.zone_counts[number].total[name] += 1
        if self._frame % LONGEST_ABSENCE == 0:
            oldest = self._frame - LONGEST_ABSENCE
            self._known = {identity: known for identity, known in self._known.items() if known.frame > oldest}

    def counted(self, size: Size) -> Counted:
        """What was counted so far, and where, in pixels of an image of ``size``."""
        lines, zones = self._shapes(size)
        told = self.in_words()
        shapes = [(tuple(points), words) for points, words in zip([*lines, *zones], told)]
        return Counted(tuple(shapes[: len(lines)]), tuple(shapes[len(lines) :]), self.as_plain())

    def _shapes(self, size: Size) -> tuple[list[tuple[Point, Point]], list[list[Point]]]:
        """The lines and zones in pixels of an image of ``size``."""
        lines = [(start, end) for start, end in (_in_pixels((each.start, each.end), size) for each in self.lines)]
        return lines, [_in_pixels(zone.corners, size) for zone in self.zones]

    def as_plain(self) -> dict[str, Any]:
        """Plain values: for each line what went in and out, for each zone what is in it now and has been in all."""
        return {
            "lines": [counts.as_plain() for counts in self.line_counts],
            "zones": [counts.as_plain() for counts in self.zone_counts],
        }

    def in_words(self) -> list[str]:
        """A line for each line and zone, for people."""
        told = [
            f"line {number}: {_classes(counts.inward)} in, {_classes(counts.outward)} out"
            for number, counts in enumerate(self.line_counts, start=1)
        ]
        return told + [
            f"zone {number}: {_classes(counts.now)} now, {_classes(counts.total)} in all"
            for number, counts in enumerate(self.zone_counts, start=1)
        ]

    def _pass(
        self, known: _Known, number: int, place: Point, clearly: float, line: tuple[Point, Point], name: str
    ) -> None:
        distance = _distance(place, *line)
        if (distance >= 0) != (_distance(known.place, *line) >= 0):
            known.through[number] = _cross((known.place, place), line)
        if abs(distance) < max(clearly, 1.0):
            return
        side = math.copysign(1.0, distance)
        before = known.sides.get(number)
        known.sides[number] = side
        if before is not None and before != side and known.through.get(number, False):
            counts = self.line_counts[number]
            (counts.inward if side > 0 else counts.outward)[name] += 1


def standing(box: Sequence[float]) -> Point:
    """Where a box stands: the middle of its lower side."""
    return (box[0] + box[2]) / 2, box[3]


def is_inside(point: Point, corners: Sequence[Point]) -> bool:
    """Whether a point is inside of a polygon."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0])):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def _points(text: str, option: str, form: str, *, least: int, most: int | None = None) -> list[Point]:
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    count = len(numbers) // 2
    if not numbers or len(numbers) % 2 or count < least or (most is not None and count > most):
        raise UserError(f"{option}: found {text[:80]!r}; {form} is expected")
    if not all(map(math.isfinite, numbers)) or max(map(abs, numbers)) > 1e9:
        raise UserError(f"{option}: found {text[:80]!r}; its numbers must be those of pixels, or shares of the image")
    return list(zip(numbers[::2], numbers[1::2]))


def _in_pixels(points: Sequence[Point], size: Size) -> list[Point]:
    if all(0 <= number <= 1 for point in points for number in point):
        return [(x * size[1], y * size[0]) for x, y in points]
    return list(points)


def _distance(point: Point, start: Point, end: Point) -> float:
    """From a line, in pixels: above 0 to its right, as one looks along it in an image, whose y goes down."""
    along = (end[0] - start[0], end[1] - start[1])
    across = along[0] * (point[1] - start[1]) - along[1] * (point[0] - start[0])
    return across / math.hypot(*along)


def _cross(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    """Whether two ways cross or touch each other."""

    def turn(a: Point, b: Point, c: Point) -> float:
        return float(np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])))

    (a, b), (c, d) = first, second
    return turn(a, b, c) != turn(a, b, d) and turn(c, d, a) != turn(c, d, b)


def _crosses_itself(corners: Sequence[Point]) -> bool:
    sides = list(zip(corners, (*corners[1:], corners[0])))
    count = len(sides)
    if any(start == end for start, end in sides):
        return True
    return any(
        _cross(sides[one], sides[other])
        for one in range(count)
        for other in range(one + 2, count)
        if (one, other) != (0, count - 1)  # neighbours share a corner
    )


def _area(corners: Sequence[Point]) -> float:
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]))) / 2


def _words(points: Sequence[Point]) -> str:
    return ",".join(f"{number:g}" for point in points for number in point)


def _classes(counts: Counter[str]) -> str:
    named = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    return named or "nothing"
