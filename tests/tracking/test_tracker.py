"""Who is who, through crossings, gaps and doubts; measured, and beside others' programs where they are installed."""

from __future__ import annotations

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.tracking.tracker import Tracker, TrackerOptions

BOX = np.array([100.0, 100, 140, 180])


def run(moments, tracker: Tracker | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    tracker = Tracker() if tracker is None else tracker
    answers = [tracker.update(moment.found, moment.seconds) for moment in moments]
    return [(found.boxes.numpy(), found.tracks.numpy()) for found in answers]


def test_in_an_easy_scene_everybody_is_who_he_was(make_scene, measure):
    moments = list(make_scene(1, hard=False))
    marks = measure(moments, run(moments))
    assert marks.mota > 0.97 and marks.idf1 > 0.97


def test_in_hard_scenes_most_are(make_scene, measure):
    """Crossings, 12 frames out of sight, 4 % missed, boxes that shake by 2 % of their height, false ones, and a third of all
    boxes with scores too low to begin a track: nobody can follow what never had a sure box."""
    marks = []
    for seed in range(8):
        moments = list(make_scene(seed))
        marks.append(measure(moments, run(moments)))
    mota, idf1 = (float(np.mean([getattr(each, name) for each in marks])) for name in ("mota", "idf1"))
    print(f"MOTA {mota:.3f}, IDF1 {idf1:.3f}, {sum(each.switches for each in marks)} switches")
    assert mota > 0.75 and idf1 > 0.84


def test_the_second_look_is_worth_something(make_scene, measure):
    """The paper's point: boxes of low score continue tracks."""
    marks = {}
    for low in (0.1, 0.25):
        found = [list(make_scene(seed)) for seed in range(4)]
        runs = [run(moments, Tracker(TrackerOptions(low=low))) for moments in found]
        marks[low] = np.mean([measure(*each).mota for each in zip(found, runs)])
    assert marks[0.1] > marks[0.25] + 0.01


def test_a_track_is_sure_with_its_second_frame_and_at_once_in_the_first(detections):
    tracker = Tracker()
    assert tracker.update(detections([BOX])).tracks.tolist() == [1]
    later = detections([BOX, BOX + 200])
    assert tracker.update(later).tracks.tolist() == [1]
    found = tracker.update(later)
    assert found.tracks.tolist() == [1, 2] and len(tracker) == 2
    assert tracker.update(detections([BOX, BOX + 200, BOX - 90])).tracks.tolist() == [1, 2]
    tracker.update(later)
    assert tracker.update(detections([BOX, BOX + 200, BOX - 90])).tracks.tolist() == [1, 2], "it has to begin anew"


def test_a_doubtful_box_continues_and_begins_nothing(detections):
    tracker = Tracker()
    tracker.update(detections([BOX]))
    found = tracker.update(detections([BOX + 1, BOX + 200], scores=[0.15, 0.15]))
    assert found.tracks.tolist() == [1] and found.scores.tolist() == pytest.approx([0.15])
    assert tracker.update(detections([BOX], scores=[0.05])).tracks.tolist() == []


def test_identities_keep_their_class(detections):
    tracker = Tracker()
    tracker.update(detections([BOX], labels=[0]))
    assert tracker.update(detections([BOX], labels=[1])).tracks.tolist() == []
    assert tracker.update(detections([BOX], labels=[1])).tracks.tolist() == [2]


@pytest.mark.parametrize(("rate", "away"), [(30.0, 25), (10.0, 8), (2.0, 1)])
def test_who_was_away_for_less_than_patience_comes_back(detections, rate, away):
    """At any rate of frames; it moves on meanwhile."""
    tracker = Tracker()
    velocity = np.array([20.0, 0, 20, 0])

    def at(seconds):
        return detections([BOX + velocity * seconds])

    frames = 40
    for frame in range(frames):
        tracker.update(at(frame / rate), frame / rate)
    for frame in range(frames, frames + away):
        assert len(tracker.update(detections([]), frame / rate)) == 0
    back = frames + away
    assert tracker.update(at(back / rate), back / rate).tracks.tolist() == [1]


def test_who_was_away_for_longer_is_somebody_else(detections):
    tracker = Tracker()
    tracker.update(detections([BOX]), 0.0)
    tracker.update(detections([BOX]), 0.1)
    tracker.update(detections([]), 0.5)
    tracker.update(detections([]), 1.3)
    assert len(tracker) == 0
    tracker.update(detections([BOX]), 1.4)
    assert tracker.update(detections([BOX]), 1.5).tracks.tolist() == [2]


def test_frames_that_were_passed_over_change_nothing(make_scene, measure):
    """A stream of which every third frame is looked at."""
    moments = list(make_scene(3, hard=False))[::3]
    marks = measure(moments, run(moments))
    assert marks.idf1 > 0.95


@pytest.mark.parametrize("seconds", [None, 5.0, -3.0])
def test_a_clock_that_stands_still_or_goes_back(detections, seconds):
    tracker = Tracker()
    for _ in range(5):
        found = tracker.update(detections([BOX]), seconds)
    assert found.tracks.tolist() == [1]


def test_boxes_that_are_none(detections):
    tracker = Tracker()
    wrong = [[np.nan, 0, 1, 1], [5, 5, 5, 9], [9, 9, 5, 5], [0, 0, np.inf, 5], BOX]
    for _ in range(3):
        found = tracker.update(detections(wrong))
    assert found.tracks.tolist() == [1] and found.boxes.tolist() == [BOX.tolist()]
    for count in (0, 1, 0, 0):
        tracker.update(detections([BOX] * count))


def test_two_of_one_thing_become_one(detections):
    """A track that was lost and one that began in its place."""
    tracker = Tracker()
    for frame in range(10):
        tracker.update(detections([BOX + 10 * frame]), frame / 30)
    for frame in range(10, 14):  # it stops, out of the old track's way
        tracker.update(detections([BOX + 160]), frame / 30)
    assert tracker.update(detections([BOX + 160]), 14 / 30).tracks.tolist() in ([1], [2])
    assert len(tracker) <= 2


def test_it_takes_numbers_that_mean_something():
    for wrong in ({"low": 0.5, "high": 0.3}, {"low": -1}, {"high": 2}, {"high": float("nan")}):
        with pytest.raises(UserError, match="low <= high"):
            TrackerOptions(**wrong)
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UserError, match="patience must be"):
            TrackerOptions(patience=wrong)


def test_beside_another_program(make_scene, measure):
    """ByteTrack of the package trackers, on the same boxes, with the same thresholds."""
    trackers = pytest.importorskip("trackers")
    ours, theirs = [], []
    for seed in range(6):
        moments = list(make_scene(seed))
        ours.append(measure(moments, run(moments)))
        tracker = trackers.ByteTrackTracker(
            lost_track_buffer=30, frame_rate=30.0, track_activation_threshold=0.25, high_conf_det_threshold=0.25
        )
        answers = []
        for moment in moments:
            found = tracker.update(moment.found.to_supervision())
            sure = np.asarray(found.tracker_id, np.int64).reshape(-1) >= 0
            answers.append((found.xyxy.reshape(-1, 4)[sure], np.asarray(found.tracker_id, np.int64).reshape(-1)[sure]))
        theirs.append(measure(moments, answers))
    for name in ("mota", "idf1"):
        own, other = (np.mean([getattr(each, name) for each in marks]) for marks in (ours, theirs))
        print(f"{name}: ours {own:.3f}, trackers' {other:.3f}")
        assert own > other - 0.02


def test_the_measures_are_those_of_motmetrics(make_scene, measure):
    motmetrics = pytest.importorskip("motmetrics")
    from yolov3.tracking.pairing import overlaps

    for seed in (0, 1):
        moments = list(make_scene(seed))
        tracked = run(moments)
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for moment, (boxes, identities) in zip(moments, tracked):
            truth = np.array(list(moment.truth.values())).reshape(-1, 4)
            distances = 1 - overlaps(truth, boxes)
            accumulator.update(list(moment.truth), identities.tolist(), np.where(distances <= 0.5, distances, np.nan))
        found = motmetrics.metrics.create().compute(accumulator, metrics=["mota", "idf1", "num_switches"])
        own = measure(moments, tracked)
        assert own.mota == pytest.approx(float(found["mota"].iloc[0]), abs=1e-9)
        assert own.idf1 == pytest.approx(float(found["idf1"].iloc[0]), abs=1e-9)
        assert own.switches == int(found["num_switches"].iloc[0])


def test_after_a_long_gap_whoever_stands_there_is_somebody_else(detections):
    """A stream that broke off for a minute shows other people at the same places."""
    tracker = Tracker()
    for seconds in (0.0, 0.1, 0.2):
        assert tracker.update(detections([BOX]), seconds).tracks.tolist() == [1]
    assert tracker.update(detections([BOX]), 60.0).tracks.tolist() == []
    assert tracker.update(detections([BOX]), 60.1).tracks.tolist() == [2]


def test_frames_that_always_come_late_have_no_gaps(detections):
    """One image every five seconds, and one of them fails."""
    tracker = Tracker()
    for seconds in (0.0, 5.0, 10.0, 15.0, 25.0, 30.0):
        assert tracker.update(detections([BOX]), seconds).tracks.tolist() == [1]
