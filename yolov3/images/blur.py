"""Parts of an image made unrecognisable, for faces, number plates and whoever has not been asked."""

from __future__ import annotations

import cv2
import numpy as np

CELLS = 6  # along the longer side of a box: no face and no plate can be told from so few
MARGIN = 0.05  # of the box's sides around it: detections cut off a little now and then


def blur_boxes(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """A copy of an (H, W, 3) uint8 image in which nothing can be recognised inside of ``boxes`` (N, 4) xyxy pixels: each is
    made of few means of its colours, which no sharpening brings back, with soft changes between them. Without boxes the
    image itself."""
    regions = [region for box in np.asarray(boxes, np.float64).reshape(-1, 4) if (region := _region(box, image.shape))]
    if not regions:
        return image
    blurred = image.copy()
    for rows, columns in regions:
        part = blurred[rows, columns]
        height, width = part.shape[:2]
        scale = CELLS / max(height, width, CELLS)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        coarse = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        blurred[rows, columns] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return blurred


def _region(box: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """The rows and columns of a box and its margin inside of an image; None outside of it."""
    left, top, right, bottom = box
    across, along = MARGIN * (right - left), MARGIN * (bottom - top)
    rows = slice(max(0, int(np.floor(top - along))), min(shape[0], int(np.ceil(bottom + along))))
    columns = slice(max(0, int(np.floor(left - across))), min(shape[1], int(np.ceil(right + across))))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None
