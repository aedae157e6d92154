"""A report is a page, the numbers behind it and thresholds that mean what they say, whatever was measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from yolov3.boxes import iou_matrix
from yolov3.datasets.dataset import Dataset, DatasetReport
from yolov3.detections import Detections
from yolov3.evaluation.evaluate import evaluate
from yolov3.evaluation.measure import measure
from yolov3.inference.detector import Detector
from yolov3.reporting.page import Section
from yolov3.reporting.report import NUMBERS, REPORT, THRESHOLDS, Measured, write_report
from yolov3.selecting.thresholds import read_thresholds
from yolov3.shapes.dataset import CLASSES


@pytest.fixture(scope="module")
def written(measured, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return folder, write_report(folder, measured, made_with="yolov3 9.9", more=[Section("more", "And more", "so", [])])


def test_three_files_are_written(written, measured):
    folder, analysis = written
    assert {path.name for path in folder.iterdir()} == {REPORT, NUMBERS, THRESHOLDS}
    plain = json.loads((folder / NUMBERS).read_text())
    assert plain["analysis"] == json.loads(json.dumps(analysis.as_plain()))
    assert plain["metrics"] == json.loads(json.dumps(measured.evaluation.as_plain()))
    provenance = plain["provenance"]
    assert provenance["made_with"] == "yolov3 9.9" and re.fullmatch(r"[0-9a-f]{64}", provenance["labels_sha256"])
    assert provenance["date"].startswith("20") and provenance["nms_threshold"] == 0.6


def test_the_page_says_what_the_metric_says(written, measured):
    text = (written[0] / REPORT).read_text()
    coco = measured.evaluation.coco
    for name, value in (("AP50", coco.ap50), ("AP", coco.ap)):
        assert f'<span class="name">{name}</span><span class="value">{value:.3f}</span>' in text
    assert "a guess &lt;b&gt;" in text and "<b>" not in text.split("</h1>")[0] and "And more" in text
    assert len(text) < 6_000_000


def test_advice_that_asks_ends_with_its_question_mark(written):
    text, findings = (written[0] / REPORT).read_text(), written[1].findings
    assert any(finding.advice.endswith("?") for finding in findings)
    assert not re.search(r"\?\.\s*<", text)


def test_every_cell_and_every_costly_type_leads_to_its_pictures(written):
    text, confusion = (written[0] / REPORT).read_text(), written[1].evidence.confusion
    names = set(re.findall(r' id="([^"]+)"', text))
    links = set(re.findall(r'href="#([^"]+)"', text))
    assert links <= names and {"gallery-false-alarms", "gallery-missed", "gallery-misplaced"} <= links
    size = len(confusion.counts)
    for row in range(size):
        for column in range(size):
            wrong = row != column and bool(confusion.counts[row, column])
            assert (f"cell-{row}-{column}" in names) is wrong


def test_precision_recall_and_f1_of_the_table_are_those_of_the_matrix(written):
    text, confusion = (written[0] / REPORT).read_text(), written[1].evidence.confusion
    counts = confusion.counts
    for label, name in enumerate(confusion.names):
        right, found, true = counts[label, label], counts[:, label].sum(), counts[label].sum()
        expected = [f"{right / found:.3f}", f"{right / true:.3f}", f"{2 * right / (found + true):.3f}"]
        (row,) = re.findall(rf'<tr><th scope="row">{name}</th>((?:<td>[^<]*</td>){{9}})</tr>', text)
        assert re.findall(r"<td>([^<]*)</td>", row)[-3:] == expected


def test_the_thresholds_are_those_of_the_table(written, measured):
    thresholds, confusion = read_thresholds(written[0] / THRESHOLDS), written[1].evidence.confusion
    assert tuple(thresholds.by_class[name] for name in confusion.names) == confusion.thresholds
    assert (thresholds.iou, thresholds.multi_label) == (0.6, True)


def test_detecting_with_the_thresholds_reaches_the_operating_point(tmp_path, write_seeing_model, drawn):
    """The very numbers that the report promises: right, wrong and missed of each class, counted by hand."""
    weights = write_seeing_model(tmp_path / "tiny.pt", width=0.125)
    root = drawn.samples[0].path.parents[1]
    evaluation = evaluate(weights=weights, data=str(root), device="cpu", workers=0, max_detections=5000)
    analysis = write_report(tmp_path, Measured.of(evaluation), made_with="test")
    detector = Detector(weights, thresholds=tmp_path / THRESHOLDS, device="cpu", max_detections=5000)
    right, found, true, most = (np.zeros(len(CLASSES), int) for _ in range(4))
    for sample in evaluation.dataset.samples:
        here = detector(sample.path)
        for label in range(len(CLASSES)):
            truths = list(torch.from_numpy(sample.boxes[sample.labels == label]))
            own = here.boxes[here.labels == label]
            found[label] += len(own)
            most[label] = max(most[label], len(own))
            true[label] += len(truths)
            for box in own:
                overlaps = [float(iou_matrix(box[None], truth[None])) for truth in truths]
                if overlaps and max(overlaps) >= 0.5:
                    truths.pop(int(np.argmax(overlaps)))
                    right[label] += 1
    counted = most <= 100  # COCO takes no more of a class and image
    assert counted.sum() >= 3 and right[counted].sum() > 0
    for point, *numbers in zip(
        np.array(analysis.evidence.confusion.points())[counted], right[counted], found[counted], true[counted]
    ):
        assert [point.right, point.right + point.wrong, point.right + point.missed] == numbers


def test_nothing_found_is_a_report_too(measured, tmp_path):
    empty = [Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))] * len(measured.dataset)
    evaluation = replace(
        measure(measured.dataset, empty), settings=measured.settings, dataset=measured.dataset, strides=(32, 16)
    )
    write_report(tmp_path, Measured.of(evaluation), made_with="test")
    text = (tmp_path / REPORT).read_text()
    assert "Nothing is found at all." in text and '<span class="value">0.000</span>' in text


def test_nothing_to_find_is_a_report_too(measured, tmp_path):
    samples = tuple(
        replace(
            sample,
            boxes=sample.boxes[:0], labels=sample.labels[:0], ignore=sample.ignore[:0], areas=sample.areas[:0],
        )
        for sample in measured.dataset.samples
    )  # fmt: skip
    dataset = Dataset(samples, measured.dataset.names, measured.dataset.category_ids, DatasetReport(), "empty")
    evaluation = replace(
        measure(dataset, measured.evaluation.detections), settings=measured.settings, dataset=dataset, strides=(32, 16)
    )
    write_report(tmp_path, Measured.of(evaluation), made_with="test")
    assert "There is nothing to be found" in (tmp_path / REPORT).read_text()


def test_an_evaluation_that_does_not_know_its_data_is_refused(measured):
    with pytest.raises(ValueError, match="needs an evaluation that knows its settings and its data"):
        Measured.of(replace(measured.evaluation, dataset=None))


@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_it_is_whole_and_quiet(browser, written, width):
    path = written[0] / REPORT
    browser.requests()
    browser.open(path, width)
    assert browser.logs() == [] and browser.requests() == [path.as_uri()]
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return [...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert browser.run("return document.images.length") > 20
    browser.run("document.querySelector('.matrix td a').click()")
    name = browser.run("return location.hash.slice(1)")
    assert name.startswith("cell-")
    assert 0 <= browser.run(f"return document.getElementById('{name}').getBoundingClientRect().top") < 900
