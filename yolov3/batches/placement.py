"""Where a training image is put in the network's input: Darknet's jitter, with zoom and rotation beyond it.

Followed is image.c and data.c of pjreddie/darknet (load_data_detection): the image's aspect is changed at random, the
result fitted whole into the input and placed anywhere in the free space. ``augment.scale`` other than 1 zooms on top
and ``augment.rotate`` turns; both are not in the original. Everything is one affine map, so an image is resampled once.
"""

from __future__ import annotations

import cv2
import numpy as np

from yolov3.boxes import box_sides, cxcywh_to_xyxy, xyxy_to_cxcywh
from yolov3.config.learning import AugmentSection
from yolov3.structures import Preprocessing, Size

SHRINK_BEFORE = 2.0  # an image shrunk more than this is averaged first: one bilinear sample would miss most pixels


def draw_placement(
    generator: np.random.Generator, image_size: Size, preprocessing: Preprocessing, settings: AugmentSection
) -> np.ndarray:
    """A random affine map (2, 3) float64 from pixels (x, y) of an image of ``image_size`` to those of the input."""
    inner = _inner_size(generator, image_size, preprocessing, settings)
    zoom = generator.uniform(*settings.scale)
    sides = inner * zoom
    free = np.array(preprocessing.size) - sides
    # Uniform over the free space, or over what sticks out; translate narrows it to the middle.
    share = 0.5 + settings.translate * (generator.uniform(size=2) - 0.5)
    return placement_matrix(image_size, sides, free * share, angle=_draw_angle(generator, settings))


def placement_matrix(image_size: Size, sides: np.ndarray, offset: np.ndarray, *, angle: float = 0.0) -> np.ndarray:
    """The affine map (2, 3) that resizes an image to ``sides`` (height, width), turns it about its middle by ``angle``
    (radians) and moves its top left corner, before the turn, to ``offset`` (top, left)."""
    scale_y, scale_x = (side / length for side, length in zip(sides, image_size))
    cosine, sine = np.cos(angle), np.sin(angle)
    middle = np.array((offset[1] + sides[1] / 2, offset[0] + sides[0] / 2))
    linear = np.array(((cosine * scale_x, -sine * scale_y), (sine * scale_x, cosine * scale_y)))
    shift = middle - linear @ np.array((image_size[1] / 2, image_size[0] / 2))
    return np.column_stack((linear, shift))


def place_image(image: np.ndarray, matrix: np.ndarray, size: Size, *, fill: float, resize: str = "area") -> np.ndarray:
    """The image (H, W, 3) uint8 under an affine map, in an input of ``size`` filled with the grey ``fill``."""
    image, matrix = _shrink_first(image, matrix) if resize == "area" else (image, matrix)
    # Box coordinates count from the corner of a pixel, OpenCV's map from its middle: half a pixel on both sides.
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    grey = round(fill * 255)
    return cv2.warpAffine(
        image,
        centred,
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(grey,) * 3,
    )


def place_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(N, 4) xyxy boxes under the map, float64. For a turned image: the box around the turned inscribed ellipse, which
    fits most things better than that around the turned corners."""
    centre, sides = np.split(xyxy_to_cxcywh(boxes).astype(np.float64), 2, axis=1)
    placed_centre = centre @ matrix[:, :2].T + matrix[:, 2]
    extent = np.sqrt((sides / 2) ** 2 @ (matrix[:, :2] ** 2).T)
    return cxcywh_to_xyxy(np.concatenate((placed_centre, 2 * extent), axis=1))


def clip_placed(
    boxes: np.ndarray, window: tuple[float, float, float, float], *, minimum_visible: float, minimum_side: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) clipped to a ``window`` (left, top, right, bottom), float32, and which of them remain (N,) bool: those
    of which at least ``minimum_visible`` of the area is inside and no side is under ``minimum_side`` pixels."""
    left, top, right, bottom = window
    clipped = np.clip(boxes, (left, top, left, top), (right, bottom, right, bottom))
    sides, whole = box_sides(clipped), box_sides(boxes)
    visible = sides.prod(axis=1) >= minimum_visible * whole.prod(axis=1)
    return clipped.astype(np.float32), visible & (sides >= minimum_side).all(axis=1)


def _inner_size(
    generator: np.random.Generator, image_size: Size, preprocessing: Preprocessing, settings: AugmentSection
) -> np.ndarray:
    """The (height, width) of the image in the input before any zoom."""
    jitter = generator.uniform(-settings.jitter, settings.jitter, 2) + 1
    net = np.array(preprocessing.size, np.float64)
    if preprocessing.fit == "stretch":
        return net * jitter
    jittered = np.array(image_size, np.float64) * jitter
    return jittered * (net / jittered).min()


def _draw_angle(generator: np.random.Generator, settings: AugmentSection) -> float:
    if not settings.rotate:
        return 0.0
    return float(np.deg2rad(generator.uniform(-settings.rotate, settings.rotate)))


def _shrink_first(image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Halve a large image by averaging until the map shrinks it less than SHRINK_BEFORE."""
    shrink = 1 / np.sqrt(np.abs(np.linalg.det(matrix[:, :2])))
    factor = int(shrink // SHRINK_BEFORE) + 1 if shrink >= SHRINK_BEFORE else 1
    if factor == 1:
        return image, matrix
    height, width = (max(1, side // factor) for side in image.shape[:2])
    smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    grow = np.diag((image.shape[1] / width, image.shape[0] / height))
    return smaller, np.column_stack((matrix[:, :2] @ grow, matrix[:, 2]))
