"""Classes of a model and of a data set are matched by their names, and what cannot be matched is listed."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.evaluation.class_matching import match_classes


def test_names_decide_and_not_their_order() -> None:
    assert match_classes(("dog", "cat", "bird"), ("cat", "dog")) == (1, 0)


def test_spelling_differences_do_not_matter() -> None:
    model = ("pottedplant", "diningtable", "Traffic Light", "cell_phone", "t-shirt")
    data = ("t shirt", "Potted Plant", "dining table", "traffic light", "cell phone")
    assert match_classes(model, data) == (4, 0, 1, 2, 3)


def test_words_of_voc_are_known_to_coco_and_back() -> None:
    voc, coco = ("aeroplane", "motorbike", "sofa", "tvmonitor"), ("airplane", "motorcycle", "couch", "tv")
    assert match_classes(voc, coco) == match_classes(coco, voc) == (0, 1, 2, 3)


def test_a_class_that_the_model_lacks_is_an_error_that_lists_both() -> None:
    with pytest.raises(UserError) as error:
        match_classes(("cat", "dog"), ("cat", "horse", "cow"))
    assert str(error.value).splitlines() == [
        "the model has no class for horse, cow of the data",
        "classes of the model: cat, dog",
        "classes of the data: cat, horse, cow",
    ]


def test_without_names_the_number_of_classes_must_agree() -> None:
    assert match_classes((), ("cat", "dog"), num_model_classes=2) == (0, 1)
    with pytest.raises(UserError, match="3 classes have no names and the data has 2: cat, dog"):
        match_classes((), ("cat", "dog"), num_model_classes=3)


@pytest.mark.parametrize(("model", "data"), [(("a b", "A-B"), ("ab",)), (("ab",), ("a b", "A-B"))])
def test_names_that_cannot_be_told_apart_are_refused(model: tuple[str, ...], data: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="cannot be told apart"):
        match_classes(model, data)
