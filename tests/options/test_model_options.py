"""The options of a trained model: their words, their defaults, what they become."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import pytest

from yolov3 import UserError
from yolov3.evaluation.evaluate import EvaluateOptions
from yolov3.inference.options import DetectorOptions
from yolov3.machine.device import PRECISIONS as KNOWN
from yolov3.options.model_options import PRECISIONS, add_model_options, parse_model_options


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_model_options(parser, confidence=0.25, nms_threshold=0.45)
    parser.add_argument("--batch-size", type=int, default=4)
    return parser.parse_args(["--weights", "w.pt", *words])


def test_what_nobody_says_is_the_default():
    assert parsed().weights == Path("w.pt")
    assert parse_model_options(parsed()) == {
        "cfg": None, "names": None,
        "confidence": 0.25, "nms_threshold": 0.45, "max_detections": 300, "class_agnostic": False, "image_size": None,
        "fit": None, "rect": False, "tiles": None, "device": "auto", "precision": None, "runtime": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("--conf 0.5", {"confidence": 0.5}),
        ("--conf-thres 0.5", {"confidence": 0.5}),
        ("--iou 0.5", {"nms_threshold": 0.5}),
        ("--iou-thres 0.5", {"nms_threshold": 0.5}),
        ("--max-det 7", {"max_detections": 7}),
        ("--class-agnostic", {"class_agnostic": True}),
        ("--imgsz 320", {"image_size": (320, 320)}),
        ("--img-size 320 640", {"image_size": (320, 640)}),
        ("--fit stretch", {"fit": "stretch"}),
        ("--rect", {"rect": True}),
        ("--cfg a.cfg --names b.names", {"cfg": Path("a.cfg"), "names": Path("b.names")}),
        ("--device cuda:1 --precision auto", {"device": "cuda:1", "precision": "auto"}),
    ],
)
def test_words_become_values(words, changes):
    assert parse_model_options(parsed(*words.split())) == {**parse_model_options(parsed()), **changes}


@pytest.mark.parametrize("kind", [EvaluateOptions, DetectorOptions])
def test_the_values_have_the_names_of_the_records(kind):
    assert set(parse_model_options(parsed())) <= {each.name for each in fields(kind)}


def test_more_than_two_sides_are_refused():
    with pytest.raises(UserError, match=r"^--imgsz takes a side, or height and width, found 3 numbers$"):
        parse_model_options(parsed("--imgsz", "32", "64", "96"))


@pytest.mark.parametrize("words", ["--fit crop", "--precision float8", "--conf many", "--imgsz big"])
def test_words_that_are_none_are_refused(words):
    with pytest.raises(argparse.ArgumentError):
        parsed(*words.split())


def test_all_precisions_that_there_are_can_be_asked_for():
    """They are listed beside torch, which is slow to import."""
    assert set(PRECISIONS) == {*KNOWN, "int8", "auto"}
