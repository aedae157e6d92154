"""What was found in an image as a record of plain values, and back, to the last bit: json keeps every float."""

from __future__ import annotations

from pathlib import Path

import torch

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.sharing.parts import Record
from yolov3.structures import Size


def record_of(found: Detections) -> Record:
    """The boxes, scores, labels and tracks of detections in main memory."""
    record: Record = {name: getattr(found, name).tolist() for name in ("boxes", "scores", "labels")}
    if found.tracks is not None:
        record["tracks"] = found.tracks.tolist()
    return record


def detections_of(
    record: Record, folder: Path, *, names: tuple[str, ...] = (), size: Size | None = None, source: str | None = None
) -> Detections:
    """The detections of a record that was read from the parts of the run in ``folder``. Raises UserError for one that
    cannot be."""
    try:
        tracks = record.get("tracks")
        return Detections(
            torch.tensor(record["boxes"], dtype=torch.float32).reshape(-1, 4),
            torch.tensor(record["scores"], dtype=torch.float32),
            torch.tensor(record["labels"], dtype=torch.int64),
            names,
            size,
            source,
            tracks=None if tracks is None else torch.tensor(tracks, dtype=torch.int64),
        )
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise UserError(f"{folder}: a part of the run is damaged ({error}); begin a new run") from error
