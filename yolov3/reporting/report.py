"""The report of an evaluation: the page, the numbers behind it, the thresholds it recommends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolov3.analysis.analysis import Analysis, AnalysisSettings, analyse
from yolov3.analysis.words import Finding
from yolov3.datasets.dataset import Dataset
from yolov3.evaluation.measure import Evaluation, EvaluationSettings, times_as_plain
from yolov3.files.atomic import write_text_atomically
from yolov3.geometry import Geometry
from yolov3.reporting.charts import Bar, bar_chart
from yolov3.reporting.galleries import Galleries, Shown, draw_galleries
from yolov3.reporting.page import Chart, Page, Part, Point, Section, Table, Tile, render
from yolov3.reporting.provenance import provenance_of, provenance_section
from yolov3.reporting.sections import (
    calibration_section,
    classes_section,
    confusion_section,
    costs_section,
    curves_section,
    gallery_name,
    interval_words,
    number,
    strata_section,
)
from yolov3.selecting.thresholds import Thresholds, write_thresholds
from yolov3.watching.words import counted

REPORT, NUMBERS, THRESHOLDS = "report.html", "report.json", "thresholds.yaml"

GALLERY_PICTURES = 12
"""Of each kind of mistake: two rows of a wide page, six of a phone's."""

GREEN_AND_RED = "Green is what is labelled, red and dashed what was found."


@dataclass(frozen=True)
class Measured:
    """An evaluation that knows all that a report tells: its ``settings``, its ``dataset`` and the ``strides`` of the network's
    levels."""

    evaluation: Evaluation
    settings: EvaluationSettings
    dataset: Dataset
    strides: Sequence[int]

    @staticmethod
    def of(evaluation: Evaluation) -> Measured:
        """One that :func:`yolov3.evaluation.evaluate.evaluate` made. Raises ValueError for another, which does not know its
        data."""
        if evaluation.settings is None or evaluation.dataset is None:
            raise ValueError(
                "a report needs an evaluation that knows its settings and its data, as evaluate() makes them"
            )
        return Measured(evaluation, evaluation.settings, evaluation.dataset, evaluation.strides)

    def analyse(self, settings: AnalysisSettings | None = None) -> Analysis:
        """Why the model is as good as it is."""
        fitting, step = self.settings.preprocessing, self.settings.rect_step
        geometries = [Geometry.fit(sample.size, fitting, step) for sample in self.dataset.samples]
        return analyse(
            self.dataset, self.evaluation.detections, strides=self.strides, geometries=geometries, settings=settings
        )


def write_report(
    folder: Path,
    measured: Measured,
    *,
    made_with: str,
    more: Sequence[Section] = (),
    settings: AnalysisSettings | None = None,
) -> Analysis:
    """Write ``report.html``, ``report.json`` and ``thresholds.yaml`` into a folder; ``more`` sections follow those of the
    evaluation. Raises UserError for a file that cannot be written."""
    settings = settings or AnalysisSettings(most=GALLERY_PICTURES, confidence=measured.settings.selection.confidence)
    analysis = measured.analyse(settings)
    provenance = provenance_of(measured.settings, measured.dataset, made_with)
    confusion = analysis.evidence.confusion
    shown = Shown(measured.dataset, measured.evaluation.detections)
    galleries = draw_galleries(shown, analysis.evidence.galleries, confusion)
    page = _page(measured, analysis, galleries, provenance, more)
    plain = {"provenance": provenance, "metrics": measured.evaluation.as_plain(), "analysis": analysis.as_plain()}
    write_text_atomically(folder / NUMBERS, json.dumps(plain, indent=1, allow_nan=False) + "\n")
    write_text_atomically(folder / REPORT, render(page))
    write_thresholds(folder / THRESHOLDS, _thresholds(measured, analysis))
    return analysis


def _page(
    measured: Measured, analysis: Analysis, galleries: Galleries, provenance: dict[str, Any], more: Sequence[Section]
) -> Page:
    evidence, settings = analysis.evidence, measured.settings
    sections = [
        costs_section(evidence.errors),
        classes_section(evidence.intervals, evidence.confusion, evidence.curves),
        confusion_section(evidence.confusion, galleries.linked),
        Section("cells", "Confusions to look at", GREEN_AND_RED, galleries.cells),
        curves_section(evidence.curves, evidence.confusion.points(), analysis.operating),
        strata_section(evidence.divisions),
        calibration_section(evidence.calibration),
        Section("galleries", "Mistakes to look at", GREEN_AND_RED, galleries.cases),
        *more,
        *_speed_sections(measured),
        provenance_section(provenance),
    ]
    about = f"on {settings.data}: {counted(settings.images, 'image')}, {counted(settings.num_classes, 'class')}"
    points = [_point(finding) for finding in analysis.findings]
    return Page(f"{settings.model}", about, _tiles(measured, analysis), points, sections)


def _tiles(measured: Measured, analysis: Analysis) -> list[Tile]:
    intervals, total = analysis.evidence.intervals, analysis.evidence.confusion.total()
    return [
        Tile("AP50", number(intervals.ap50.value), interval_words(intervals.ap50)),
        Tile("AP", number(intervals.ap.value), interval_words(intervals.ap)),
        Tile("precision", number(total.precision), "at the best thresholds"),
        Tile("recall", number(total.recall), "at the best thresholds"),
        Tile("F1", number(total.f1), "at the best thresholds"),
        Tile("images", str(measured.settings.images), counted(measured.evaluation.counts.truths, "object")),
    ]


def _point(finding: Finding) -> Point:
    text, advice = (sentence[:1].upper() + sentence[1:] for sentence in (finding.text, finding.advice))
    end = "" if advice.endswith("?") else "."
    return Point(f"{text}.", f"{advice}{end}" if advice else "", gallery_name(finding.gallery))


def _speed_sections(measured: Measured) -> list[Section]:
    times = measured.evaluation.times
    if times is None or not times.images:
        return []
    plain = times_as_plain(times)
    stages = (("waiting for images", "data_wait_ms"), ("network", "network_ms"), ("selecting", "postprocess_ms"))
    bars = [Bar(name, plain[key]) for name, key in stages]
    rows = [(name, f"{plain[key]:.2f}") for name, key in stages]
    rows.append(("images per second", f"{plain['images_per_second']:.1f}"))
    settings = measured.settings
    lead = f"Of one image in batches of {settings.batch_size}, {settings.runtime} {settings.precision} on {settings.device}."
    parts: list[Part] = [Chart("milliseconds", bar_chart(bars, along="ms")), Table(("stage", "ms"), rows)]
    return [Section("speed", "Where the time goes", lead, parts)]


def _thresholds(measured: Measured, analysis: Analysis) -> Thresholds:
    confusion, selection = analysis.evidence.confusion, measured.settings.selection
    by_class = dict(zip(confusion.names, confusion.thresholds, strict=True))
    about = f"best F1 of each class of {measured.settings.model} on {measured.settings.data}"
    return Thresholds(by_class, selection.nms_threshold, selection.multi_label, about)
