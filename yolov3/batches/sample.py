"""One training image: read, placed (alone or as one of four), augmented, blended. A pure function of its numbers.

Everything random is drawn from a generator made of (seed, epoch, index), so an image is the same whichever process
makes it and whenever. Mosaic is YOLOv4's (Bochkovskiy et al. 2020), each tile resampled once; mixup is that of Zhang et
al. 2019 (Bag of Freebies for detection): images blended, all objects kept, each counting by its image's share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolov3.batches.augment import Augmenter
from yolov3.batches.image_cache import ImageCache
from yolov3.batches.placement import clip_placed, draw_placement, place_boxes, place_image, placement_matrix
from yolov3.config.learning import AugmentSection
from yolov3.datasets.dataset import Dataset, read_sample_image
from yolov3.structures import Preprocessing, Sample

MOSAIC_CENTRE = (0.25, 0.75)  # where the four images meet, in shares of the input
MIXUP_SHAPE = 1.5  # of the beta distribution of the blend; Bag of Freebies' choice


@dataclass(frozen=True)
class TrainingSample:
    """An image (H, W, 3) uint8 with its objects: ``boxes`` (N, 4) float32, ``labels`` (N,) int64, ``ignore`` (N,) bool,
    ``weights`` (N,) float32."""

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray
    weights: np.ndarray


class TrainingSampleMaker:
    """Makes the training images of a data set."""

    def __init__(self, dataset: Dataset, settings: AugmentSection, seed: int, cache: ImageCache | None = None) -> None:
        self.dataset = dataset
        self._cache = cache
        self.settings = settings
        self.seed = seed
        self._augmenter = Augmenter(settings)

    def make(self, index: int, *, epoch: int, preprocessing: Preprocessing, mixing: bool = True) -> TrainingSample:
        """Image ``index`` as epoch ``epoch`` sees it; ``mixing`` lets it be joined with others."""
        generator = np.random.default_rng((self.seed, epoch, index))
        sample = self._make_one(index, generator, preprocessing, mixing)
        if not mixing or generator.random() >= self.settings.mixup:
            return sample
        other = self._make_one(int(generator.integers(len(self.dataset))), generator, preprocessing, mixing)
        return blend(sample, other, float(generator.beta(MIXUP_SHAPE, MIXUP_SHAPE)))

    def _make_one(
        self, index: int, generator: np.random.Generator, preprocessing: Preprocessing, mixing: bool
    ) -> TrainingSample:
        if mixing and generator.random() < self.settings.mosaic:
            others = generator.integers(len(self.dataset), size=3).tolist()
            sample = self._mosaic([index, *others], generator, preprocessing)
        else:
            sample = self._single(index, generator, preprocessing)
        image, boxes = self._augmenter(generator, sample.image, sample.boxes)
        return TrainingSample(image, boxes, sample.labels, sample.ignore, sample.weights)

    def _single(self, index: int, generator: np.random.Generator, preprocessing: Preprocessing) -> TrainingSample:
        source = self.dataset.samples[index]
        matrix = draw_placement(generator, source.size, preprocessing, self.settings)
        height, width = preprocessing.size
        image = place_image(
            self._read(index),
            matrix,
            preprocessing.size,
            fill=preprocessing.fill,
            resize=preprocessing.resize,
        )
        window = (0.0, 0.0, float(width), float(height))
        return TrainingSample(image, *self._objects(source, matrix, window))

    def _mosaic(
        self, indices: list[int], generator: np.random.Generator, preprocessing: Preprocessing
    ) -> TrainingSample:
        """Four images that meet in a point, each with a corner of its own there."""
        height, width = preprocessing.size
        down, right = (int(generator.uniform(*MOSAIC_CENTRE) * side) for side in (height, width))
        canvas = np.empty((height, width, 3), np.uint8)
        parts = []
        for place, index in enumerate(indices):
            above, left = place < 2, place % 2 == 0
            rows = slice(0, down) if above else slice(down, height)
            columns = slice(0, right) if left else slice(right, width)
            source = self.dataset.samples[index]
            # The size is that of a lone image; its offset is such that the corners meet.
            lone = draw_placement(generator, source.size, preprocessing, self.settings)
            sides = _sides(lone, source)
            offset = np.array((down - sides[0] if above else down, right - sides[1] if left else right))
            matrix = placement_matrix(source.size, sides, offset)
            tile = matrix.copy()
            tile[:, 2] -= (columns.start, rows.start)
            size = (rows.stop - rows.start, columns.stop - columns.start)
            canvas[rows, columns] = place_image(
                self._read(index), tile, size, fill=preprocessing.fill, resize=preprocessing.resize
            )
            parts.append(self._objects(source, matrix, (columns.start, rows.start, columns.stop, rows.stop)))
        return TrainingSample(canvas, *(np.concatenate(arrays) for arrays in zip(*parts)))

    def _read(self, index: int) -> np.ndarray:
        return self._cache.read(index) if self._cache else read_sample_image(self.dataset.samples[index])

    def _objects(
        self, source: Sample, matrix: np.ndarray, window: tuple[float, float, float, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """boxes, labels, ignore, weights of what remains of an image's objects in a window of the input."""
        boxes, keep = clip_placed(
            place_boxes(source.boxes, matrix), window, minimum_visible=self.settings.minimum_visible
        )
        count = int(keep.sum())
        return boxes[keep], source.labels[keep], source.ignore[keep], np.ones(count, np.float32)


def blend(first: TrainingSample, second: TrainingSample, share: float) -> TrainingSample:
    """Two images of one size over each other; ``share`` of the first."""
    image = first.image * np.float32(share) + second.image * np.float32(1 - share)
    return TrainingSample(
        np.rint(image).astype(np.uint8),
        np.concatenate((first.boxes, second.boxes)),
        np.concatenate((first.labels, second.labels)),
        np.concatenate((first.ignore, second.ignore)),
        np.concatenate((first.weights * np.float32(share), second.weights * np.float32(1 - share))),
    )


def _sides(matrix: np.ndarray, source: Sample) -> np.ndarray:
    """The (height, width) that a turned placement gives an image."""
    lengths = np.hypot(matrix[0, :2], matrix[1, :2])  # of a step in x, of a step in y
    return lengths[::-1] * source.size
