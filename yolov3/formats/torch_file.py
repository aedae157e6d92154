"""A file of ``torch.save``, read without trusting it: it takes no more memory than it has bytes, and runs nothing.

Such a file is a zip of records that are stored as they are: one pickle, and the numbers of each storage. PyTorch's own
reader with ``weights_only`` runs no foreign code either, but takes memory for what a file claims (packed records, tensors
that repeat one number, arrays made while reading) and stumbles in a dozen ways over a damaged one.
"""

from __future__ import annotations

import struct
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolov3.formats.plain_pickle import PickleFault, StoredNumbers, read_plain

MOST_RECORDS = 200_000
BLOCK = 1 << 20  # bytes that are read at a time
SLACK = 1 << 20  # bytes that small tensors may share

TYPES: dict[str, torch.dtype] = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip

_NOT_ZIP = (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError, IndexError, struct.error)


class TorchFileFault(ValueError):
    """A file that is none of ``torch.save``, is damaged, or holds more than plain values and tensors."""


def read_torch_file(path: Path) -> Any:
    """The plain values and tensors in a file, in main memory. Raises TorchFileFault, and OSError where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Archive(archive, path.stat().st_size).value()
    except PickleFault as error:
        raise TorchFileFault(str(error)) from error
    except _NOT_ZIP as error:
        if isinstance(error, TorchFileFault):
            raise
        raise TorchFileFault("no archive of PyTorch's, or cut off") from error


class _Archive:
    """The records of an open file of so many bytes."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        entries = archive.infolist()
        if len(entries) > MOST_RECORDS:
            raise TorchFileFault(f"{len(entries)} records, at most {MOST_RECORDS} are read")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise TorchFileFault("its records are packed, which PyTorch never does")
        if sum(entry.file_size for entry in entries) > size:
            raise TorchFileFault(f"its records would have more than the {size} bytes of the file")
        self.archive, self.size = archive, size
        self.entries = {entry.filename: entry for entry in entries}
        pickles = [name for name in self.entries if name.endswith("/data.pkl")]
        if len(pickles) != 1 or len(self.entries) != len(entries):
            raise TorchFileFault("no archive of PyTorch's")
        self.pickle = pickles[0]
        self.root = pickles[0].removesuffix("data.pkl")
        self.read: dict[StoredNumbers, Tensor] = {}
        self.claimed: dict[StoredNumbers, int] = defaultdict(int)

    def value(self) -> Any:
        order = self.entries.get(f"{self.root}byteorder")
        if order is not None and self.archive.read(order) != sys.byteorder.encode():
            raise TorchFileFault("its numbers are in the byte order of another machine")
        return read_plain(self.archive.read(self.pickle), self.tensor)

    def tensor(self, numbers: StoredNumbers, start: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        """A tensor, which lies within its numbers and together with those that share them is not larger."""
        stored = self._numbers(numbers)
        count = 1
        for size in sizes:
            count *= size
        reach = start + sum((size - 1) * stride for size, stride in zip(sizes, strides)) if count else start - 1
        self.claimed[numbers] += count * stored.itemsize
        if len(sizes) != len(strides) or reach >= numbers.count:
            raise TorchFileFault("a tensor is larger than its numbers")
        if self.claimed[numbers] > 2 * stored.nbytes + SLACK or count > numbers.count:
            raise TorchFileFault("its tensors repeat the same numbers")
        return stored.as_strided(sizes, strides, start) if count else stored.new_empty(sizes)

    def _numbers(self, numbers: StoredNumbers) -> Tensor:
        if numbers not in self.read:
            entry = self.entries.get(f"{self.root}data/{numbers.key}")
            kind = TYPES.get(numbers.storage)
            if entry is None or kind is None:
                raise TorchFileFault(f"no numbers of the type {numbers.storage[:40]!a} in {numbers.key[:40]!a}")
            if entry.file_size != numbers.count * kind.itemsize:
                raise TorchFileFault(f"{entry.file_size} bytes of numbers in place of {numbers.count * kind.itemsize}")
            content, place = torch.empty(entry.file_size, dtype=torch.uint8), 0
            with self.archive.open(entry) as stream:
                while block := stream.read(BLOCK):  # at the end its checksum is compared
                    content.numpy()[place : place + len(block)] = np.frombuffer(block, np.uint8)
                    place += len(block)
            if place != entry.file_size:
                raise TorchFileFault("cut off")
            self.read[numbers] = content.view(kind)
        return self.read[numbers]
