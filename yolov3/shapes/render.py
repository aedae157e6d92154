"""Light and camera of the generated images: ground and bodies in the light, soft shadows, and what a lens and a sensor
do to them.

All until :func:`develop` is linear light, float32 RGB. The sun comes from one direction and is shaded by bodies, the
sky comes from everywhere, the ground's colour is thrown back a little: enough for the eye to read a photograph.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from yolov3.shapes.forms import Body, Pose, make_body, window_side
from yolov3.shapes.materials import TILE_SIDE, Ground
from yolov3.structures import Size

SHADOW_SLICES = 5  # heights at which a body is cut to cast its shadow
SUN_HEIGHT_LIMIT = 1.4  # a shadow is at most this much longer than its body is high
BOUNCE = 0.3  # share of the light that the ground throws back onto what stands on it


@dataclass(frozen=True)
class Light:
    """``direction`` (3,) unit vector to the sun (x right, y down, z to the eye), ``sun`` and ``sky`` (3,) RGB."""

    direction: np.ndarray
    sun: np.ndarray
    sky: np.ndarray

    @property
    def on_flat_ground(self) -> np.ndarray:
        """(3,) light on level ground, out of any shadow."""
        return self.sun * self.direction[2] + self.sky


@dataclass(frozen=True)
class Camera:
    """``falloff`` (H, W) factor on the light (vignette, uneven lamps, shade), ``blur`` in pixels, ``noise`` in shares of
    white, ``balance`` (3,) exposure and white balance."""

    falloff: np.ndarray
    blur: float
    noise: float
    balance: np.ndarray


@dataclass(frozen=True)
class Thing:
    """One body in an image: its kind, where its ``centre`` (x, y) lies, its pose, skin and how much it shines."""

    kind: str
    centre: tuple[float, float]
    pose: Pose
    tile: np.ndarray
    gloss: float


@dataclass(frozen=True)
class Placed:
    """A thing with its body, whose window has its corner at (``top``, ``left``), maybe outside of the image."""

    thing: Thing
    body: Body
    top: int
    left: int

    def mask(self, size: Size) -> tuple[np.ndarray, tuple[slice, slice]]:
        """The pixels it covers inside an image of ``size``: a bool window and where that lies in the image."""
        inside, region = overlap((self.top, self.left), self.body.cover.shape, size)
        return self.body.cover[inside] >= 0.5, region


def place(thing: Thing) -> Placed:
    """Make the body of a thing, to the fraction of a pixel."""
    half = window_side(thing.pose.radius) // 2
    left, top = (int(np.floor(value)) - half for value in thing.centre)
    return Placed(thing, make_body(thing.kind, thing.pose, (thing.centre[0] - left, thing.centre[1] - top)), top, left)


def light_ground(ground: Ground, light: Light) -> np.ndarray:
    """The empty ground (H, W, 3), its relief made visible."""
    slope_x, slope_y = _slopes(ground.relief)
    steep = light.direction[2] - slope_x * light.direction[0] - slope_y * light.direction[1]
    sunny = np.maximum(steep, 0) / np.sqrt(1 + slope_x**2 + slope_y**2)
    return ground.albedo * (sunny[..., None] * light.sun + light.sky)


def paint(canvas: np.ndarray, placed: Placed, light: Light, bounce: np.ndarray) -> None:
    """Put a body and its shadow onto ``canvas`` (H, W, 3), in place. ``bounce`` (3,) is the ground's mean colour."""
    size = canvas.shape[:2]
    shadow, pad = _shadow(placed.body, light)
    inside, region = overlap((placed.top - pad, placed.left - pad), shadow.shape, size)
    remaining = light.sky / light.on_flat_ground
    canvas[region] *= 1 - shadow[inside][..., None] * (1 - remaining)
    inside, region = overlap((placed.top, placed.left), placed.body.cover.shape, size)
    cover = placed.body.cover[inside][..., None]
    canvas[region] += cover * (_lit(placed, light, bounce)[inside] - canvas[region])


def develop(canvas: np.ndarray, camera: Camera, generator: np.random.Generator) -> np.ndarray:
    """The image (H, W, 3) uint8 RGB that a small camera makes of the light ``canvas`` (H, W, 3)."""
    image = cv2.GaussianBlur(canvas, (0, 0), camera.blur) if camera.blur > 0.2 else canvas
    image = image * (camera.falloff[..., None] * camera.balance)
    # A gamma of 2 makes the noise of counted light the same in dark and bright places.
    image = cv2.sqrt(np.maximum(image, 0))
    grain = generator.standard_normal(image.shape, np.float32)
    image += camera.noise * cv2.GaussianBlur(grain, (0, 0), 0.5)
    image = np.where(image > 0.8, 0.8 + 0.2 * np.tanh((image - 0.8) * 5), image)  # highlights roll off
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def overlap(
    corner: tuple[int, int], window: tuple[int, ...], size: Size
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """What of a ``window`` (height, width) whose corner lies at (top, left) falls into an image of ``size``: the part in
    the window's own pixels and in the image's; both empty when nothing does."""
    own, theirs = [], []
    for start, length, limit in zip(corner, window, size):
        low, high = min(max(start, 0), limit), min(max(start + length, 0), limit)
        own.append(slice(low - start, max(high, low) - start))
        theirs.append(slice(low, max(high, low)))
    return (own[0], own[1]), (theirs[0], theirs[1])


def _lit(placed: Placed, light: Light, bounce: np.ndarray) -> np.ndarray:
    """The colour (S, S, 3) of a body's surface in the light."""
    body, thing = placed.body, placed.thing
    scale = (TILE_SIDE - 1) / 2.2
    skin = cv2.remap(
        thing.tile, (body.u + 1.1) * scale, (body.v + 1.1) * scale, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    slope_x, slope_y = _slopes(cv2.GaussianBlur(body.relief, (0, 0), 0.6 + 0.01 * thing.pose.radius))
    upward = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    sun = light.direction
    diffuse = np.maximum((sun[2] - slope_x * sun[0] - slope_y * sun[1]) * upward, 0)
    middle = sun + np.array((0, 0, 1), np.float32)
    middle /= np.linalg.norm(middle)
    facing = np.maximum((middle[2] - slope_x * middle[0] - slope_y * middle[1]) * upward, 0)
    power = 6 + 60 * thing.gloss**2
    shine = (0.06 + 0.9 * thing.gloss**2) * facing**power
    sky = (0.55 + 0.45 * upward)[..., None] * light.sky
    thrown = (BOUNCE * (1 - upward))[..., None] * bounce * light.on_flat_ground
    return skin * (diffuse[..., None] * light.sun + sky + thrown) + shine[..., None] * light.sun


def _shadow(body: Body, light: Light) -> tuple[np.ndarray, int]:
    """How much of the sun a body takes from the ground (S + 2 pad, S + 2 pad), in [0, 1], and that padding."""
    height = float(body.lift + max(body.relief.max(), 0))
    slant = np.clip(light.direction[:2] / light.direction[2], -SUN_HEIGHT_LIMIT, SUN_HEIGHT_LIMIT)
    soft = 0.6 + 0.07 * height
    pad = int(np.ceil(height * np.abs(slant).max() + max(3 * soft, 3 + 0.36 * height))) + 1
    total = np.zeros([side + 2 * pad for side in body.cover.shape], np.float32)
    side = body.cover.shape[0]
    over_ground = body.lift + body.relief
    for level in np.linspace(0, 0.95, SHADOW_SLICES) * height:
        slice_ = body.cover * (over_ground >= level)
        dx, dy = np.rint(-slant * level).astype(int)
        place_ = total[pad + dy : pad + dy + side, pad + dx : pad + dx + side]
        np.maximum(place_, slice_, out=place_)
    cast = cv2.GaussianBlur(total, (0, 0), soft)
    # Close to a body even the sky is hidden.
    contact = cv2.GaussianBlur(
        cv2.copyMakeBorder(body.cover, pad, pad, pad, pad, cv2.BORDER_CONSTANT), (0, 0), 1 + 0.12 * height
    )
    return np.minimum(0.95 * cast + 0.4 * contact, 1), pad


def _slopes(relief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rise per pixel to the right and downwards, (H, W) each."""
    half = np.array([[-0.5, 0, 0.5]], np.float32)
    return cv2.filter2D(relief, cv2.CV_32F, half), cv2.filter2D(relief, cv2.CV_32F, half.T)
