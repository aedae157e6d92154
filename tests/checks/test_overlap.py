"""Images in both splits are an error, and told with the file that is there twice."""

from __future__ import annotations

from yolov3.checks.overlap import check_overlap


def test_images_in_both_splits_are_told_and_others_are_not(files, tmp_path):
    first = files.opened(files.write_yolo(tmp_path / "first"))
    second = files.opened(files.write_yolo(tmp_path / "second"))
    (finding,) = check_overlap(first, second)
    assert (finding.kind, finding.severity, finding.count) == ("image-in-two-splits", "error", 3)
    assert finding.places[0] == f"{tmp_path}/second/images/val/one.png = {tmp_path}/first/images/val/one.png"
    assert finding.warning.startswith(
        f"warning: 3 images of val in train too, such as {finding.places[0]}; what is measured on val is partly memory"
    )
    (same,) = check_overlap(first, first)
    assert same.places[0] == f"{tmp_path}/first/images/val/one.png"
    for image in (tmp_path / "second" / "images" / "val").iterdir():
        image.write_bytes(image.read_bytes() + b" ")
    assert list(check_overlap(first, second)) == []
