"""What a training warns of before its first step: of what the doctor finds, all that is found in a moment."""

from __future__ import annotations

from yolov3.checks.classes import compare_classes
from yolov3.checks.finding import Finding
from yolov3.checks.overlap import check_overlap
from yolov3.checks.view import NetworkView, check_at_start
from yolov3.datasets.dataset import Dataset


def warnings_at_start(training_data: Dataset, validation_data: Dataset, view: NetworkView) -> list[Finding]:
    """The errors and warnings of the data that a network of ``view`` is to be trained on and measured with."""
    splits = {"train": training_data, "val": validation_data}
    found = [
        *check_overlap(training_data, validation_data),
        *compare_classes(splits),
        *check_at_start(training_data, view),
    ]
    return [finding for finding in found if finding.severity != "note"]
