"""Whatever a split is called, every format finds it by each of its names."""

from __future__ import annotations

import pytest

from yolov3.catalogue.formats import FORMATS
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.label_format import SPLIT_WORDS, words_of
from yolov3.datasets.tree import Tree

CASES = [(split, word) for split, words in SPLIT_WORDS.items() for word in words]


@pytest.mark.parametrize(("split", "word"), CASES)
@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_a_split_is_found_by_each_of_its_names(files, tmp_path, each, split, word):
    root = getattr(files, f"write_{each.name}")(tmp_path, split=word)
    found = each.find_split(Tree(root), SPLIT_WORDS[split])
    assert found is not None and word in found
    dataset = open_dataset(DataSection(root=str(root), names=files.names), split)
    assert dataset.report.boxes == 4


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_a_format_recognises_its_own_tree_and_not_an_empty_folder(files, tmp_path, each):
    (tmp_path / "empty").mkdir()
    assert not each.recognises(Tree(tmp_path / "empty"), ())
    assert each.recognises(Tree(getattr(files, f"write_{each.name}")(tmp_path / "full")), ())


def test_a_folder_is_recognised_by_one_format_that_is_asked_before_the_others(files, tmp_path):
    for each in FORMATS:
        root = getattr(files, f"write_{each.name}")(tmp_path / each.name)
        assert next(other for other in FORMATS if other.recognises(Tree(root), ())) is each


def test_the_words_of_several_splits():
    assert words_of("val") == SPLIT_WORDS["val"] and words_of() == ()
    assert words_of("train", "test") == (*SPLIT_WORDS["train"], *SPLIT_WORDS["test"])
