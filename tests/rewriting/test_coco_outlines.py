"""Outlines find their objects again, whatever the reader of the data set left out or cut."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import DataSection
from yolov3.rewriting.coco_outlines import outline_marks, read_outlines

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
