"""A folder is there as a whole or not at all, and never over something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.rewriting.new_place import first_free, require_new, require_outside, written_whole


def test_it_appears_when_all_is_written(tmp_path):
    place = tmp_path / "a" / "new"
    with written_whole(place) as beside:
        (beside / "x.txt").write_text("x")
        assert not place.exists() and beside.parent == place.parent
    assert (place / "x.txt").read_text() == "x" and [path.name for path in place.parent.iterdir()] == ["new"]


def test_an_empty_folder_is_as_good_as_none(tmp_path):
    (tmp_path / "new").mkdir()
    with written_whole(tmp_path / "new") as beside:
        (beside / "x.txt").write_text("x")
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "x.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError, AssertionError])
def test_of_what_is_stopped_nothing_stays(tmp_path, error):
    with pytest.raises(error), written_whole(tmp_path / "new") as beside:
        (beside / "sub").mkdir()
        (beside / "sub" / "x.txt").write_text("x")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    messages = {
        "full": "full: is not empty; name a new folder",
        "file": "file: exists already and is no folder; name a",
    }
    for name, message in {**messages, "link": "link: exists already and is no folder"}.items():
        with pytest.raises(UserError, match=message):
            require_new(tmp_path / name)
        with pytest.raises(UserError, match=message), written_whole(tmp_path / name):
            raise AssertionError("nothing is to be written")
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"


def test_what_fills_while_it_is_written_is_not_written_over(tmp_path):
    place = tmp_path / "new"
    with pytest.raises(UserError, match=r"new: cannot be written: .*not empty"), written_whole(place) as beside:
        (beside / "x.txt").write_text("ours")
        place.mkdir()
        (place / "x.txt").write_text("theirs")
    assert [path.name for path in tmp_path.iterdir()] == ["new"] and (place / "x.txt").read_text() == "theirs"


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"file.*: cannot be written: "), written_whole(tmp_path / "file" / "new"):
        raise AssertionError("nothing is to be written")


def test_a_data_set_is_no_place_to_write_to(tmp_path):
    (tmp_path / "data").mkdir()
    for inside in ("data", "data/new", "data/../data/a/b"):
        with pytest.raises(
            UserError, match=r"lies in the data set .*data, which stays as it is; name a folder elsewhere"
        ):
            require_outside(tmp_path / inside, tmp_path / "data")
    for outside in ("new", "data-2", "data/../new"):
        require_outside(tmp_path / outside, tmp_path / "data")


def test_the_first_free_name(tmp_path):
    assert first_free(tmp_path / "runs", "x") == tmp_path / "runs" / "x"
    for name in ("x", "x-2", "x-4"):
        Path(tmp_path / name).mkdir()
    assert first_free(tmp_path, "x") == tmp_path / "x-3"
    with pytest.raises(UserError, match="without slashes"):
        first_free(tmp_path, "a/b")
