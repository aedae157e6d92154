"""An examination: from a target to everything that is wrong with its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolov3.catalogue.opening import find_data
from yolov3.checks.finding import MOST_PLACES, Finding
from yolov3.checks.view import NetworkView, check_network
from yolov3.doctor.box_checks import check_boxes
from yolov3.doctor.class_checks import check_classes
from yolov3.doctor.duplicates import check_duplicates
from yolov3.doctor.finding import Examination, SplitCounts, in_order
from yolov3.doctor.image_checks import check_images
from yolov3.doctor.look import look_at_all
from yolov3.doctor.opened import OpenedSplit, divide_survey, open_split, refused_opening, survey_splits
from yolov3.doctor.survey import unread
from yolov3.doctor.target import Target, find_target
from yolov3.errors import UserError
from yolov3.watching.watcher import Watcher


def examine(
    target: str | Path,
    *,
    overrides: Sequence[str] = (),
    most_places: int = MOST_PLACES,
    watcher: Watcher | None = None,
) -> Examination:
    """Examine the data of an experiment YAML, a data YAML, a Darknet ``.data``, a COCO json, a folder of data or of a run,
    with ``section.key=value`` laid over its settings. Only reads.

    Raises UserError for a target that is none of these; what is wrong within the data is found, not raised.
    """
    return examine_target(find_target(target, overrides), most_places=most_places, watcher=watcher)


def examine_target(target: Target, *, most_places: int = MOST_PLACES, watcher: Watcher | None = None) -> Examination:
    """As :func:`examine`, of a target that was found."""
    watcher = watcher or Watcher()
    experiment = target.experiment
    view = NetworkView.of(experiment, num_classes=1)  # a wrong model is told before all images are looked at
    found = find_data(experiment.data)
    surveyed = survey_splits(found)
    findings = list(surveyed.findings)
    surveys = surveyed.surveys
    looks = look_at_all((path for survey in surveys for path in survey.images), watcher)
    # What the readers refuse is known then, image by image and line by line; they would stop at the first.
    is_refused = any(each.severity == "error" for each in findings) or any(look.fault for look in looks.values())
    if not is_refused:
        findings += refused_opening(found, surveyed)
    if found.is_divided and any(survey.split == "train" for survey in surveys):
        try:
            surveys = divide_survey(experiment.data, surveys)
        except UserError as error:
            findings += [] if is_refused else [unread("train", "data.val_share", str(error))]
    splits = [open_split(survey, tuple(looks[path] for path in survey.images)) for survey in surveys]
    findings += _check(splits, view)
    return Examination(
        target.name,
        tuple(_count(split) for split in splits),
        splits[0].survey.names if splits else (),
        in_order(finding.with_places(most_places) for finding in dict.fromkeys(findings)),
    )


def _check(splits: Sequence[OpenedSplit], view: NetworkView) -> list[Finding]:
    findings: list[Finding] = []
    for split in splits:
        findings += check_images(split)
        findings += check_boxes(split)
    if splits:
        findings += check_classes(splits)
        findings += check_duplicates(splits)
    # Of boxes in another form than they are taken for a network's view tells nothing.
    if splits and not any(finding.kind == "wrong-box-form" for finding in findings):
        findings += check_network(splits[0].dataset, view)
    return findings


def _count(split: OpenedSplit) -> SplitCounts:
    survey = split.survey
    return SplitCounts(survey.split, survey.source, len(survey.images), len(survey.labels))
