"""What an xml says of its objects beyond their boxes stays with those objects, whatever of them was dropped."""

from __future__ import annotations

import pytest

from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.tree import Tree
from yolov3.datasets.voc_xml import XmlFiles
from yolov3.rewriting.label_writer import Marks
from yolov3.rewriting.voc_marks import read_marks


@pytest.mark.parametrize("one_based", [True, False])
def test_marks_stay_with_their_objects(files, tmp_path, one_based):
    root = files.write_voc(tmp_path / "x")
    objects = (
        files.voc_object(0, 9, 9, 9, 20, "<truncated>1</truncated><pose>Dropped</pose>"),  # without area
        files.voc_object(1, 4, 6, 30, 40, "<truncated>1</truncated><pose>Left</pose>"),
        files.voc_object(1, 90, 90, 99, 99, "<pose>Outside</pose>"),
        files.voc_object(1, 4, 6, 30, 40),
        files.voc_object(0, 50, 6, 90.5, 40, "<pose> </pose><truncated>0</truncated>"),  # cut at the edge
        files.voc_object(2, 4, 6, 30, 40, "<truncated>1</truncated><pose>Right</pose>"),
    )
    (root / "Annotations" / "one.xml").write_text(f"<annotation>{''.join(objects)}</annotation>")
    data = open_dataset(DataSection(root=str(root), names=files.names, one_based=one_based), "val")
    sample = next(sample for sample in data.samples if sample.path.stem == "one")
    assert sample.labels.tolist() == [1, 1, 0, 2]
    marks = read_marks(sample, files.names, XmlFiles(Tree(root)), one_based=one_based)
    assert marks == (Marks("1", "Left"), Marks(), Marks(), Marks("1", "Right"))


def test_where_the_file_is_another_nothing_is_said(files, tmp_path):
    root = files.write_voc(tmp_path / "x")
    sample = next(s for s in files.opened(root).samples if s.path.stem == "one")
    assert read_marks(sample, files.names, XmlFiles(Tree(tmp_path / "empty")), one_based=True) == ()
    (root / "Annotations" / "one.xml").write_text("<annotation></annotation>")
    assert read_marks(sample, files.names, XmlFiles(Tree(root)), one_based=True) == ()
