"""What folders hold: plain files, folders, and which files are missing."""

from __future__ import annotations

import pytest

from yolov3.datasets.listing import list_files, list_folders, missing_files
from yolov3.errors import UserError


def test_a_folders_files_are_listed_and_a_missing_folder_has_none(tmp_path):
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    assert list_files(tmp_path) == {"a.txt", "link"}
    assert list_files(tmp_path / "nowhere") == list_files(tmp_path / "a.txt") == set()
    with pytest.raises(UserError, match="cannot be listed: File name too long"):
        list_files(tmp_path / ("x" * 300))


def test_the_folders_in_a_folder_and_links_to_such(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c.txt").write_text("")
    assert list_folders(tmp_path) == {"a", "b"}
    assert list_folders(tmp_path / "nowhere") == list_folders(tmp_path / "c.txt") == set()


def test_missing_files_are_told_by_their_places(tmp_path):
    (tmp_path / "a.png").write_text("")
    (tmp_path / "b.png").mkdir()
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "gone" / "a.png", tmp_path / "a.png"]
    assert missing_files(paths) == [1, 2] and missing_files([]) == []


def test_a_name_with_a_nul_is_an_error_and_no_traceback(tmp_path):
    with pytest.raises(UserError, match="cannot be listed"):
        list_files(tmp_path / "a\0b")
