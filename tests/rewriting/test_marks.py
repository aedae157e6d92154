"""What files say of their objects beyond their boxes stays with those objects, whatever of them was dropped."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.datasets.tree import Tree
from yolov3.datasets.voc_xml import XmlFiles
from yolov3.rewriting.label_writer import Marks
from yolov3.rewriting.marks import outline_marks, read_marks, read_outlines


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


SIDE = 32
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), *[st.integers(-4, 30)] * 2, *[st.integers(0, 9)] * 2), max_size=12
)


@given(rows=ROWS)
def test_each_object_gets_the_outline_of_its_annotation(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    for image in (0, 1):
        (folder / f"{image}.png").touch()
    annotations = [
        {
            "id": number, "image_id": image, "category_id": 5 + category, "bbox": [x, y, width, height],
            "segmentation": [[number, 0, 1, 1, 2, 2]],
        }
        for number, (image, category, x, y, width, height) in enumerate(rows)
    ]  # fmt: skip
    images = [{"id": image, "file_name": f"{image}.png", "width": SIDE, "height": SIDE} for image in (0, 1)]
    categories = [{"id": 5, "name": "a"}, {"id": 6, "name": "b"}]
    file = folder / "val.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    dataset = open_dataset(DataSection(root=str(folder), format="coco", val="val.json"), "val")
    read = read_outlines(file)
    for sample in dataset.samples:
        marks = outline_marks(sample, dataset.category_ids, read)
        expected = [
            number
            for number, (image, _, x, y, width, height) in enumerate(rows)
            if image == sample.image_id and min(x + width, SIDE) > max(x, 0) and min(y + height, SIDE) > max(y, 0)
        ]
        # Objects that are equal in everything are told by nothing but their order, which stays.
        found = [json.loads(mark.outline)[0][0] for mark in marks]
        same = [rows[number] for number in found] == [rows[number] for number in expected]
        assert same and len(found) == len(sample.labels)
