"""A path in a file leads beside that file first, then from the current folder; the error names both places."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.files.find import find_beside


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A file in a folder of its own, and another folder, which is the current one."""
    for name in ("configs", "current"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "current")
    return tmp_path / "configs" / "a.yaml", tmp_path / "current"


def test_beside_the_file_comes_first(places):
    file, current = places
    (current / "data").mkdir()
    assert find_beside(file, "data", what="data.root").resolve() == current / "data"
    (file.parent / "data").mkdir()
    assert find_beside(file, "data", what="data.root") == file.parent / "data"


def test_files_and_folders_deeper_and_above_are_found(places):
    file, current = places
    (file.parent / "sub").mkdir()
    (file.parent / "sub" / "ä 猫.cfg").write_text("")
    assert find_beside(file, "sub/ä 猫.cfg", what="model.cfg") == file.parent / "sub" / "ä 猫.cfg"
    assert find_beside(file, "../current", what="data.root").resolve() == current


def test_an_absolute_path_is_what_it_says(places):
    file, current = places
    (file.parent / "a.cfg").write_text("")
    (current / "a.cfg").write_text("")
    assert find_beside(file, str(current / "a.cfg"), what="model.cfg") == current / "a.cfg"
    missing = current / "none.cfg"
    with pytest.raises(UserError) as caught:
        find_beside(file, str(missing), what="model.cfg")
    assert str(caught.value) == f"{file}: model.cfg: there is no {missing}"


def test_the_error_names_the_key_and_both_places(places):
    file, current = places
    with pytest.raises(UserError) as caught:
        find_beside(file, "sets/none", what="data.root")
    message = f"{file}: data.root: there is no sets/none (neither {file.parent}/sets/none nor {current}/sets/none)"
    assert str(caught.value) == message


def test_a_file_named_from_the_current_folder(places, monkeypatch):
    file, _ = places
    monkeypatch.chdir(file.parent)
    (file.parent / "data").mkdir()
    assert find_beside(file.relative_to(file.parent), "data", what="data.root").resolve() == file.parent / "data"


@pytest.mark.parametrize("text", ["n" * 300, "a/" * 3000])
def test_a_name_that_is_too_long_is_a_mistake_of_the_users(places, text):
    file, _ = places
    with pytest.raises(UserError, match=r"a\.yaml: data\.root: .*[Nn]ame too long"):
        find_beside(file, text, what="data.root")


def test_a_link_that_leads_nowhere_is_missing(places):
    file, current = places
    (file.parent / "data").symlink_to(file.parent / "gone")
    with pytest.raises(UserError, match="there is no data"):
        find_beside(file, "data", what="data.root")
    (current / "data").mkdir()
    assert find_beside(file, "data", what="data.root").resolve() == current / "data"
