"""A run's folder is made with its first result, and what is in it is finished."""

from __future__ import annotations

import json

import pytest

from yolov3.errors import UserError
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.json_file import JsonFile
from yolov3.outputs.new_folder import MOST_TOLD, NewFolder
from yolov3.outputs.text_labels import TextLabels

WORDS = ("drawn", "json", "txt")


def test_no_result_is_no_folder(tmp_path):
    with NewFolder(tmp_path / "out", "run", WORDS, OutputOptions()) as output:
        output.end("street")
    assert output.folder is None and list(tmp_path.iterdir()) == []


def test_every_output_gets_every_result(make_result, tmp_path):
    with NewFolder(tmp_path / "out", "run", WORDS, OutputOptions(scores=True)) as output:
        output.write(make_result())
        output.write(make_result(source="film.mp4", name="film", index=0))
        assert output.folder == tmp_path / "out" / "run"
        output.end("film")
        assert (output.folder / "film.mp4").stat().st_size > 0, "the end of a video is passed on"
    written = {path.relative_to(output.folder).as_posix() for path in output.folder.rglob("*") if path.is_file()}
    assert written == {
        "street.jpg", "film.mp4", "detections.json", "classes.txt", "labels/street.txt", "labels/film_000000.txt"
    }  # fmt: skip
    assert len(json.loads((output.folder / "detections.json").read_text())) == 2
    assert len((output.folder / "labels" / "street.txt").read_text().split()) == 6 * 3


def test_no_run_writes_into_another_ones_folder(make_result, tmp_path):
    folders = []
    for _ in range(2):
        with NewFolder(tmp_path, "run", ("txt",), OutputOptions()) as output:
            output.write(make_result())
            folders.append(output.folder)
    assert [folder.name for folder in folders] == ["run", "run-2"]


def test_what_is_no_name_is_told_before_anything_is_done(tmp_path):
    with pytest.raises(UserError, match="the name of a run must be the name of one folder"):
        NewFolder(tmp_path, "a/b", WORDS, OutputOptions())


def test_what_was_begun_is_finished_when_something_fails(make_result, tmp_path):
    output = NewFolder(tmp_path, "run", ("json", "csv"), OutputOptions())
    with pytest.raises(KeyboardInterrupt), output:
        output.write(make_result())
        raise KeyboardInterrupt
    assert len(json.loads((tmp_path / "run" / "detections.json").read_text())) == 1


def test_what_one_output_cannot_write_is_told_counted_and_takes_nothing_from_the_others(make_result, tmp_path):
    told: list[str] = []
    with NewFolder(tmp_path, "run", WORDS, OutputOptions(), told.append) as output:
        output.write(make_result(name="first"))
        (tmp_path / "run" / "labels" / "second.txt").mkdir()
        (tmp_path / "run" / "third.jpg").mkdir()
        for name in ("second", "third", "fourth"):
            output.write(make_result(name=name))
    reasons = [
        f"{tmp_path}/run/{name}: cannot be written: Is a directory" for name in ("labels/second.txt", "third.jpg")
    ]
    assert output.lost == reasons and told == [f"not written: {reason}" for reason in reasons]
    assert len(json.loads((tmp_path / "run" / "detections.json").read_text())) == 4
    assert (tmp_path / "run" / "fourth.jpg").is_file() and (tmp_path / "run" / "labels" / "third.txt").is_file()


def test_of_very_many_only_the_first_are_told(make_result, tmp_path):
    told: list[str] = []
    with NewFolder(tmp_path, "run", ("txt",), OutputOptions(), told.append) as output:
        output.write(make_result())
        (tmp_path / "run" / "labels" / "street.txt").unlink()
        (tmp_path / "run" / "labels").rmdir()
        for _ in range(3 * MOST_TOLD):
            output.write(make_result())
    assert len(output.lost) == 3 * MOST_TOLD and len(told) == MOST_TOLD
    assert told[-1].endswith("; more such files are only counted") and "only counted" not in told[-2]


def test_all_are_finished_also_when_finishing_one_fails(make_result, tmp_path, monkeypatch):
    output = NewFolder(tmp_path, "run", ("json", "txt"), OutputOptions())
    output.write(make_result())
    closed = []
    monkeypatch.setattr(TextLabels, "close", lambda self: 1 / 0)
    close = JsonFile.close
    monkeypatch.setattr(JsonFile, "close", lambda self: closed.append(self) or close(self))
    with pytest.raises(ZeroDivisionError):
        output.close()
    assert len(closed) == 1
