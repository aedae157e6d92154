"""One source that is followed: identities, trails of bounded length, counts as they were in that frame."""

from __future__ import annotations

import numpy as np

from yolov3.tracking.counting import CountLine
from yolov3.tracking.following import LONGEST_TRAIL, Following, FollowOptions
from yolov3.tracking.tracker import TrackerOptions

SIZE = (200, 300)


def test_trails_and_counts_belong_to_their_frame(detections):
    following = Following(FollowOptions(TrackerOptions(), lines=(CountLine((150, 180), (150, 20)),)))
    told = []
    for frame in range(2 * LONGEST_TRAIL):
        x = 50 + 2.0 * frame
        found, followed = following.follow(detections([(x, 60, x + 20, 100)], labels=[1]), SIZE, frame / 30)
        assert found.tracks.tolist() == [1]
        ((label, trail),) = followed.trails
        assert label == 1 and trail[-1] == (x + 10, 100) and len(trail) == min(frame + 1, LONGEST_TRAIL)
        told.append(followed.counted.plain["lines"][0]["in"])
    assert told[0] == {} and told[-1] == {"person": 1}


def test_without_lines_and_zones_nothing_is_counted(detections):
    following = Following(FollowOptions(TrackerOptions()))
    _, followed = following.follow(detections([]), SIZE, None)
    assert followed.trails == () and followed.counted is None and following.counting is None


def test_trails_of_a_long_day_are_few(detections):
    following = Following(FollowOptions(TrackerOptions(patience=0.01)))
    for frame in range(3000):
        boxes = np.array([[10.0, 10, 30, 50]]) + 100 * (frame // 2 % 7)
        following.follow(detections(boxes), SIZE, frame / 10)
    assert len(following._trails) <= 1001
