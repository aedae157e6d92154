"""The hash of what is labelled is the same wherever the data lies, and another when anything in it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from yolov3.reporting.page import Table
from yolov3.reporting.provenance import labels_sha256, provenance_of, provenance_section


def moved(dataset):
    return replace(
        dataset,
        samples=tuple(replace(one, path=Path("/elsewhere") / one.path.name) for one in dataset.samples),
        source="x",
    )


def changed(dataset, **parts):
    return replace(dataset, samples=(replace(dataset.samples[0], **parts), *dataset.samples[1:]))


def test_the_same_data_has_the_same_hash(drawn):
    assert labels_sha256(moved(drawn)) == labels_sha256(drawn) == labels_sha256(drawn)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: changed(data, boxes=data.samples[0].boxes + 1),
        lambda data: changed(data, labels=(data.samples[0].labels + 1) % len(data.names)),
        lambda data: changed(data, ignore=~data.samples[0].ignore),
        lambda data: changed(data, path=Path("another.jpg")),
        lambda data: replace(data, samples=data.samples[::-1]),
        lambda data: replace(data, samples=data.samples[1:]),
        lambda data: replace(data, names=(*data.names[:-1], "another")),
    ],
)
def test_other_data_has_another(drawn, change):
    assert labels_sha256(change(drawn)) != labels_sha256(drawn)


def test_everything_is_told(measured):
    provenance = provenance_of(measured.settings, measured.dataset, "yolov3 9.9")
    assert provenance.items() >= measured.settings.as_plain().items() and provenance["made_with"] == "yolov3 9.9"
    (table,) = provenance_section(provenance).parts
    assert isinstance(table, Table) and len(table.rows) == len(provenance)
    assert ("input size", "96 x 128") in table.rows
