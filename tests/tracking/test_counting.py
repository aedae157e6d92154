"""Twenty-one scripted scenes, counted exactly, and what cannot be a line or a zone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.tracking.counting import Counting, CountLine, CountZone, is_inside
from yolov3.tracking.following import Following, FollowOptions
from yolov3.tracking.tracker import TrackerOptions

SIZE = (200, 300)
UP = CountLine((150, 180), (150, 20))  # upwards in the middle: its right is the right of the image
ACROSS = CountLine((20, 100), (280, 100))  # to the right: its right is down
SQUARE = CountZone(((100, 50), (200, 50), (200, 150), (100, 150)))
CAR, PERSON = 0, 1


def way(*points, steps: int = 45) -> np.ndarray:
    """Where a thing stands in each frame, from point to point."""
    parts = [np.linspace(start, end, steps, endpoint=False) for start, end in itertools.pairwise(points)]
    return np.concatenate((*parts, [points[-1]]))


def run(detections, things, lines=(), zones=()) -> Counting:
    """``things``: (class, way), each a box of 20 by 40 that stands there."""
    following = Following(FollowOptions(TrackerOptions(patience=3.0), tuple(lines), tuple(zones)))
    frames = max(len(points) for _, points in things)
    for frame in range(frames):
        at = [(label, points[frame]) for label, points in things if frame < len(points)]
        here = [(label, point) for label, point in at if not np.isnan(point).any()]
        boxes = [(x - 10, y - 40, x + 10, y) for _, (x, y) in here]
        following.follow(detections(boxes, labels=[label for label, _ in here]), SIZE, frame / 30)
    assert following.counting is not None
    return following.counting


def hidden(points: np.ndarray, first: int, last: int) -> np.ndarray:
    points = points.copy()
    points[first:last] = np.nan
    return points


TREMBLING = np.array([(100, 100), *[(150 + side, 100) for side in (-1, 1, -0.5, 1.5, 0, -1.5) * 5], (200, 100)], float)
TREMBLING = np.concatenate((way((60, 100), (148, 100)), TREMBLING[1:-1], way((152, 100), (240, 100))))

LINES = {
    "nobody passes": ([(CAR, way((40, 100), (130, 100)))], UP, {}, {}),
    "one to the right": ([(CAR, way((60, 100), (240, 100)))], UP, {"car": 1}, {}),
    "one to the left": ([(CAR, way((240, 100), (60, 100)))], UP, {}, {"car": 1}),
    "one there and back": ([(CAR, way((60, 100), (240, 100), (60, 100)))], UP, {"car": 1}, {"car": 1}),
    "one three times": ([(CAR, way((60, 100), (240, 100), (60, 100), (240, 100)))], UP, {"car": 2}, {"car": 1}),
    "a car and a person": (
        [(CAR, way((60, 80), (240, 80))), (PERSON, way((240, 160), (60, 160)))], UP, {"car": 1}, {"person": 1},
    ),
    "three side by side": ([(CAR, way((60, y), (240, y))) for y in (60, 110, 160)], UP, {"car": 3}, {}),
    "past its end": ([(CAR, way((60, 195), (240, 195)))], UP, {}, {}),
    "up to it, along it, round its end": (
        [(CAR, way((60, 100), (149.5, 100), (149.5, 195), (240, 195)))], UP, {}, {},
    ),
    "trembling on it, then on": ([(CAR, TREMBLING)], UP, {"car": 1}, {}),
    "trembling on it, then back": ([(CAR, np.concatenate((TREMBLING[:70], way((148, 100), (60, 100)))))], UP, {}, {}),
    "hidden while it passes": ([(CAR, hidden(way((60, 100), (240, 100)), 18, 27))], UP, {"car": 1}, {}),
    "one falls down": ([(PERSON, way((150, 50), (150, 160)))], ACROSS, {"person": 1}, {}),
    "two meet on it": (
        [(PERSON, way((120, 60), (140, 160))), (PERSON, way((210, 160), (190, 60)))], ACROSS, {"person": 1}, {"person": 1},
    ),
    "aslant": ([(CAR, way((60, 60), (240, 170)))], ACROSS, {"car": 1}, {}),
    "in shares": ([(CAR, way((60, 100), (240, 100)))], CountLine((0.5, 0.9), (0.5, 0.1)), {"car": 1}, {}),
    "it begins on it and leaves": ([(CAR, way((150, 100), (240, 100)))], UP, {}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_what_passes_a_line(detections, name):
    things, line, inward, outward = LINES[name]
    (counts,) = run(detections, things, lines=[line]).line_counts
    assert counts.as_plain() == {"in": inward, "out": outward}


ZONES = {
    "through it": ([(CAR, way((60, 100), (240, 100)))], {}, {"car": 1}),
    "in and out and in": ([(CAR, way((60, 100), (150, 100), (60, 100), (150, 100)))], {"car": 1}, {"car": 1}),
    "two in it, one beside": (
        [(CAR, way((60, 70), (120, 70))), (PERSON, way((180, 140), (160, 120))), (PERSON, way((280, 190), (220, 190)))],
        {"car": 1, "person": 1}, {"car": 1, "person": 1},
    ),
    "one after the other": (
        [(CAR, way((60, 100), (240, 100))), (CAR, hidden(way((60, 100), (60, 100), (240, 100)), 0, 45))],
        {}, {"car": 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ZONES)
def test_what_is_in_a_zone(detections, name):
    things, now, total = ZONES[name]
    (counts,) = run(detections, things, zones=[SQUARE]).zone_counts
    assert counts.as_plain() == {"now": now, "total": total}


def test_there_are_enough_scenes():
    assert len(LINES) + len(ZONES) == 21


def test_in_words_and_in_shapes(detections):
    counting = run(detections, [(CAR, way((60, 100), (240, 100)))], lines=[UP, ACROSS], zones=[SQUARE])
    assert counting.in_words() == [
        "line 1: 1 car in, nothing out", "line 2: nothing in, nothing out", "zone 1: nothing now, 1 car in all"
    ]  # fmt: skip
    counted = counting.counted(SIZE)
    assert [points for points, _ in counted.lines] == [((150, 180), (150, 20)), ((20, 100), (280, 100))]
    assert counted.zones[0] == (SQUARE.corners, "zone 1: nothing now, 1 car in all")
    assert counted.plain["lines"][0] == {"in": {"car": 1}, "out": {}}


def test_days_are_no_longer_than_minutes(detections):
    """What has gone for good is forgotten."""
    counting = Counting([UP], [SQUARE])
    from dataclasses import replace

    import torch

    for frame in range(2000):
        found = replace(detections([(90, 60, 110, 100)]), tracks=torch.tensor([frame]))
        counting.update(found, SIZE)
    assert len(counting._known) <= 700 and counting.zone_counts[0].total["car"] == 2000


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        (CountLine, "1,2,3", "--count-line: found '1,2,3'; x1,y1,x2,y2 is expected"),
        (CountLine, "1,2,3,4,5,6", "x1,y1,x2,y2 is expected"),
        (CountLine, "", "x1,y1,x2,y2 is expected"),
        (CountLine, "a,b,c,d", "x1,y1,x2,y2 is expected"),
        (CountLine, "1,nan,3,4", "its numbers must be those of pixels"),
        (CountLine, "1,1e300,3,4", "its numbers must be those of pixels"),
        (CountLine, "5,5,5,5", "a line needs a length, found 5,5,5,5"),
        (CountZone, "1,2,3,4", "x1,y1,x2,y2,x3,y3,... is expected"),
        (CountZone, "0,0,9,9,9,0,0,9", "its sides cross or touch each other"),
        (CountZone, "0,0,5,5,9,9", "its sides cross or touch each other"),
        (CountZone, "0,0,0,0,9,9", "its sides cross or touch each other"),
    ],
)
def test_what_is_no_line_and_no_zone(kind, text, line):
    with pytest.raises(UserError) as error:
        kind.parse(text)
    assert line in str(error.value) and "\n" not in str(error.value)


def test_words_become_lines_and_zones():
    assert CountLine.parse("0.5, 0,0.5,1") == CountLine((0.5, 0), (0.5, 1))
    assert CountZone.parse("0,0,9,0,9,9").corners == ((0, 0), (9, 0), (9, 9))


@pytest.mark.parametrize("seed", range(20))
def test_inside_is_what_turns_around_a_point(seed):
    """Against the sum of the angles under which the sides are seen."""
    chance = np.random.default_rng(seed)
    angles = np.sort(chance.uniform(0, 2 * np.pi, 7))
    corners = [(float(r * np.cos(a)), float(r * np.sin(a))) for a, r in zip(angles, chance.uniform(5, 20, 7))]
    for x, y in chance.uniform(-20, 20, (50, 2)):
        seen = np.array([np.arctan2(b - y, a - x) for a, b in corners])
        turns = np.diff(np.append(seen, seen[0]))
        turns = (turns + np.pi) % (2 * np.pi) - np.pi
        assert is_inside((x, y), corners) == (abs(turns.sum()) > np.pi)
