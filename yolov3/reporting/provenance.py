"""Where numbers come from: everything that they depend on, so that they can be had again or doubted."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import numpy as np

from yolov3.datasets.dataset import Dataset
from yolov3.evaluation.measure import EvaluationSettings
from yolov3.reporting.page import Section, Table


def provenance_of(settings: EvaluationSettings, dataset: Dataset, made_with: str) -> dict[str, Any]:
    """By name: the model, the data with a hash of its labels, how images were fitted and boxes selected, what computed, with
    which version (``made_with``) and when."""
    return {
        **settings.as_plain(),
        "labels_sha256": labels_sha256(dataset),
        "made_with": made_with,
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def labels_sha256(dataset: Dataset) -> str:
    """The hash of what is labelled, wherever it lies: the classes, and of each image, in order, its name, its size, the
    boxes, their classes and which of them are ignored."""
    digest = hashlib.sha256("\0".join(dataset.names).encode("utf-8", "surrogatepass"))
    for sample in dataset.samples:
        digest.update(f"\0{sample.path.name}\0{sample.size}".encode("utf-8", "surrogatepass"))
        for part, kind in ((sample.boxes, np.float32), (sample.labels, np.int64), (sample.ignore, bool)):
            digest.update(np.ascontiguousarray(part, kind).tobytes())
    return digest.hexdigest()


def provenance_section(provenance: dict[str, Any]) -> Section:
    """All of it as a table."""
    rows = [
        (name.replace("_", " "), " x ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        for name, value in provenance.items()
    ]
    lead = "All that the numbers of this page depend on. The same data has the same hash, wherever its files lie."
    return Section("provenance", "Where the numbers come from", lead, [Table(("what", "value"), rows)])
