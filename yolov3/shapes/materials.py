"""What the generated images' tables and things are made of: procedural colour and relief.

Colours are linear light, float32 RGB in [0, 1]; reliefs are heights in pixels, which the light makes visible. Every
function draws from the generator it is given and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from yolov3.structures import Size

TILE_SIDE = 64  # pixels of the small image that is wrapped around a thing


@dataclass(frozen=True)
class Ground:
    """What a scene lies on: ``albedo`` (H, W, 3) linear light in [0, 1], ``relief`` (H, W) heights in pixels."""

    albedo: np.ndarray
    relief: np.ndarray


def noise(generator: np.random.Generator, size: Size, cell: tuple[float, float]) -> np.ndarray:
    """Smooth noise (H, W) float32 in about [0, 1] that changes over ``cell`` (height, width) pixels."""
    height, width = size
    rows, columns = int(height / cell[0]) + 3, int(width / cell[1]) + 3
    grid = generator.random((rows, columns), np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def fractal(
    generator: np.random.Generator, size: Size, cell: tuple[float, float], *, octaves: int, gain: float = 0.5
) -> np.ndarray:
    """Noise (H, W) float32 in about [-1, 1]: octaves of half the cell and ``gain`` times the strength each."""
    total = np.zeros(size, np.float32)
    strength, strengths = 1.0, 0.0
    for octave in range(octaves):
        layer = noise(generator, size, (max(1.0, cell[0] / 2**octave), max(1.0, cell[1] / 2**octave)))
        total += strength * layer
        strengths += strength
        strength *= gain
    return total * (2 / strengths) - 1


def colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """The linear light (3,) of a colour given as hue in turns, saturation and value in [0, 1]."""
    sector = (hue % 1.0) * 6
    ramps = np.array([abs(sector - 3) - 1, 2 - abs(sector - 2), 2 - abs(sector - 4)]).clip(0, 1)
    return (np.float32(value) * (1 - saturation + saturation * ramps).astype(np.float32)) ** 2


def wood(generator: np.random.Generator, size: Size) -> Ground:
    """Planks with grain along one axis."""
    upright = generator.random() < 0.5
    height, width = size if upright else size[::-1]
    plank = generator.uniform(50, 130)
    columns = np.arange(width, dtype=np.float32)
    which = ((columns + generator.uniform(0, plank)) / plank).astype(np.int64)
    offsets = generator.uniform(0, 40, which.max() + 1).astype(np.float32)[which]
    tones = generator.uniform(0.8, 1.15, which.max() + 1).astype(np.float32)[which]
    warp = fractal(generator, (height, width), (110, 26), octaves=3)
    rings = np.sin((columns + offsets * 7 + 16 * warp) * np.float32(generator.uniform(0.25, 0.6)))
    fibres = fractal(generator, (height, width), (60, 2.5), octaves=2)
    seams = np.exp(-(((columns + 0.5) % plank) ** 2) / 2).astype(np.float32)
    tone = tones * (1 + 0.10 * rings + 0.16 * fibres + 0.10 * warp) * (1 - 0.6 * seams)
    base = colour(generator.uniform(0.05, 0.1), generator.uniform(0.25, 0.65), generator.uniform(0.45, 0.85))
    albedo, relief = tone[..., None] * base, 0.35 * fibres + 0.2 * rings - 2 * seams
    return _turned(albedo, relief) if not upright else Ground(albedo, relief)


def cloth(generator: np.random.Generator, size: Size) -> Ground:
    """A woven cloth with soft folds: plain, striped or chequered."""
    height, width = size
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    thread = 2 * np.pi / generator.uniform(2.6, 4.5)
    weave = np.sin(rows * thread) * np.sin(columns * thread)
    folds = fractal(generator, size, (150, 90), octaves=2)
    first = colour(generator.random(), generator.uniform(0.02, 0.4), generator.uniform(0.35, 0.9))
    second = colour(generator.random(), generator.uniform(0.02, 0.4), generator.uniform(0.5, 0.95))
    share = np.zeros(size, np.float32)
    if generator.random() < 0.55:
        period = generator.uniform(24, 70)
        stripes = [np.tanh(4 * np.sin((axis + 4 * folds) * 2 * np.pi / period)) for axis in (rows, columns)]
        share = 0.25 * (stripes[0] + 1) + (0.25 * (stripes[1] + 1) if generator.random() < 0.6 else 0)
    fuzz = fractal(generator, size, (5, 5), octaves=2)
    tone = 1 + 0.12 * weave + 0.16 * fuzz
    albedo = (first + share[..., None] * (second - first)) * tone[..., None]
    return Ground(albedo, 0.25 * weave + 9 * folds + 0.3 * fuzz)


def gravel(generator: np.random.Generator, size: Size) -> Ground:
    """Small stones pressed side by side: the cells nearest to random points."""
    height, width = size
    spacing = generator.uniform(7, 15)
    count = int(height * width / spacing**2)
    points = np.full(size, 255, np.uint8)
    points[generator.integers(0, height, count), generator.integers(0, width, count)] = 0
    distance, cells = cv2.distanceTransformWithLabels(points, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    tones = generator.uniform(0.55, 1.25, cells.max() + 1).astype(np.float32)
    warmth = generator.uniform(-0.08, 0.08, cells.max() + 1).astype(np.float32)
    grain = fractal(generator, size, (4, 4), octaves=2)
    hollow = np.minimum(distance / spacing, 1)
    tone = tones[cells] * (1 + 0.2 * grain) * (1.05 - 0.45 * hollow)
    base = colour(generator.uniform(0.05, 0.15), generator.uniform(0.02, 0.3), generator.uniform(0.45, 0.75))
    tint = np.stack([1 + warmth[cells], np.ones(size, np.float32), 1 - warmth[cells]], axis=-1)
    return Ground(tone[..., None] * base * tint, cv2.GaussianBlur(-0.55 * distance, (0, 0), 0.8) + 0.5 * grain)


def plaster(generator: np.random.Generator, size: Size) -> Ground:
    """A rough wall or a stone: blotches, grit, sometimes a crack."""
    blotches = fractal(generator, size, (120, 120), octaves=5, gain=0.6)
    grit = fractal(generator, size, (3, 3), octaves=2)
    base = colour(_mineral_hue(generator), generator.uniform(0.02, 0.28), generator.uniform(0.4, 0.92))
    tone = 1 + 0.35 * blotches + 0.14 * grit
    relief = 2.5 * blotches + 0.6 * grit
    if generator.random() < 0.5:
        crack = np.exp(-((28 * fractal(generator, size, (150, 150), octaves=4, gain=0.6)) ** 2))
        crack *= np.clip(4 * fractal(generator, size, (70, 70), octaves=1), 0, 1)  # cracks end somewhere
        tone, relief = tone * (1 - 0.5 * crack), relief - 1.2 * crack
    return Ground(tone[..., None] * base, relief)


def tiles(generator: np.random.Generator, size: Size) -> Ground:
    """Speckled tiles with joints between them."""
    height, width = size
    side = generator.uniform(60, 120)
    rows = (np.arange(height, dtype=np.float32) + generator.uniform(0, side))[:, None]
    columns = (np.arange(width, dtype=np.float32) + generator.uniform(0, side))[None]
    near = np.minimum(np.abs((rows + side / 2) % side - side / 2), np.abs((columns + side / 2) % side - side / 2))
    joint = 1 / (1 + np.exp(np.clip(3 * (near - generator.uniform(1, 2.5)), -20, 20)))
    which = (rows // side).astype(np.int64) * 31 + (columns // side).astype(np.int64)
    tones = generator.uniform(0.88, 1.08, which.max() + 1).astype(np.float32)[which]
    specks = np.maximum(fractal(generator, size, (5, 5), octaves=2), 0.15) - 0.15
    cloud = fractal(generator, size, (70, 70), octaves=4)
    base = colour(_mineral_hue(generator), generator.uniform(0.02, 0.3), generator.uniform(0.5, 0.92))
    tone = tones * (1 + 0.12 * cloud - generator.uniform(0.1, 1.1) * specks) * (1 - 0.45 * joint)
    return Ground(tone.astype(np.float32)[..., None] * base, (-1.5 * joint + 0.15 * cloud).astype(np.float32))


GROUNDS: dict[str, Callable[[np.random.Generator, Size], Ground]] = {
    "wood": wood,
    "cloth": cloth,
    "gravel": gravel,
    "plaster": plaster,
    "tiles": tiles,
}


def natural_tile(generator: np.random.Generator, base: np.ndarray) -> np.ndarray:
    """The skin of a stone, a leaf, a scrap of colour ``base`` (3,): (TILE_SIDE, TILE_SIDE, 3) linear light."""
    stains = fractal(generator, (TILE_SIDE, TILE_SIDE), (24, 24), octaves=5, gain=0.7)
    return np.clip(base * (1 + 0.3 * stains)[..., None], 0, 1).astype(np.float32)


def thing_tile(generator: np.random.Generator, base: np.ndarray) -> np.ndarray:
    """The skin of a thing of colour ``base`` (3,): (TILE_SIDE, TILE_SIDE, 3) linear light in [0, 1].

    Plain, blotched, speckled, striped or two-coloured, whatever the class, so that no pattern betrays it.
    """
    size = (TILE_SIDE, TILE_SIDE)
    other = colour(generator.random(), generator.uniform(0.1, 0.9), generator.uniform(0.3, 0.95))
    pattern = generator.choice(["plain", "blotched", "speckled", "striped", "halves"], p=[0.4, 0.2, 0.14, 0.16, 0.1])
    share: np.ndarray = np.zeros(size, np.float32)
    axis = np.linspace(-1, 1, TILE_SIDE, dtype=np.float32)[None]
    if pattern == "blotched":
        share = 0.5 * np.clip(0.5 + 1.4 * fractal(generator, size, (16, 16), octaves=3), 0, 1)
    elif pattern == "speckled":
        share = np.clip(4 * (noise(generator, size, (3, 3)) - 0.7), 0, 1)
    elif pattern == "striped":
        share = share + 0.5 + 0.5 * np.tanh(5 * np.sin(axis * generator.uniform(5, 14) + generator.uniform(0, 6)))
    elif pattern == "halves":
        share = share + 0.5 + 0.5 * np.tanh(24 * (axis - generator.uniform(-0.2, 0.2)))
    wear = 1 + 0.12 * fractal(generator, size, (20, 20), octaves=4)
    return np.clip((base + share[..., None] * (other - base)) * wear[..., None], 0, 1).astype(np.float32)


def _mineral_hue(generator: np.random.Generator) -> float:
    """Sand to brick, or the blue of slate."""
    return float(generator.uniform(0.0, 0.14) if generator.random() < 0.7 else generator.uniform(0.45, 0.65))


def _turned(albedo: np.ndarray, relief: np.ndarray) -> Ground:
    return Ground(np.ascontiguousarray(albedo.transpose(1, 0, 2)), np.ascontiguousarray(relief.T))
