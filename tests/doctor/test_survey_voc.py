"""VOC's annotations as they are written."""

from __future__ import annotations

import numpy as np
import pytest

from yolov3.config.experiment import DataSection
from yolov3.datasets.tree import Tree
from yolov3.datasets.voc import read_voc
from yolov3.doctor.survey import UNKNOWN_CLASS
from yolov3.doctor.survey_voc import VocSurveyor
from yolov3.errors import UserError


def section(root, **more) -> DataSection:
    return DataSection(root=str(root), train="train", **more)


@pytest.mark.parametrize("one_based", [True, False])
def test_it_has_what_the_reader_has(one_based, data, tmp_path):
    root = data.write("voc", tmp_path / "voc")
    given = section(root, one_based=one_based)
    survey = VocSurveyor(given, Tree(root)).survey(given, "train")
    read = read_voc(given, Tree(root), "train")
    assert survey.images == tuple(sample.path for sample in read.samples)
    assert survey.image_ids == tuple(sample.image_id for sample in read.samples)
    assert survey.names == read.names and survey.source == read.source and survey.findings == ()
    sizes = np.array([sample.size for sample in read.samples])
    assert survey.said_sizes.tolist() == sizes.tolist()
    boxes = np.concatenate([sample.boxes for sample in read.samples])
    assert survey.boxes(sizes) == pytest.approx(boxes, abs=1e-3)
    assert survey.labels.tolist() == np.concatenate([sample.labels for sample in read.samples]).tolist()


def test_difficult_objects_are_ignored_and_places_are_lines(files, tmp_path):
    root = files.write_voc(tmp_path / "voc")
    one = files.voc_object(0, 4, 6, 30, 40, more="<difficult>1</difficult>")
    other = files.voc_object(1, 4, 6, 30, 40)
    (root / "Annotations" / "one.xml").write_text(f"<annotation>\n\n{one}\n{other}\n</annotation>")
    given = DataSection(root=str(root), val="val")
    survey = VocSurveyor(given, Tree(root)).survey(given, "val")
    assert survey.ignore[:2].tolist() == [True, False]
    assert [survey.place_of(number) for number in (0, 1)] == [f"{root}/Annotations/one.xml:{line}" for line in (3, 4)]
    assert not survey.said_sizes.any()  # none is given


def test_unknown_names_keep_their_boxes(data, tmp_path):
    root = data.write("voc", tmp_path / "voc")
    given = section(root, names=("round", "long"))
    survey = VocSurveyor(given, Tree(root)).survey(given, "train")
    (finding,) = survey.findings
    assert finding.kind == "unknown-class" and "'pointed'" in finding.places[0]
    assert finding.count == (survey.labels == UNKNOWN_CLASS).sum() > 0
    assert len(survey.labels) == sum(len(item.objects) for item in data.of("train"))


def test_names_are_those_of_all_files_so_that_splits_number_alike(data, tmp_path):
    data.names.append("another")
    data.of("val")[0].objects.append([3, 5, 5, 50, 50])
    root = data.write("voc", tmp_path / "voc")
    surveyor = VocSurveyor(section(root, val="val"), Tree(root))
    train, val = (surveyor.survey(section(root, val="val"), split) for split in ("train", "val"))
    assert train.names == val.names == ("another", "long", "pointed", "round")


def test_a_list_of_images_that_lies_anywhere(data, tmp_path):
    root = data.write("voc", tmp_path / "voc")
    stems = [item.stem for item in data.of("train")]
    (root / "mine.txt").write_text("".join(f"JPEGImages/{stem}.jpg\n" for stem in [*stems[:3], "gone", stems[0]]))
    (root / "Annotations" / f"{stems[1]}.xml").unlink()
    given = DataSection(root=str(root), train="mine.txt")
    survey = VocSurveyor(given, Tree(root)).survey(given, "train")
    assert [path.stem for path in survey.images] == [stems[0], stems[2]]
    assert {finding.kind: (finding.count, finding.severity) for finding in survey.findings} == {
        "missing-image": (1, "error"), "image-without-annotation": (1, "error"), "image-listed-twice": (1, "error")
    }  # fmt: skip


def test_images_that_are_nowhere_are_no_split(data, tmp_path):
    root = data.write("voc", tmp_path / "voc")
    given = DataSection(root=str(root), train="nowhere/at/all")
    with pytest.raises(UserError, match="neither a list nor a folder"):
        VocSurveyor(given, Tree(root)).survey(given, "train")


def test_of_a_devkit_only_its_own_annotations_have_names(data, tmp_path):
    """As the reader has it: other xml files lie about in many folders."""
    root = data.write("voc", tmp_path / "voc")
    (root / "old").mkdir()
    (root / "old" / "x.xml").write_text(f"<annotation>{files_object('older')}</annotation>")
    given = section(root)
    survey = VocSurveyor(given, Tree(root)).survey(given, "train")
    assert survey.names == read_voc(given, Tree(root), "train").names == ("long", "pointed", "round")


def files_object(name: str) -> str:
    corners = "".join(
        f"<{side}>{number}</{side}>" for side, number in (("xmin", 1), ("ymin", 1), ("xmax", 9), ("ymax", 9))
    )
    return f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"
