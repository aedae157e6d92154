"""A split as the checks see it: what its files say, what its images are, and the data set that is made of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

from yolov3.catalogue.opening import FoundData, open_splits
from yolov3.checks.finding import Finding
from yolov3.config.experiment import DataSection
from yolov3.datasets.assemble import Classes, Images, Objects, assemble
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Reference, Split
from yolov3.doctor.look import Look
from yolov3.doctor.survey import UNKNOWN_CLASS, Survey, unread
from yolov3.doctor.survey_coco import survey_coco
from yolov3.doctor.survey_voc import VocSurveyor
from yolov3.doctor.survey_yolo import survey_yolo
from yolov3.errors import UserError

SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Surveyed:
    """The splits that a data set has, the ``places`` they lie at, and what kept others from being read or is to be told of
    the whole."""

    surveys: tuple[Survey, ...]
    places: dict[Split, Reference]
    findings: tuple[Finding, ...]


def survey_splits(found: FoundData) -> Surveyed:
    """Every split that is there; of data that nobody has divided all of it, as ``train``. Raises UserError when there is
    nothing to look at."""
    notes = [
        Finding("reading-note", "note", note, (str(found.tree.root),), 1, "nothing", "see that it is meant so")
        for note in found.notes
    ]
    places: dict[Split, Reference] = {}
    if not found.is_divided:
        places = {split: where for split in SPLITS if (where := found.where(split)) is not None}
    elif (test := found.where("test")) is not None:
        places["test"] = test
    if "train" not in places and "val" not in places:
        whole = found.where("train") or found.format.find_all(found.tree)
        if whole is None and not places:
            raise UserError(f"{found.tree.root}: no images to look at; there is: {found.tree.describe()}")
        places = {"train": whole, **places} if whole is not None else places
    surveyed = _survey_places(found, places)
    if not surveyed.surveys and not surveyed.findings:
        raise UserError(f"{found.tree.root}: no images to look at; there is: {found.tree.describe()}")
    missing = () if found.is_divided else _missing_splits(found, places)
    return Surveyed(surveyed.surveys, places, (*notes, *missing, *surveyed.findings))


def _survey_places(found: FoundData, places: dict[Split, Reference]) -> Surveyed:
    voc = VocSurveyor(found.data, found.tree)
    surveys: list[Survey] = []
    findings: list[Finding] = []
    for split, where in places.items():
        data = found.data.model_copy(update={split: where})
        try:
            if found.format.name == "voc":
                survey = voc.survey(data, split)
            elif found.format.name == "coco":
                survey = survey_coco(data, found.tree, split)
            else:
                survey = survey_yolo(data, found.tree, split)
        except UserError as error:
            findings.append(unread(split, str(where), str(error)))
            continue
        surveys.append(survey)
        findings += survey.findings
    return Surveyed(tuple(surveys), places, tuple(findings))


def _missing_splits(found: FoundData, places: dict[Split, Reference]) -> list[Finding]:
    """What training would ask for."""
    if "train" in places and "val" in places:
        return []
    absent = "val" if "train" in places else "train"
    return [
        Finding(
            f"no-{absent}-split", "note", f"{found.tree.root}: there is no {absent} split", (str(found.tree.root),), 1,
            "training refuses to begin",
            "data.val_share=0.2 sets a fifth of the images apart" if absent == "val" else "say with data.train what it is",
        )
    ]  # fmt: skip


def refused_opening(found: FoundData, surveyed: Surveyed) -> list[Finding]:
    """What the readers of a training refuse where the survey, which is more patient, found nothing to refuse: so that
    nothing is called fine that cannot be opened."""
    refused = []
    for survey in surveyed.surveys:
        data = found.data.model_copy(update={survey.split: surveyed.places[survey.split]})
        try:
            found.format.read(data, found.tree, survey.split)
        except UserError as error:
            refused.append(unread(survey.split, survey.source, str(error)))
    return refused


def divide_survey(data: DataSection, surveys: tuple[Survey, ...]) -> tuple[Survey, ...]:
    """The surveys with the undivided ``train`` replaced by the two parts that training makes of it. Raises UserError where
    it cannot be divided."""
    parts = open_splits(data)
    whole = next(survey for survey in surveys if survey.split == "train")
    val = {sample.path for sample in parts.val.samples}
    train = {sample.path for sample in parts.train.samples}
    divided = (part_of(whole, "train", train), part_of(whole, "val", val))
    return (*divided, *(survey for survey in surveys if survey is not whole))


def part_of(survey: Survey, split: Split, paths: set[Path]) -> Survey:
    """The images at ``paths`` with their objects, as a split of that name."""
    images = np.array([path in paths for path in survey.images], bool)
    objects = np.flatnonzero(images[survey.image_index])
    new_index = np.cumsum(images) - 1
    chosen = np.flatnonzero(images).tolist()
    return replace(
        survey,
        split=split,
        images=tuple(survey.images[place] for place in chosen),
        image_ids=tuple(survey.image_ids[place] for place in chosen),
        said_sizes=survey.said_sizes[images],
        is_labelled=survey.is_labelled[images],
        image_index=new_index[survey.image_index[objects]],
        numbers=survey.numbers[objects],
        labels=survey.labels[objects],
        ignore=survey.ignore[objects],
        place_of=lambda number: survey.place_of(int(objects[number])),
        findings=(),
    )


@dataclass(frozen=True)
class OpenedSplit:
    """A survey with what was seen of its images: ``looks`` (P), ``boxes`` (M, 4) xyxy pixels, NaN where the image cannot be
    measured, ``sizes`` (M, 2) of each object's image, ``known`` (M,) bool: with a class and a measured image. ``dataset``
    is what training would learn from: these, tidied by the readers' rules."""

    survey: Survey
    looks: tuple[Look, ...]
    boxes: np.ndarray
    sizes: np.ndarray
    known: np.ndarray
    dataset: Dataset

    @property
    def name(self) -> Split:
        """Which split."""
        return self.survey.split


def open_split(survey: Survey, looks: tuple[Look, ...]) -> OpenedSplit:
    """A survey and the looks at its images, put together."""
    sizes = np.array([look.size or (0, 0) for look in looks], np.int64).reshape(-1, 2)
    measured = np.all(sizes > 0, axis=1)
    boxes = survey.boxes(sizes)
    of_measured = measured[survey.image_index]
    boxes = np.where(of_measured[:, None], boxes, np.nan)
    known = of_measured & (survey.labels != UNKNOWN_CLASS)
    places = np.flatnonzero(measured).tolist()
    new_index = np.cumsum(measured) - 1
    dataset = assemble(
        Images([survey.images[p] for p in places], sizes[measured], [survey.image_ids[p] for p in places]),
        Objects(
            new_index[survey.image_index[known]],
            boxes[known],
            survey.labels[known],
            survey.ignore[known],
            np.full(int(known.sum()), np.nan),
        ),
        Classes(survey.names, tuple(range(len(survey.names)))),
        source=survey.source,
        problems=(),
    )
    return OpenedSplit(survey, looks, boxes, sizes[survey.image_index], known, dataset)
