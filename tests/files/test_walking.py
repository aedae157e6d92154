"""All files below a folder come in one order, links to folders are not followed, closed folders are told."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.files.walking import files_below, refuse


def test_files_come_by_their_names_and_no_link_leads_round(tmp_path):
    for name in ("b/2.txt", "b/1.txt", "a.txt", "c/d/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "c" / "round").symlink_to(tmp_path)
    (tmp_path / "c" / "gone").symlink_to(tmp_path / "none")
    found = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path, closed=refuse)]
    assert found == ["a.txt", "b/1.txt", "b/2.txt", "c/gone", "c/d/e.txt"]
    assert found == [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path, closed=refuse)]


def test_what_is_not_there_cannot_be_listed(tmp_path):
    with pytest.raises(UserError, match=r"none: cannot be listed: No such file or directory$"):
        list(files_below(tmp_path / "none", closed=refuse))
    told = []
    assert list(files_below(tmp_path / "none", closed=told.append)) == [] and len(told) == 1


def test_a_closed_folder_is_told(unprivileged):
    for name in ("closed", "open"):
        (unprivileged.folder / "all" / name).mkdir(parents=True)
        (unprivileged.folder / "all" / name / "a.txt").write_text("")
    (unprivileged.folder / "all" / "closed").chmod(0)
    code = """
from pathlib import Path
from yolov3.files.walking import files_below
for path in files_below(Path("all"), closed=print):
    print(path)
"""
    done = unprivileged.run("-c", code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["all/closed: cannot be listed: Permission denied", "all/open/a.txt"]
