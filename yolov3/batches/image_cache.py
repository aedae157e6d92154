"""Decoded images, kept so that each file is read and decoded once for all epochs and all loader processes.

All images lie one behind the other in one map of memory, at places that follow from the sizes in the data set, and
are filled in when they are first asked for. The map is either anonymous memory, which forked loader processes share, or
a file, which is found again by later runs and by other processes of this one. Beside each image stands the checksum
of its pixels, so that a file whose writing was interrupted by a power cut is never believed.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from yolov3.datasets.dataset import Dataset, read_sample_image
from yolov3.errors import UserError
from yolov3.machine.memory import GIB, free_memory

MEMORY_SHARE = 0.8  # of the free memory may be used


class ImageCache:
    """The images of a data set by number, in memory or, given a ``folder``, in a file there.

    Raises UserError when there is not enough room; ``processes`` on this machine each have a cache in memory.
    """

    def __init__(self, dataset: Dataset, *, folder: Path | None = None, processes: int = 1) -> None:
        self._samples = dataset.samples
        lengths = [3 * sample.size[0] * sample.size[1] for sample in dataset.samples]
        head = 4 * len(lengths)  # a checksum each
        self._starts = (head + np.cumsum([0, *lengths])).tolist()
        size = max(1, self._starts[-1])
        if folder is None:
            self._path = None
            _check_memory(size * processes)
        else:
            self._path = folder / f"{_digest(dataset)}.pixels"
            _reserve(self._path, size)
        self._open()

    def read(self, index: int) -> np.ndarray:
        """Image ``index`` (H, W, 3) uint8 RGB, not to be written to. Raises UserError as :func:`read_sample_image`."""
        pixels = self._pixels[self._starts[index] : self._starts[index + 1]]
        known = int(self._checksums[index])
        if known and index not in self._verified:
            known = known if _checksum(pixels) == known else 0
        if not known:
            pixels[:] = read_sample_image(self._samples[index]).reshape(-1)
            self._checksums[index] = _checksum(pixels)  # last: who sees it may read the pixels
        self._verified.add(index)
        image = pixels.reshape(*self._samples[index].size, 3)
        image.flags.writeable = False
        return image

    def _open(self) -> None:
        size = max(1, self._starts[-1])
        if self._path is None:
            self._map = mmap.mmap(-1, size)
        else:
            with self._path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), size)
        self._pixels = np.frombuffer(self._map, np.uint8)
        self._checksums = self._pixels[: 4 * len(self._samples)].view(np.uint32)
        self._verified: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        # A process that is not forked opens the file anew, or has memory of its own.
        return {"_samples": self._samples, "_starts": self._starts, "_path": self._path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


def _checksum(pixels: np.ndarray) -> int:
    return zlib.crc32(pixels.data) or 1  # 0 says that there is no image yet


def _digest(dataset: Dataset) -> str:
    """Changes whenever an image file does."""
    digest = hashlib.sha256()
    for sample in dataset.samples:
        try:
            status = sample.path.stat()
        except OSError as error:
            raise UserError(f"{sample.path}: cannot be read: {error.strerror or error}") from error
        part = "" if sample.region is None else f" {sample.region}"
        digest.update(f"{sample.path.absolute()}\0{sample.size}{status.st_size} {status.st_mtime_ns}{part}\n".encode())
    return digest.hexdigest()[:32]


def _check_memory(needed: int) -> None:
    free = free_memory()
    if free is not None and needed > MEMORY_SHARE * free:
        raise UserError(
            f"train.cache=memory: the decoded images need {needed / GIB:.1f} GiB, {free / GIB:.1f} GiB of memory are "
            "free; use train.cache=disk or none"
        )


def _reserve(path: Path, size: int) -> None:
    """Make the file in its full length: a disk that is full later would kill the process that writes into the map."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    except OSError as error:
        raise UserError(
            f"{path}: train.cache=disk: {size / GIB:.1f} GiB for the decoded images cannot be reserved: "
            f"{error.strerror or error}"
        ) from error
