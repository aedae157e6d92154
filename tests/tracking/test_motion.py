"""The filter of many boxes is that of one, written out, and it finds velocities."""

from __future__ import annotations

import numpy as np

from yolov3.tracking.motion import Motion, to_measured


def slow_step(mean, covariance, box, units):
    """Predict and correct, in the textbook's letters."""
    height = mean[3]
    F = np.eye(8)
    for number in range(4):
        F[number, number + 4] = units
    Q = (
        np.diag([height / 20, height / 20, 1e-2, height / 20, height / 160, height / 160, 1e-5, height / 160]) ** 2
        * units
    )
    mean, covariance = F @ mean, F @ covariance @ F.T + Q
    H = np.eye(4, 8)
    R = np.diag([mean[3] / 20, mean[3] / 20, 1e-1, mean[3] / 20]) ** 2
    S = H @ covariance @ H.T + R
    K = covariance @ H.T @ np.linalg.inv(S)
    z = to_measured(box[None])[0]
    return mean + K @ (z - H @ mean), covariance - K @ S @ K.T


def test_many_at_once_are_as_one_by_one():
    chance = np.random.default_rng(0)
    corners = chance.uniform(0, 200, (7, 2))
    boxes = np.concatenate((corners, corners + chance.uniform(20, 90, (7, 2))), axis=1)
    motion = Motion.of(boxes)
    means, covariances = motion.means.copy(), motion.covariances.copy()
    for units in (1.0, 2.5, 0.3):
        boxes = boxes + chance.normal(0, 2, boxes.shape)
        motion = motion.predicted(units).corrected(boxes)
        for number in range(7):
            means[number], covariances[number] = slow_step(means[number], covariances[number], boxes[number], units)
    assert np.allclose(motion.means, means) and np.allclose(motion.covariances, covariances)


def test_boxes_there_and_back():
    boxes = np.array([[10.0, 20, 30, 60], [0, 0, 5, 1]])
    assert np.allclose(Motion.of(boxes).boxes(), boxes)
    assert Motion.of(np.zeros((0, 4))).predicted(1).boxes().shape == (0, 4)


def test_it_learns_where_things_go():
    motion = Motion.of(np.array([[0.0, 0, 40, 80]]))
    for step in range(1, 30):
        motion = motion.predicted(1).corrected(np.array([[3.0 * step, 0, 40 + 3 * step, 80]]))
    assert np.allclose(motion.predicted(10).boxes()[0], [117, 0, 157, 80], atol=3)
    still = motion.without_growth(np.array([0]))
    assert still.means[0, 7] == 0


def test_parts_and_joints():
    motion = Motion.of(np.array([[0.0, 0, 4, 8], [1, 1, 5, 9]]))
    again = motion.chosen(np.array([1])).joined(motion.chosen(np.array([0])))
    assert len(again) == 2 and np.allclose(again.boxes(), motion.boxes()[::-1])
