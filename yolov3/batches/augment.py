"""What happens to a training image after it is placed: mirror images, colour, blur, noise.

The only file that knows albumentations (2.0.8, MIT). Its random numbers are seeded anew for every image from
(seed, epoch, index), because left alone they repeat in every worker and every epoch. The colour change is Darknet's
(image.c, random_distort_image), which albumentations does not have: hue shifted, saturation and value multiplied.
"""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any

import cv2
import numpy as np

from yolov3.config.learning import AugmentSection
from yolov3.errors import UserError

HUE_TURN = 180  # OpenCV's hue of an 8-bit image is in steps of two degrees
BLUR_SIGMA = (0.3, 1.2)  # pixels
NOISE_SHARE = (0.01, 0.04)  # standard deviation of the noise, in shares of white


class Augmenter:
    """Augments a placed image with its boxes: ``augmenter(generator, image, boxes)``."""

    def __init__(self, settings: AugmentSection) -> None:
        self.settings = settings
        self._compose = _make_compose(settings)

    def __call__(
        self, generator: np.random.Generator, image: np.ndarray, boxes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """A new image (H, W, 3) uint8 and its boxes (N, 4) float32, in the order they came in."""
        image = distort_colour(generator, image, self.settings)
        if self._compose is None:
            return image, boxes
        self._compose.set_random_seed(int(generator.integers(2**31)))
        done = self._compose(image=image, bboxes=boxes, index=np.arange(len(boxes)))
        # albumentations drops boxes of no size and may reorder; none of those come here.
        kept = np.asarray(done["index"], np.int64)
        assert len(kept) == len(boxes), "a box was lost on the way"
        placed = np.empty_like(boxes)
        placed[kept] = np.asarray(done["bboxes"], np.float32).reshape(-1, 4)
        return done["image"], placed


def distort_colour(generator: np.random.Generator, image: np.ndarray, settings: AugmentSection) -> np.ndarray:
    """The image (H, W, 3) uint8 RGB with its hue shifted by at most ``hue`` turns, its saturation and its value
    multiplied by at most ``saturation`` and ``exposure``, or their inverses."""
    hue = generator.uniform(-settings.hue, settings.hue)
    saturation, exposure = _draw_factor(generator, settings.saturation), _draw_factor(generator, settings.exposure)
    if not settings.hue and settings.saturation == settings.exposure == 1:
        return image
    values = np.arange(256, dtype=np.float64)
    table = np.stack(
        (
            (values + round(hue * HUE_TURN)) % HUE_TURN,
            np.clip(values * saturation, 0, 255),
            np.clip(values * exposure, 0, 255),
        ),
        axis=1,
    )
    distorted = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), np.rint(table).astype(np.uint8)[None])
    return cv2.cvtColor(distorted, cv2.COLOR_HSV2RGB)


def _draw_factor(generator: np.random.Generator, largest: float) -> float:
    factor = generator.uniform(1, largest)
    return float(factor if generator.random() < 0.5 else 1 / factor)


def _make_compose(settings: AugmentSection) -> Any:
    """The pipeline of what is switched on, or None."""
    wanted = (settings.flip, settings.flip_vertical, settings.blur, settings.noise)
    if not any(wanted):
        return None
    library = _import_albumentations()
    steps = []
    if settings.flip:
        steps.append(library.HorizontalFlip(p=settings.flip))
    if settings.flip_vertical:
        steps.append(library.VerticalFlip(p=settings.flip_vertical))
    if settings.blur:
        steps.append(library.GaussianBlur(blur_limit=0, sigma_limit=BLUR_SIGMA, p=settings.blur))
    if settings.noise:
        steps.append(library.GaussNoise(std_range=NOISE_SHARE, p=settings.noise))
    if not (settings.flip or settings.flip_vertical):
        # It warns about boxes that nothing moves; a flip that never happens moves them.
        steps.append(library.HorizontalFlip(p=0))
    boxes = library.BboxParams(format="pascal_voc", label_fields=["index"])
    return library.Compose(steps, bbox_params=boxes)


def _import_albumentations() -> Any:
    try:
        owner = metadata.version("albumentationsx")
    except metadata.PackageNotFoundError:
        owner = None
    if owner is not None:
        raise UserError(
            "the package albumentationsx (AGPL) owns the import albumentations; uninstall it and reinstall albumentations"
        )
    # Without this the import asks the network for a newer version.
    before = os.environ.get("NO_ALBUMENTATIONS_UPDATE")
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    try:
        import albumentations
    finally:
        if before is None:
            del os.environ["NO_ALBUMENTATIONS_UPDATE"]
        else:
            os.environ["NO_ALBUMENTATIONS_UPDATE"] = before
    return albumentations
