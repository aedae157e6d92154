"""A data set's account of itself, its images, and images that two of them share."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from yolov3.datasets.dataset import (
    Dataset,
    DatasetReport,
    count_samples,
    read_sample_image,
    shared_images,
)
from yolov3.errors import UserError


def test_the_summary_leaves_out_what_is_not_there():
    assert DatasetReport().summary() == "0 images, 0 boxes"
    report = DatasetReport(images=3, boxes=4, ignored=1, dropped_zero_area=2, problems=("One.", "Two."))
    assert report.summary() == "3 images, 4 boxes, 1 ignored, 2 dropped zero area\nOne.\nTwo."


def test_the_first_few_are_counted_anew_and_what_was_dropped_is_not(files, tmp_path):
    content = files.coco_content()
    content["annotations"][3]["bbox"] = [0, 0, 0, 0]
    dataset = files.opened(files.write_coco(tmp_path, content))
    part = dataset.first(1)
    assert part.samples == dataset.samples[:1] and len(part) == 1
    assert (part.report.images, part.report.boxes, part.report.backgrounds, part.report.dropped_zero_area) == (
        1,
        2,
        0,
        1,
    )
    assert part.report.problems == ("only the first 1 of 3 images are used",)
    assert dataset.first(99).report.problems == ("only the first 3 of 3 images are used",)


def test_samples_are_counted(files, tmp_path):
    content = files.coco_content()
    content["annotations"][2]["iscrowd"] = 1
    dataset = files.opened(files.write_coco(tmp_path, content))
    assert count_samples(dataset.samples) == {"images": 3, "boxes": 4, "backgrounds": 1, "ignored": 1}
    assert count_samples([]) == {"images": 0, "boxes": 0, "backgrounds": 0, "ignored": 0}


def test_a_name_and_a_number_for_each_class():
    with pytest.raises(ValueError, match="made up: 2 names but 1 category ids"):
        Dataset((), ("a", "b"), (1,), DatasetReport(), "made up")


def test_an_image_is_read_upright_in_rgb(files, tmp_path):
    sample = files.opened(files.write_coco(tmp_path)).samples[0]
    np.testing.assert_array_equal(read_sample_image(sample), cv2.imread(str(sample.path))[..., ::-1])


def test_an_image_of_another_size_than_its_annotation_is_refused(files, tmp_path):
    content = files.coco_content()
    content["images"][0].update(width=48, height=64)
    sample = files.opened(files.write_coco(tmp_path, content)).samples[0]
    with pytest.raises(UserError) as error:
        read_sample_image(sample)
    assert str(error.value) == (
        f"{sample.path}: the upright image is 64x48 (width x height), its annotation says 48x64"
    )


def test_images_in_two_splits_are_found(files, tmp_path):
    dataset = files.opened(files.write_voc(tmp_path))
    path = dataset.samples[0].path
    assert shared_images(dataset.first(1), dataset) == ((path, path),)


def test_a_copy_is_the_same_image_whatever_its_name_and_another_content_is_not(files, tmp_path):
    first = files.opened(files.write_yolo(tmp_path / "a"))
    second = files.opened(files.write_yolo(tmp_path / "b"))
    one, two, three = (sample.path for sample in second.samples)
    olds = [sample.path for sample in first.samples]
    assert shared_images(first, second) == tuple(zip((one, two, three), olds))
    content = bytearray(one.read_bytes())
    content[-20] ^= 1  # as long as before
    one.write_bytes(content)
    two.write_bytes(two.read_bytes() + b" ")
    assert shared_images(first, second) == ((three, olds[2]),)
    three.unlink()
    assert shared_images(first, second) == ()
    renamed = replace(second.samples[0], path=olds[0].with_name("other.png"))
    renamed.path.write_bytes(olds[0].read_bytes())
    assert shared_images(first, replace(second, samples=(renamed,))) == ((renamed.path, olds[0]),)


@pytest.mark.parametrize("changed", [0, 10_000, 19_999])
def test_files_of_one_size_are_told_apart_by_any_byte(changed, files, tmp_path):
    """Longer than the part that is compared first."""
    dataset = files.opened(files.write_yolo(tmp_path)).first(1)
    content = bytes(20_000)
    old, new = tmp_path / "old.bmp", tmp_path / "new.bmp"
    old.write_bytes(content)
    new.write_bytes(content)
    first, second = (replace(dataset, samples=(replace(dataset.samples[0], path=path),)) for path in (old, new))
    assert shared_images(first, second) == ((new, old),)
    new.write_bytes(content[:changed] + b"x" + content[changed + 1 :])
    assert shared_images(first, second) == ()
