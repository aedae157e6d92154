"""How boxes are expected to move: a Kalman filter for many boxes at once.

State: centre x, centre y, aspect (width / height), height, and their velocities; what is measured are the first four. Legend:
T tracks.

Source: Bewley et al. 2016 (SORT) for the constant velocity, Wojke et al. 2017 (DeepSORT) for this state and its standard
deviations, which grow with the box's height: a twentieth of it for places, a hundred and sixtieth for velocities. Those are
per frame of a video of 30 frames a second, and so a unit of time here is a thirtieth of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PLACE, VELOCITY = 1 / 20, 1 / 160  # standard deviations in shares of the height
ASPECT, ASPECT_VELOCITY, ASPECT_MEASURED = 1e-2, 1e-5, 1e-1
UNITS_A_SECOND = 30.0


@dataclass(frozen=True)
class Motion:
    """What is known of T boxes: ``means`` (T, 8) and ``covariances`` (T, 8, 8), float64."""

    means: np.ndarray
    covariances: np.ndarray

    @staticmethod
    def of(boxes: np.ndarray) -> Motion:
        """Boxes (T, 4) xyxy that were seen once: they may move in any direction."""
        measured = to_measured(boxes)
        height = measured[:, 3]
        deviations = np.empty((len(boxes), 8))
        deviations[:, [0, 1, 3]] = 2 * PLACE * height[:, None]
        deviations[:, [4, 5, 7]] = 10 * VELOCITY * height[:, None]
        deviations[:, 2], deviations[:, 6] = ASPECT, ASPECT_VELOCITY
        return Motion(np.concatenate((measured, np.zeros_like(measured)), axis=1), _diagonal(deviations**2))

    def __len__(self) -> int:
        return len(self.means)

    def boxes(self) -> np.ndarray:
        """Where they are, (T, 4) xyxy."""
        x, y, aspect, height = self.means[:, :4].T
        height = np.maximum(height, 1e-6)
        width = np.maximum(aspect, 1e-6) * height
        return np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), axis=1)

    def chosen(self, index: np.ndarray) -> Motion:
        """Some of them."""
        return Motion(self.means[index], self.covariances[index])

    def joined(self, other: Motion) -> Motion:
        """These and then others."""
        return Motion(np.concatenate((self.means, other.means)), np.concatenate((self.covariances, other.covariances)))

    def predicted(self, units: float) -> Motion:
        """Where they are expected so many units of time later."""
        step = np.eye(8)
        step[range(4), range(4, 8)] = units
        height = self.means[:, 3]
        deviations = np.empty_like(self.means)
        deviations[:, [0, 1, 3]] = PLACE * height[:, None]
        deviations[:, [4, 5, 7]] = VELOCITY * height[:, None]
        deviations[:, 2], deviations[:, 6] = ASPECT, ASPECT_VELOCITY
        noise = _diagonal(deviations**2) * max(units, 0.0)
        return Motion(self.means @ step.T, step @ self.covariances @ step.T + noise)

    def corrected(self, boxes: np.ndarray) -> Motion:
        """What is known after each was seen at its box of (T, 4) xyxy."""
        height = self.means[:, 3]
        deviations = np.repeat(PLACE * height[:, None], 4, axis=1)
        deviations[:, 2] = ASPECT_MEASURED
        cross = self.covariances[:, :, :4]
        inside = cross[:, :4] + _diagonal(deviations**2)
        gain = np.linalg.solve(inside, cross.transpose(0, 2, 1)).transpose(0, 2, 1)  # both are symmetric
        means = self.means + np.einsum("tij,tj->ti", gain, to_measured(boxes) - self.means[:, :4])
        return Motion(means, self.covariances - gain @ inside @ gain.transpose(0, 2, 1))

    def without_growth(self, index: np.ndarray) -> Motion:
        """The same, but what is out of sight does not go on growing or shrinking."""
        means = self.means.copy()
        means[index, 7] = 0
        return Motion(means, self.covariances)


def to_measured(boxes: np.ndarray) -> np.ndarray:
    """(T, 4) xyxy to centre x, centre y, aspect, height."""
    left, top, right, bottom = np.asarray(boxes, np.float64).reshape(-1, 4).T
    height = np.maximum(bottom - top, 1e-6)
    return np.stack(((left + right) / 2, (top + bottom) / 2, (right - left) / height, height), axis=1)


def _diagonal(values: np.ndarray) -> np.ndarray:
    """(T, N) to (T, N, N) matrices with these on their diagonals."""
    return values[:, :, None] * np.eye(values.shape[1])
