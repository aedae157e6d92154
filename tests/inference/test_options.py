"""What a user says of boxes becomes the rules by which they are picked."""

from __future__ import annotations

import pytest

from yolov3.inference.options import DetectorOptions, selection_of
from yolov3.selecting.thresholds import Thresholds, write_thresholds
from yolov3.structures import ModelMeaning, Suppression

MEANING = ModelMeaning(("cat", "dog", "7"), suppression=Suppression("diou", 0.7))


def test_the_rules_are_the_users_and_the_models():
    rules = selection_of(
        DetectorOptions(confidence=0.4, nms_threshold=0.3, max_detections=9, class_agnostic=True), MEANING, 3
    )
    assert (rules.confidence, rules.nms_threshold, rules.max_detections, rules.class_agnostic) == (0.4, 0.3, 9, True)
    assert rules.suppression == MEANING.suppression and rules.classes is None and not rules.multi_label


@pytest.mark.parametrize(
    ("given", "labels"), [(["dog"], (1,)), ([1, "cat", "1"], (1, 0)), (["7"], (2,)), ([0, 0], (0,)), ([], ())]
)
def test_classes_go_by_name_or_number(given, labels):
    assert selection_of(DetectorOptions(classes=given), MEANING, 3).classes == labels


@pytest.mark.parametrize("wrong", ["cow", 3, -1, "3"])
def test_classes_that_there_are_not_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"no class '{wrong}'; the model has 3 classes: cat, dog, 7"):
        selection_of(DetectorOptions(classes=[wrong]), MEANING, 3)


def test_a_model_without_names_goes_by_numbers():
    with pytest.raises(ValueError, match="the model has 2 classes: 0 to 1"):
        selection_of(DetectorOptions(classes=["cat"]), ModelMeaning(), 2)


def test_thresholds_come_by_name_or_from_a_file_with_its_rules(tmp_path):
    by_name = {"7": 0.3, "cat": 0.1, "dog": 0.2}
    rules = selection_of(DetectorOptions(thresholds=by_name), MEANING, 3)
    assert (rules.thresholds, rules.nms_threshold, rules.multi_label) == ((0.1, 0.2, 0.3), 0.45, False)
    write_thresholds(tmp_path / "t.yaml", Thresholds(by_name, 0.6, True))
    rules = selection_of(DetectorOptions(thresholds=tmp_path / "t.yaml"), MEANING, 3)
    assert (rules.thresholds, rules.nms_threshold, rules.multi_label) == ((0.1, 0.2, 0.3), 0.6, True)
    assert rules.lowest == 0.1
