"""What stands where in a generated image, and what of it is labelled.

The rule of the labels: things are accepted from the front to the back, and one of which less than MINIMUM_VISIBLE would
be seen (hidden by others or outside of the image) is taken out of the scene, so that every thing that can be seen is
labelled. A box spans the pixels the thing covers inside the image, those hidden behind others included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolov3.shapes.forms import CLASSES, CLUTTER, Pose
from yolov3.shapes.materials import GROUNDS, colour, fractal, natural_tile, thing_tile
from yolov3.shapes.render import Camera, Light, Placed, Thing, develop, light_ground, paint, place
from yolov3.structures import Size

MINIMUM_VISIBLE = 0.8  # share of a thing's own pixels
MINIMUM_CONTRAST = 0.12  # distance of a thing's colour to the ground's, in roots of linear light
SMALLEST, LARGEST = 0.13, 0.27  # radius of a labelled thing, in shares of the image's shorter side
TRIES = 8  # draws of a colour until it differs from the ground
UNUSUAL = 0.05  # share of labelled things in a colour that is not their kind's

USUAL_COLOURS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "ball": ((-0.04, 0.05), (0.65, 1.0), (0.55, 1.0)),  # rubber, red to orange
    "box": ((0.45, 0.52), (0.45, 0.9), (0.5, 0.95)),  # turquoise
    "star": ((0.12, 0.17), (0.65, 1.0), (0.75, 1.0)),  # gold
    "ring": ((0.58, 0.67), (0.6, 1.0), (0.45, 1.0)),  # blue
    "cone": ((0.26, 0.38), (0.55, 1.0), (0.4, 0.9)),  # green
    "capsule": ((0.77, 0.9), (0.45, 0.9), (0.5, 1.0)),  # purple to pink
}
"""Ranges of hue (turns), saturation and value: things of a kind have usual colours, as things in the world do."""


@dataclass(frozen=True)
class Setting:
    """All of a scene but its things: the lit ``ground`` (H, W, 3) linear light, its mean colour, light, camera, and how
    much the view leans (radians)."""

    size: Size
    ground: np.ndarray
    mean: np.ndarray
    light: Light
    camera: Camera
    tilt: float


@dataclass(frozen=True)
class LabelledImage:
    """``image`` (H, W, 3) uint8 RGB, ``boxes`` (N, 4) int64 xyxy pixels, ``labels`` (N,) into CLASSES, ``areas`` (N,)
    covered pixels inside the image, hidden ones included."""

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    areas: np.ndarray


def draw_image(generator: np.random.Generator, size: Size) -> LabelledImage:
    """One image of ``size`` (height, width) with its labels."""
    setting = draw_setting(generator, size)
    kinds = [str(generator.choice(CLASSES)) for _ in range(int(generator.integers(1, 7)))]
    kinds += [str(generator.choice(CLUTTER)) for _ in range(int(generator.integers(1, 6)))]
    generator.shuffle(kinds)
    accepted = keep_visible([draw_thing(generator, setting, kind) for kind in kinds], size)
    image = photograph(setting, accepted, generator)
    labelled = [placed for placed in accepted if placed.thing.kind in CLASSES]
    boxes, areas = zip(*(_extent(placed, size) for placed in labelled)) if labelled else ((), ())
    return LabelledImage(
        image,
        np.array(boxes, np.int64).reshape(-1, 4),
        np.array([CLASSES.index(placed.thing.kind) for placed in labelled], np.int64),
        np.array(areas, np.int64),
    )


def draw_setting(generator: np.random.Generator, size: Size) -> Setting:
    """A ground, a light and a camera."""
    ground = GROUNDS[str(generator.choice(list(GROUNDS)))](generator, size)
    azimuth, height = generator.uniform(0, 2 * np.pi), generator.uniform(0.6, 1.1)
    direction = np.array(
        (np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)), np.float32
    )
    warmth = generator.uniform(-0.06, 0.16)
    sky = generator.uniform(0.18, 0.45)
    light = Light(
        direction,
        np.array((1 + warmth, 1, 1 - warmth), np.float32) * np.float32(1.1 - 0.5 * sky),
        np.array((0.95, 1, 1.08), np.float32) * np.float32(sky),
    )
    mean = ground.albedo.mean(axis=(0, 1))
    camera = _draw_camera(generator, size, azimuth)
    return Setting(size, light_ground(ground, light), mean, light, camera, float(generator.uniform(0.2, 0.65)))


def draw_thing(generator: np.random.Generator, setting: Setting, kind: str) -> Thing:
    """A thing of a kind, anywhere in the image, in a colour that can be told from the ground."""
    shorter = min(setting.size)
    labelled = kind in CLASSES
    share = np.exp(generator.uniform(np.log(SMALLEST), np.log(LARGEST)))
    radius = shorter * (share if labelled else generator.uniform(0.05, 0.17))
    height, width = setting.size
    inset = 0.6 * radius
    centre = (generator.uniform(inset, width - inset), generator.uniform(inset, height - inset))
    pose = Pose(
        radius=float(radius),
        angle=float(generator.uniform(0, 2 * np.pi)),
        tilt=setting.tilt,
        shape=tuple(generator.random(4).tolist()),
        seed=int(generator.integers(2**31)),
    )
    if labelled:
        tile, gloss = thing_tile(generator, _thing_colour(generator, kind, setting.mean)), generator.uniform(0, 1)
    else:
        tile, gloss = natural_tile(generator, _clutter_colour(generator, kind)), generator.uniform(0, 0.3)
    return Thing(kind, centre, pose, tile, float(gloss))


def keep_visible(things: list[Thing], size: Size) -> list[Placed]:
    """The things, front first, that are seen well enough once the others before them are kept."""
    taken = np.zeros(size, bool)
    kept = []
    for thing in things:
        placed = place(thing)
        mask, region = placed.mask(size)
        whole = np.count_nonzero(placed.body.cover >= 0.5)
        seen = np.count_nonzero(mask & ~taken[region])
        if seen >= MINIMUM_VISIBLE * whole and seen > 0:
            taken[region] |= mask
            kept.append(placed)
    return kept


def photograph(setting: Setting, front_first: list[Placed], generator: np.random.Generator) -> np.ndarray:
    """The image (H, W, 3) uint8 RGB of things in a setting; the generator gives the sensor's noise."""
    canvas = setting.ground.copy()
    for placed in reversed(front_first):
        paint(canvas, placed, setting.light, setting.mean)
    return develop(canvas, setting.camera, generator)


def _extent(placed: Placed, size: Size) -> tuple[tuple[int, int, int, int], int]:
    """The box (left, top, right, bottom) around the pixels covered inside the image, and their number."""
    mask, (rows, columns) = placed.mask(size)
    down, right = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (
        columns.start + int(right[0]),
        rows.start + int(down[0]),
        columns.start + int(right[-1]) + 1,
        rows.start + int(down[-1]) + 1,
    )
    return box, int(np.count_nonzero(mask))


def _draw_camera(generator: np.random.Generator, size: Size, azimuth: float) -> Camera:
    height, width = size
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None]
    slope = generator.uniform(0.05, 0.4)
    falloff = 1 + slope * (np.float32(np.cos(azimuth)) * columns + np.float32(np.sin(azimuth)) * rows) / 1.4
    falloff = falloff * (1 - generator.uniform(0.08, 0.26) * (rows**2 + columns**2) / 2)
    if generator.random() < 0.35:  # shade of something outside of the image
        edge = fractal(generator, size, (height * 0.6, width * 0.6), octaves=2)
        falloff = falloff * (1 - generator.uniform(0.25, 0.5) / (1 + np.exp(-generator.uniform(6, 25) * edge)))
    exposure, warmth = generator.uniform(0.7, 1.35), generator.uniform(-0.08, 0.08)
    return Camera(
        falloff=falloff.astype(np.float32),
        blur=float(generator.uniform(0.35, 0.95)),
        noise=float(generator.uniform(0.006, 0.022)),
        balance=(exposure * np.array((1 + warmth, 1, 1 - warmth))).astype(np.float32),
    )


def _thing_colour(generator: np.random.Generator, kind: str, ground: np.ndarray) -> np.ndarray:
    ranges = USUAL_COLOURS[kind] if generator.random() >= UNUSUAL else ((0.0, 1.0), (0.3, 1.0), (0.3, 1.0))
    for _ in range(TRIES):
        base = colour(*(generator.uniform(*span) for span in ranges))
        if np.linalg.norm(np.sqrt(base) - np.sqrt(ground)) > MINIMUM_CONTRAST:
            break
    return base


def _clutter_colour(generator: np.random.Generator, kind: str) -> np.ndarray:
    if kind == "paper":
        return colour(generator.random(), generator.uniform(0, 0.15), generator.uniform(0.75, 0.95))
    if kind == "leaf":
        return colour(generator.uniform(0.03, 0.35), generator.uniform(0.4, 0.8), generator.uniform(0.3, 0.7))
    return colour(generator.uniform(0.03, 0.12), generator.uniform(0.1, 0.5), generator.uniform(0.25, 0.7))
