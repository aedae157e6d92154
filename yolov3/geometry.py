"""Fit an image into a network's input and undo it: one object moves image and boxes together, and back.

The arithmetic of sizes and offsets is Darknet's (image.c, letterbox_image): truncating integer division, border
filled with grey, image in the middle. The undo uses the very offsets of the image, where Darknet's undo halves
the padding without truncating (half a pixel apart when the padding is odd); with ``resize: darknet`` its way is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from yolov3.structures import Preprocessing, Size


@dataclass(frozen=True)
class Geometry:
    """How one image of ``image_size`` lies in an input of ``preprocessing.size``: resized to ``inner_size`` and
    pasted with its top left corner at ``offset`` (top, left). All sizes are (height, width) pixels."""

    image_size: Size
    preprocessing: Preprocessing
    inner_size: Size
    offset: tuple[int, int]

    @staticmethod
    def fit(image_size: Size, preprocessing: Preprocessing) -> Geometry:
        """The geometry of an image of ``image_size`` (height, width)."""
        height, width = image_size
        net_height, net_width = preprocessing.size
        if preprocessing.fit == "stretch":
            return Geometry(image_size, preprocessing, preprocessing.size, (0, 0))
        if net_width * height < net_height * width:
            inner = (max(1, height * net_width // width), net_width)
        else:
            inner = (net_height, max(1, width * net_height // height))
        offset = ((net_height - inner[0]) // 2, (net_width - inner[1]) // 2)
        return Geometry(image_size, preprocessing, inner, offset)

    @property
    def network_size(self) -> Size:
        """(height, width) of the network's input."""
        return self.preprocessing.size

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """The fitted image (H, W, 3) of an HWC uint8 RGB one: uint8, or float32 in [0, 1] for Darknet's resize."""
        assert image.shape[:2] == self.image_size, (image.shape, self.image_size)
        resized = resize_image(image, self.inner_size, self.preprocessing.resize)
        if self.inner_size == self.network_size:
            return resized
        fill = self.preprocessing.fill
        grey = fill if resized.dtype == np.float32 else round(fill * 255)
        canvas = np.full((*self.network_size, 3), grey, dtype=resized.dtype)
        top, left = self.offset
        canvas[top : top + self.inner_size[0], left : left + self.inner_size[1]] = resized
        return canvas

    def boxes_to_network(self, boxes: np.ndarray) -> np.ndarray:
        """(N, 4) xyxy pixels of the image to (N, 4) float32 xyxy pixels of the network's input."""
        scale, shift = self._scale_and_shift()
        return (boxes * scale + shift).astype(np.float32)

    def boxes_to_image(self, boxes: Tensor) -> Tensor:
        """(N, 4) xyxy pixels of the network's input to (N, 4) pixels of the image, clipped to it."""
        scale, shift = self._scale_and_shift()
        given = boxes.numpy(force=True)
        on_image = ((given.astype(np.float64) - shift) / scale).astype(given.dtype)
        height, width = self.image_size
        clipped = np.minimum(np.maximum(on_image, 0), np.array((width, height) * 2, given.dtype))
        return torch.from_numpy(clipped).to(boxes.device)

    def _scale_and_shift(self) -> tuple[np.ndarray, np.ndarray]:
        scale_y, scale_x = (inner / side for inner, side in zip(self.inner_size, self.image_size))
        top, left = map(float, self.offset)
        if self.preprocessing.resize == "darknet":
            top, left = ((net - inner) / 2 for net, inner in zip(self.network_size, self.inner_size))
        return np.array((scale_x, scale_y) * 2, np.float64), np.array((left, top) * 2, np.float64)


def resize_image(image: np.ndarray, size: Size, resize: str) -> np.ndarray:
    """Resample an HWC uint8 image to ``size`` (height, width) by one of Preprocessing's rules."""
    if resize == "darknet":
        return _resize_aligned_corners(image, size)
    if image.shape[:2] == size:
        return image
    shrinks = size[0] < image.shape[0] or size[1] < image.shape[1]
    method = cv2.INTER_AREA if resize == "area" and shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (size[1], size[0]), interpolation=method)


def _resize_aligned_corners(image: np.ndarray, size: Size) -> np.ndarray:
    # Darknet's resize_image (image.c): first along x, then along y, in float32, corner pixels on corner pixels.
    floats = image.astype(np.float32) / np.float32(255)
    return _interpolate_axis(_interpolate_axis(floats, size[1], axis=1), size[0], axis=0)


def _interpolate_axis(image: np.ndarray, length: int, *, axis: int) -> np.ndarray:
    old = image.shape[axis]
    if old == length:
        return image
    if length == 1:  # Darknet takes the last pixel
        return np.take(image, [old - 1], axis=axis)
    position = np.arange(length, dtype=np.float32) * np.float32((old - 1) / (length - 1))
    low = np.minimum(position.astype(np.int64), old - 1)
    low[-1] = old - 1
    high = np.minimum(low + 1, old - 1)
    fraction = (position - low).astype(np.float32)
    fraction[-1] = 0
    shape = [1, 1, 1]
    shape[axis] = length
    weight = fraction.reshape(shape)
    return (1 - weight) * np.take(image, low, axis=axis) + weight * np.take(image, high, axis=axis)
