"""Images that are learned from and measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from yolov3.checks.finding import Finding, first_places
from yolov3.datasets.dataset import Dataset, shared_images
from yolov3.watching.words import counted


def check_overlap(training_data: Dataset, validation_data: Dataset) -> Iterator[Finding]:
    """The images of both; what they tell is no measurement."""
    yield from told_of_overlap(shared_images(training_data, validation_data), "train", "val")


def told_of_overlap(pairs: Sequence[tuple[Path, Path]], first: str, second: str) -> Iterator[Finding]:
    """What is to be told of images of the split ``second``, each with the one of the split ``first`` that has its bytes;
    nothing where there are none."""
    if pairs:
        pairs = sorted(pairs)
        yield Finding(
            "image-in-two-splits", "error", f"{counted(len(pairs), 'image')} of {second} in {first} too",
            first_places(f"{new} = {old}" if new != old else new for new, old in pairs), len(pairs),
            f"what is measured on {second} is partly memory: the result is too good", f"take them out of {first} or {second}",
        )  # fmt: skip
