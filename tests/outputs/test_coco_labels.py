"""What was found as COCO's data set and results list, read again by pycocotools and by our own reader."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolov3.catalogue.naming import named_section
from yolov3.catalogue.opening import open_dataset
from yolov3.files.class_names import published_names
from yolov3.outputs.coco_labels import COCO_IDS, DATASET, RESULTS, CocoLabels


@pytest.fixture
def files(tmp_path: Path):
    """Writes images of 48 by 64 below a folder."""

    def write(*names: str) -> list[str]:
        for name in names:
            place = tmp_path / "images" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place), np.full((48, 64, 3), 100, np.uint8))
        return [str(tmp_path / "images" / name) for name in names]

    return write


def written(folder: Path, results) -> tuple[dict, list]:
    with CocoLabels(folder) as output:
        for result in results:
            output.write(result)
    return tuple(json.loads((folder / name).read_text(encoding="utf-8")) for name in (DATASET, RESULTS))


def test_pycocotools_reads_both_and_finds_the_same_boxes(make_result, files, tmp_path):
    sources = files("a.jpg", "b.jpg", "c.jpg")
    results = [
        make_result(source=sources[0]),
        make_result([], source=sources[1]),
        make_result([([1.0, 2.0, 11.5, 22.25], 0.75, 1)], source=sources[2]),
    ]
    written(tmp_path, results)
    truth = COCO(tmp_path / DATASET)
    found = truth.loadRes(str(tmp_path / RESULTS))
    for image_id, result in enumerate(results, start=1):
        image = truth.loadImgs(image_id)[0]
        assert image == {"id": image_id, "file_name": Path(result.frame.source).name, "width": 64, "height": 48}
        for read in (truth, found):
            rows = read.loadAnns(read.getAnnIds(imgIds=image_id))
            assert [row["score"] for row in rows] == [score for _, score, _ in result.rows]
            boxes = [[x, y, x + width, y + height] for x, y, width, height in (row["bbox"] for row in rows)]
            np.testing.assert_allclose(boxes, [box for box, *_ in result.rows] or [], atol=1.5e-3)
            assert [row["area"] for row in rows] == pytest.approx(
                [(box[2] - box[0]) * (box[3] - box[1]) for box, *_ in result.rows], abs=0.01
            )
            names = [read.loadCats(row["category_id"])[0]["name"] for row in rows]
            assert names == [result.detections.name_of(label) for *_, label in result.rows]
            assert {row["iscrowd"] for row in rows} <= {0}
    assert len(truth.anns) == len(found.anns) == 4 and min(truth.anns) == 1 and min(truth.cats) == 1
    judge = COCOeval(truth, found, "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert judge.stats[0] == pytest.approx(1.0)


def test_our_own_reader_takes_it_as_labels(make_result, files, tmp_path):
    sources = files("x/one.jpg", "y/two.png")
    results = [make_result([([4.25, 3.0, 40.5, 30.75], 0.875, 2)], source=source) for source in sources]
    content, _ = written(tmp_path, results)
    assert [image["file_name"] for image in content["images"]] == ["x/one.jpg", "y/two.png"]
    section = named_section(tmp_path / DATASET, [f"data.val_images={tmp_path / 'images'}"])
    dataset = open_dataset(section, "val")
    assert [str(sample.path) for sample in dataset.samples] == sources and dataset.names == ("cat", "dog", "a/b")
    for sample in dataset.samples:
        np.testing.assert_allclose(sample.boxes, [[4.25, 3.0, 40.5, 30.75]], atol=1e-3)
        assert sample.labels.tolist() == [2]


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["000000000139.jpg", "deep/000000000285.jpg"], [139, 285]),
        (["7.jpg", "x/007.jpg"], [1, 2]),  # one number
        (["7.jpg", "b.jpg"], [1, 2]),
        (["20261129123456.jpg", "8.jpg"], [1, 2]),  # too large for many readers
        (["²3.jpg", "8.jpg"], [1, 2]),
    ],
)
def test_images_called_by_numbers_keep_them_as_ids(make_result, files, tmp_path, names, ids):
    content, results = written(tmp_path, [make_result(source=source) for source in files(*names)])
    assert [image["id"] for image in content["images"]] == ids
    assert list(dict.fromkeys(row["image_id"] for row in results)) == ids


def test_frames_and_addresses_have_names_of_their_own_and_a_file_is_written_once(make_result, files, tmp_path):
    (own,) = files("street.jpg")
    results = [
        make_result(source=own),
        make_result(source=own),
        *(make_result(index=index, source="a/clip.mp4", name="clip") for index in (0, 1)),
        make_result(source="https://example.org/9.jpg", name="9"),
        make_result(source="https://example.org/street.jpg", name="street"),
    ]
    content, _ = written(tmp_path, results)
    images = content["images"]
    expected = ["street.jpg", "clip/frame_000000.jpg", "clip/frame_000001.jpg", "9.jpg", "street-2.jpg"]
    assert [image["file_name"] for image in images] == expected
    assert [image["id"] for image in images] == [1, 2, 3, 4, 5]
    assert [(image.get("frame"), image.get("seconds")) for image in images[:3]] == [(None, None), (0, 0.0), (1, 0.08)]
    assert len(content["annotations"]) == 5 * 3


def test_cocos_classes_have_cocos_numbers_and_others_count_from_one(make_result, tmp_path):
    assert len(COCO_IDS) == 80 and (COCO_IDS[0], COCO_IDS[11], COCO_IDS[-1]) == (1, 13, 90)
    rows = [([1.0, 1.0, 9.0, 9.0], 0.5, 79)]
    for names in (published_names("coco"), ("cat", "dog"), ()):
        count = max(len(names), 80)
        content, results = written(tmp_path, [make_result(rows, names=names)])
        own = len(names) == 80
        categories = content["categories"]
        assert [each["id"] for each in categories] == list(COCO_IDS if own else range(1, count + 1))
        assert categories[79]["name"] == (names[79] if own else "79")
        assert [row["category_id"] for row in results] == [90 if own else 80]


def test_nothing_found_and_an_interruption_leave_whole_files(make_result, tmp_path):
    assert written(tmp_path, [])[0]["images"] == written(tmp_path, [])[1] == []
    content, results = written(tmp_path, [make_result([])])
    assert results == content["annotations"] == [] and len(content["images"]) == 1
    with pytest.raises(KeyboardInterrupt), CocoLabels(tmp_path) as output:
        output.write(make_result(names=("Katze", "x", "鳥"), source="\udcff.jpg"))
        raise KeyboardInterrupt
    text = (tmp_path / DATASET).read_text(encoding="utf-8")
    assert "鳥" in text and len(json.loads(text)["annotations"]) == 3
    assert {path.name for path in tmp_path.iterdir()} == {DATASET, RESULTS}
