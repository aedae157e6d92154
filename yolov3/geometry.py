"""Fit an image into a network's input and undo it: one object moves image and boxes together, and back.

The arithmetic of sizes and offsets is Darknet's (image.c, letterbox_image): truncating integer division, border
filled with grey, image in the middle. The undo uses the very offsets of the image, where Darknet's undo halves
the padding without truncating (half a pixel apart when the padding is odd); with ``resize: darknet`` its way is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from yolov3.boxes import clip_boxes
from yolov3.structures import Level, Preprocessing, Size

SMALLEST_SIDE = 32  # pixels; sides of inputs are multiples of it

ROWS_AT_ONCE = 64
"""So many rows of a result of 416 pixels are 320 KB, and so is each of what they are made of."""


@dataclass(frozen=True)
class Geometry:
    """How one image of ``image_size`` lies in an input of ``preprocessing.size``: resized to ``inner_size`` and
    pasted with its top left corner at ``offset`` (top, left). All sizes are (height, width) pixels."""

    image_size: Size
    preprocessing: Preprocessing
    inner_size: Size
    offset: tuple[int, int]

    @staticmethod
    def fit(image_size: Size, preprocessing: Preprocessing, step: int | None = None) -> Geometry:
        """The geometry of an image of ``image_size`` (height, width). With a ``step`` the input is no larger than the image
        needs, in multiples of so many pixels: of the letterbox the border goes, the image in it stays as large as it is."""
        height, width = image_size
        net_height, net_width = preprocessing.size
        if preprocessing.fit == "stretch":
            return Geometry(image_size, preprocessing, preprocessing.size, (0, 0))
        if net_width * height < net_height * width:
            inner = (max(1, height * net_width // width), net_width)
        else:
            inner = (net_height, max(1, width * net_height // height))
        if step is not None:
            net_height, net_width = (min(net, -(-side // step) * step) for net, side in zip(preprocessing.size, inner))
            preprocessing = replace(preprocessing, size=(net_height, net_width))
        offset = ((net_height - inner[0]) // 2, (net_width - inner[1]) // 2)
        return Geometry(image_size, preprocessing, inner, offset)

    @property
    def network_size(self) -> Size:
        """(height, width) of the network's input."""
        return self.preprocessing.size

    @property
    def dtype(self) -> type[np.uint8 | np.float32]:
        """Of a fitted image: uint8, or for Darknet's resize float32 in [0, 1]."""
        return np.float32 if self.preprocessing.resize == "darknet" else np.uint8

    def apply_image(self, image: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The fitted image (H, W, 3) of an HWC uint8 RGB one: uint8, or float32 in [0, 1] for Darknet's resize. Given
        ``out``, contiguous and of that shape and kind, such as an image of a batch, it is written there."""
        assert image.shape[:2] == self.image_size, (image.shape, self.image_size)
        canvas = np.empty((*self.network_size, 3), self.dtype) if out is None else out
        assert canvas.shape == (*self.network_size, 3) and canvas.dtype == self.dtype, (canvas.shape, canvas.dtype)
        (top, left), (height, width) = self.offset, self.inner_size
        bottom, right = top + height, left + width
        fill = self.preprocessing.fill
        grey = fill if self.dtype == np.float32 else round(fill * 255)
        for border in (canvas[:top], canvas[bottom:], canvas[top:bottom, :left], canvas[top:bottom, right:]):
            border[:] = grey
        resize_image(image, self.inner_size, self.preprocessing.resize, canvas[top:bottom, left:right])
        return canvas

    def boxes_to_network(self, boxes: np.ndarray) -> np.ndarray:
        """(N, 4) xyxy pixels of the image to (N, 4) float32 xyxy pixels of the network's input."""
        scale, shift = self._scale_and_shift()
        return (boxes * scale + shift).astype(np.float32)

    def boxes_to_image(self, boxes: np.ndarray) -> np.ndarray:
        """(N, 4) xyxy pixels of the network's input to (N, 4) pixels of the image, clipped to it."""
        scale, shift = self._scale_and_shift()
        return clip_boxes(((boxes - shift) / scale).astype(boxes.dtype), self.image_size)

    def _scale_and_shift(self) -> tuple[np.ndarray, np.ndarray]:
        scale_y, scale_x = (inner / side for inner, side in zip(self.inner_size, self.image_size))
        top, left = map(float, self.offset)
        if self.preprocessing.resize == "darknet":
            top, left = ((net - inner) / 2 for net, inner in zip(self.network_size, self.inner_size))
        return np.array((scale_x, scale_y) * 2, np.float64), np.array((left, top) * 2, np.float64)


def rectangular_step(preprocessing: Preprocessing, levels: Sequence[Level]) -> int:
    """The step for :meth:`Geometry.fit` by which the inputs of a network of these levels may be smaller. Raises ValueError
    where images are stretched: they need all of the input."""
    if preprocessing.fit == "stretch":
        raise ValueError("rect is for letterboxed images, and this model stretches them (fit: stretch)")
    return max(SMALLEST_SIDE, *(level.stride for level in levels))


def groups_of_one_size(geometries: Sequence[Geometry]) -> list[list[int]]:
    """The numbers of the geometries, together those that go into inputs of one size, in the order of the first of each."""
    return list(numbers_by_size([geometry.network_size for geometry in geometries]).values())


def numbers_by_size(sizes: Sequence[Size]) -> dict[Size, list[int]]:
    """Under each size the numbers of its places in the sequence."""
    groups: dict[Size, list[int]] = {}
    for number, size in enumerate(sizes):
        groups.setdefault(size, []).append(number)
    return groups


def fit_images(images: Iterable[np.ndarray], geometries: Sequence[Geometry]) -> np.ndarray:
    """Images, HWC uint8 RGB of any sizes, fitted into one size (B, H, W, 3), each resized once and into its place."""
    first = geometries[0]
    batch = np.empty((len(geometries), *first.network_size, 3), first.dtype)
    for image, geometry, place in zip(images, geometries, batch, strict=True):
        geometry.apply_image(image, place)
    return batch


def resize_image(image: np.ndarray, size: Size, resize: str, out: np.ndarray | None = None) -> np.ndarray:
    """Resample an HWC uint8 image to ``size`` (height, width) by one of Preprocessing's rules, into ``out`` where it is
    given: a part of a contiguous image."""
    if resize == "darknet":
        return _resize_aligned_corners(image, np.empty((*size, 3), np.float32) if out is None else out)
    if image.shape[:2] == size:
        if out is None:
            return image
        out[:] = image
        return out
    shrinks = size[0] < image.shape[0] or size[1] < image.shape[1]
    method = cv2.INTER_AREA if resize == "area" and shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(image, (size[1], size[0]), dst=out, interpolation=method)
    if out is not None and not np.may_share_memory(
        resized, out
    ):  # OpenCV writes into parts of images, not into any array
        out[:] = resized
    return resized


def _resize_aligned_corners(image: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Darknet's resize_image (image.c) into ``out`` (H, W, 3) float32: first along x, then along y, in float32, corner
    pixels on corner pixels; each product, each sum is rounded as there.

    A row of the result needs two rows of the image, and a pixel of these two of its columns. Rows are taken so few at a
    time that all they need stays in the processor's cache; nothing has the size of the image but the image."""
    low_rows, high_rows, weights = _neighbours(image.shape[0], out.shape[0])
    low_columns, high_columns, across = _neighbours(image.shape[1], out.shape[1])
    for start in range(0, len(out), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        rows = np.unique(np.concatenate((low_rows[part], high_rows[part])))
        # Columns as rows: these are gathered in one piece.
        columns = cv2.transpose(image[rows])
        narrow = cv2.transpose(_blend(_as_float(columns[low_columns]), _as_float(columns[high_columns]), across))
        low, high = (narrow[np.searchsorted(rows, wanted[part])] for wanted in (low_rows, high_rows))
        out[part] = _blend(low, high, weights[part])
    return out


def _neighbours(old: int, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Between which two (length,) of ``old`` pixels each of ``length`` new ones lies, and how near to the second (length,
    1, 1) float32."""
    if length == 1:  # Darknet takes the last pixel
        return np.array([old - 1]), np.array([old - 1]), np.zeros((1, 1, 1), np.float32)
    position = np.arange(length, dtype=np.float32) * np.float32((old - 1) / (length - 1))
    low = np.minimum(position.astype(np.int64), old - 1)
    low[-1] = old - 1
    fraction = (position - low).astype(np.float32)
    fraction[-1] = 0
    return low, np.minimum(low + 1, old - 1), fraction[:, None, None]


def _as_float(pixels: np.ndarray) -> np.ndarray:
    floats = pixels.astype(np.float32)
    floats /= np.float32(255)
    return floats


def _blend(low: np.ndarray, high: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``low`` and ``high`` (N, ..., 3) float32, which are overwritten, by the share of the latter."""
    low *= 1 - weight
    high *= weight
    low += high
    return low
