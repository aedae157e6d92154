"""The bodies in the generated images: where each covers the image, and how high it stands at every pixel.

A body lies in a square window around its centre. In its own coordinates (u along its axis, v across, turned by its
angle) it spans about [-1, 1]. A scene is seen from above, leaning by ``tilt``: boxes show a side, flat things shorten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

CLASSES = ("ball", "box", "star", "ring", "cone", "capsule")
"""What is labelled, in the order of the labels."""

CLUTTER = ("twig", "leaf", "pebble", "paper", "crumbs")
"""What lies about and is not labelled."""

MARGIN = 2  # pixels of a window around what a body can cover


@dataclass(frozen=True)
class Pose:
    """How a body lies: ``radius`` in pixels, ``angle`` and ``tilt`` in radians, ``shape`` (4,) numbers in [0, 1] that
    choose its proportions, ``seed`` of its irregularities."""

    radius: float
    angle: float
    tilt: float
    shape: tuple[float, float, float, float]
    seed: int


@dataclass(frozen=True)
class Body:
    """A rendered body in its window of (S, S) pixels: ``cover`` in [0, 1], ``relief`` the height in pixels of its
    surface over its outline, ``lift`` the height of the outline over the ground, ``u`` and ``v`` its coordinates."""

    cover: np.ndarray
    relief: np.ndarray
    lift: float
    u: np.ndarray
    v: np.ndarray


Plane = tuple[np.ndarray, np.ndarray]  # u, v


def make_body(kind: str, pose: Pose, centre: tuple[float, float]) -> Body:
    """The body of a kind of CLASSES or CLUTTER. ``centre`` (x, y) is that of the body in its window, in pixels from the
    window's corner; the window has the side ``window_side(pose.radius)``."""
    side = window_side(pose.radius)
    x = (np.arange(side, dtype=np.float32) + np.float32(0.5 - centre[0]))[None] / np.float32(pose.radius)
    y = (np.arange(side, dtype=np.float32) + np.float32(0.5 - centre[1]))[:, None] / np.float32(pose.radius)
    if kind in FLAT:
        y = y / np.float32(np.cos(pose.tilt))
    cosine, sine = np.float32(np.cos(pose.angle)), np.float32(np.sin(pose.angle))
    plane = (cosine * x + sine * y, cosine * y - sine * x)
    distance, height, lift = FORMS[kind](plane, pose)
    cover = np.clip(0.5 - distance * np.float32(pose.radius), 0, 1)
    relief = np.where(distance < 0, height, 0) * np.float32(pose.radius)
    return Body(cover, relief.astype(np.float32), lift * pose.radius, *plane)


def window_side(radius: float) -> int:
    """Pixels of the side of a window that holds a body of this radius wherever its centre lies in the middle pixel."""
    return 2 * int(np.ceil(radius + MARGIN)) + 1


# Each form: the signed distance to the outline (negative inside), the height over the outline, and the lift of the
# outline over the ground; all in units of the radius.
Form = Callable[[Plane, Pose], tuple[np.ndarray, np.ndarray, float]]


def _ball(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    distance = np.hypot(*plane)
    return distance - 1, _dome(1 - distance**2), 0.8


def _capsule(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    thick = 0.27 + 0.13 * pose.shape[0]
    along = np.maximum(np.abs(plane[0]) - (1 - thick), 0)
    distance = np.hypot(along, plane[1])
    return distance - thick, _dome(thick**2 - distance**2), 0.8 * thick


def _ring(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    thick = 0.15 + 0.13 * pose.shape[0]
    distance = np.abs(np.hypot(*plane) - (1 - thick))
    return distance - thick, _dome(thick**2 - distance**2), 0.7 * thick


def _cone(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    """A cone lying on its side, its tip at u = 1; the base bulges a little."""
    u, v = plane
    half = 0.5 + 0.22 * pose.shape[0]
    base = -0.72
    steepness = half / (1 - base)
    normal = np.hypot(1, steepness)
    flank = (np.abs(v) - steepness * (1 - u)) / normal
    bottom = base - u - 0.12 * (1 - (v / half) ** 2)
    width = np.maximum(steepness * (1 - u), 0)
    return np.maximum(flank, bottom), _dome(width**2 - v**2), 0.3 * half


def _star(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    """Five points, with ridges to the tips and valleys between."""
    sector = 2 * np.pi / 5
    angle = np.abs((np.arctan2(plane[1], plane[0]) + sector / 2) % sector - sector / 2)
    radius = np.hypot(*plane)
    inner = 0.42 + 0.1 * pose.shape[0]
    valley = inner * np.array((np.cos(sector / 2), np.sin(sector / 2)))
    edge = valley - np.array((1.0, 0.0))
    normal = np.array((edge[1], -edge[0])) / np.hypot(*edge)
    reach = normal[0]
    distance = radius * (np.cos(angle) * normal[0] + np.sin(angle) * normal[1]) - reach
    return distance.astype(np.float32), ((0.35 + 0.25 * pose.shape[1]) * -distance / reach).astype(np.float32), 0.12


def _box(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    """A cuboid on the ground, seen leaning: the upper envelope of the planes of its visible faces."""
    sides = np.array((1.0, 0.5 + 0.4 * pose.shape[0], 0.4 + 0.5 * pose.shape[1]))
    sides *= 0.99 / np.linalg.norm(sides)
    turn, lean = _turn_z(pose.angle), _turn_x(pose.tilt)
    axes = lean @ turn  # columns: the cuboid's axes in the image's frame (x right, y down, z to the eye)
    corners = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]) * sides @ axes.T
    hull = cv2.convexHull(corners[:, :2].astype(np.float32))[:, 0].astype(np.float64)
    u, v = plane
    cosine, sine = np.cos(pose.angle), np.sin(pose.angle)
    x, y = (cosine * u - sine * v).astype(np.float32), (sine * u + cosine * v).astype(np.float32)
    distance = np.full(u.shape, -np.inf, np.float32)
    for first, second in zip(hull, np.roll(hull, -1, axis=0)):
        edge = second - first
        normal = np.array((edge[1], -edge[0])) / max(np.hypot(*edge), 1e-9)
        normal *= 1 if normal @ first > 0 else -1
        distance = np.maximum(distance, np.float32(normal[0]) * x + np.float32(normal[1]) * y - normal @ first)
    height = np.full(u.shape, np.inf, np.float32)
    for axis, half in zip(axes.T, sides):
        outward = axis if axis[2] > 0 else -axis
        if outward[2] > 0.05:
            height = np.minimum(height, (half - np.float32(outward[0]) * x - np.float32(outward[1]) * y) / outward[2])
    lowest = corners[:, 2].min()
    return distance, height.astype(np.float32), float(-lowest)


def _twig(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    u, v = plane
    bend = v - 0.18 * np.sin(3 * u + 6 * pose.shape[0]) - 0.04 * np.sin(11 * u + 6 * pose.shape[1])
    thick = (0.035 + 0.035 * pose.shape[2]) * (1.2 - 0.5 * u)
    distance = np.maximum(np.abs(bend) - thick, np.abs(u) - 0.93)
    return distance, _dome(thick**2 - bend**2), 0.02


def _leaf(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    u, v = plane
    bend = v - 0.12 * u**2 * (1 if pose.shape[1] < 0.5 else -1)
    half = (0.28 + 0.2 * pose.shape[0]) * np.maximum(1 - u**2, 0) * (1 - 0.25 * u)
    stalk = np.maximum(np.abs(bend) - 0.025, np.abs(u + 0.8) - 0.18)
    veins = 0.02 * np.sin(26 * (u - np.abs(bend)))
    return np.minimum((np.abs(bend) - half) * 0.85, stalk), 0.12 * np.abs(bend) + veins + 0.05, 0.03


def _pebble(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    """An uneven stone, never round: a squeezed circle with waves on its outline."""
    u, v = plane[0], plane[1] / np.float32(0.5 + 0.22 * pose.shape[0])
    angle = np.arctan2(v, u)
    phases = np.random.default_rng(pose.seed).uniform(0, 6.28, 3)
    waves = 0.10 * np.sin(2 * angle + phases[0]) + 0.07 * np.sin(3 * angle + phases[1])
    outline = (0.8 + waves + 0.03 * np.sin(5 * angle + phases[2])).astype(np.float32)
    inside = np.hypot(u, v) / outline
    return (inside - 1) * 0.55, 0.3 * _dome(1 - inside**3), 0.08


def _paper(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    """A torn scrap: an uneven quadrangle, as good as flat."""
    u, v = plane
    distance = np.full(u.shape, -np.inf, np.float32)
    for side in range(4):
        angle = side * np.pi / 2 + 0.5 * (pose.shape[side] - 0.5)
        reach = (0.72, 0.5)[side % 2] * (0.8 + 0.2 * pose.shape[(side + 1) % 4])
        distance = np.maximum(distance, np.float32(np.cos(angle)) * u + np.float32(np.sin(angle)) * v - reach)
    torn = 0.015 * np.sin(23 * u + 9 * v) * np.sin(17 * v - 5 * u)
    curl = 0.05 * np.sin(2 * u + 6 * pose.shape[0]) + 0.03 * u * v
    return distance + torn, curl + 0.05, 0.01


def _crumbs(plane: Plane, pose: Pose) -> tuple[np.ndarray, np.ndarray, float]:
    generator = np.random.default_rng(pose.seed)
    distance = np.full(plane[0].shape, np.inf, np.float32)
    for u, v, size in generator.uniform((-0.75, -0.75, 0.04), (0.75, 0.75, 0.14), (7, 3)).astype(np.float32):
        distance = np.minimum(distance, np.hypot(plane[0] - u, plane[1] - v) - size)
    return distance, np.maximum(-distance, 0), 0.02


FORMS: dict[str, Form] = {
    "ball": _ball, "box": _box, "star": _star, "ring": _ring, "cone": _cone, "capsule": _capsule,
    "twig": _twig, "leaf": _leaf, "pebble": _pebble, "paper": _paper, "crumbs": _crumbs,
}  # fmt: skip

FLAT = frozenset(("star", "ring", "leaf", "paper"))
"""Lie flat on the ground, so that the leaning view shortens them."""


def _dome(square: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(square, 0))


def _turn_z(angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array(((cosine, -sine, 0), (sine, cosine, 0), (0, 0, 1)))


def _turn_x(angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array(((1, 0, 0), (0, cosine, -sine), (0, sine, cosine)))
