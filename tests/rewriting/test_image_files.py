"""What images are called in their new folder, and that links and copies leave the originals alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.errors import UserError
from yolov3.rewriting.image_files import is_as_said, name_images, place_image, wanted_name
from yolov3.structures import Sample

SOME_NAMES = st.sampled_from(
    ["x.png", "X.PNG", "x.jpg", "x-2.png", "x-2-2.png", "y.png", "a x.png", "y\n.png", "y_.png"]
)
PATHS = st.lists(st.builds(lambda folder, name: Path(folder, name), st.sampled_from("ab"), SOME_NAMES), max_size=8)


def sample_of(path: Path, left: float = 0) -> Sample:
    boxes = np.float32([[left, 0, 5, 5]])
    return Sample(path, (9, 9), boxes, np.zeros(1, np.int64), np.zeros(1, bool), np.ones(1, np.float32), "x")


@given(first=PATHS, second=PATHS, together=st.booleans())
def test_names_are_distinct_and_kept_where_that_can_be(first, second, together):
    parts = {"train": [sample_of(path) for path in first], "val": [sample_of(path) for path in second]}
    names = name_images(parts, together=together)
    for part, paths in (("train", first), ("val", second)):
        stems = [Path(name).stem.casefold() for name in names[part]]
        assert len(set(stems)) == len(stems) == len(paths)
        for path, name in zip(paths, names[part]):
            assert Path(name).suffix == path.suffix and name.isprintable()
            rivals = [*first, *second] if together else paths
            if [Path(wanted_name(p)).stem.casefold() for p in set(rivals)].count(
                Path(wanted_name(path)).stem.casefold()
            ) == 1:
                # The only one that wants this name gets it, unless its own part has it twice.
                assert name == wanted_name(path) or paths.count(path) > 1
    if together:
        owners: dict[str, set[Path]] = {}
        for part, paths in (("train", first), ("val", second)):
            for path, name in zip(paths, names[part]):
                owners.setdefault(Path(name).stem.casefold(), set()).add(path)
        assert all(len(each) == 1 for each in owners.values())


def test_an_image_with_other_objects_in_another_part_is_another():
    path = Path("a/x.png")
    names = name_images({"train": [sample_of(path)], "val": [sample_of(path, 1), sample_of(path)]}, together=True)
    assert names == {"train": ["x.png"], "val": ["x-2.png", "x.png"]}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("x y.png", "x y.png"),
        ("x.tar.JPEG", "x.tar.JPEG"),
        ("C:x.png", "C_x.png"),
        ("a\\b.png", "a_b.png"),
        ("a\nb.png", "a_b.png"),
        (" a .png", "a.png"),
        ("\udcff.png", "_.png"),
        (" .png", "_.png"),
        ("x 1.png", "x_1.png"),
        ("x -1 0 y.png", "x_-1_0 y.png"),
        ("x 10.png", "x 10.png"),
        ('it\'s "so".png', 'it\'s "so".png'),
    ],
)
def test_what_cannot_be_in_a_name_is_replaced(name, wanted):
    assert wanted_name(Path(name)) == wanted


def test_an_image_without_a_suffix_gets_that_of_its_content(drawn, tmp_path):
    drawn(tmp_path, [("plain", (9, 9), []), ("odd.dat", (9, 9), [])])
    assert wanted_name(tmp_path / "plain") == "plain.png" and wanted_name(tmp_path / "odd.dat") == "odd.dat.png"
    (tmp_path / "photograph").write_bytes(b"\xff\xd8\xff no more")
    assert wanted_name(tmp_path / "photograph") == "photograph.jpg" == wanted_name(Path("photograph"))


def test_links_lead_to_the_file_itself_and_copies_are_files(drawn, tmp_path):
    drawn(tmp_path, [("one.png", (9, 9), [])])
    image = tmp_path / "one.png"
    (tmp_path / "link.png").symlink_to("one.png")
    place_image(tmp_path / "link.png", tmp_path / "far.png", copy=False)
    place_image(tmp_path / "link.png", tmp_path / "copy.png", copy=True)
    assert (tmp_path / "far.png").readlink() == image.resolve()
    assert not (tmp_path / "copy.png").is_symlink() and (tmp_path / "copy.png").read_bytes() == image.read_bytes()
    for copy, message in (
        (True, "gone.png cannot be copied: No such file"),
        (False, r"cannot be linked to; --copy .*exists"),
    ):
        with pytest.raises(UserError, match=message):
            place_image(tmp_path / "gone.png", tmp_path / "far.png" if not copy else tmp_path / "new.png", copy=copy)


def test_whether_an_image_is_what_its_annotation_says(drawn, tmp_path):
    sample = drawn(tmp_path, [("one.png", (9, 7), [])]).samples[0]
    assert is_as_said(sample)
    drawn(tmp_path, [("one.png", (7, 9), [])])
    assert not is_as_said(sample)
    sample.path.write_bytes(b"")
    assert not is_as_said(sample)
