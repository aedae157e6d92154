"""Detecting in whatever is named: what is written, what is summed up, and what is refused before anything begins."""

from __future__ import annotations

import json
import shutil

import cv2
import pytest

from yolov3 import UserError
from yolov3.formats.load import load_model
from yolov3.inference.detect import DetectOptions, detect
from yolov3.inference.detector import DetectorOptions
from yolov3.watching.watcher import Watcher

SURE = DetectorOptions(confidence=0.3, device="cpu")


class Told(Watcher):
    """Remembers what it was told; interrupts after so many frames."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.said: list[str] = []
        self.reported: list[str] = []
        self.stop_at = stop_at

    def say(self, line: str) -> None:
        self.said.append(line)

    def report(self, line: str) -> None:
        self.reported.append(line)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        if done == self.stop_at:
            raise KeyboardInterrupt


def test_a_folder_gives_drawings_and_a_summary(weights, images, tmp_path):
    watcher = Told()
    summary = detect(weights=weights, source=images, detector=SURE, output=tmp_path, watcher=watcher)
    assert summary.frames == 5 and summary.is_whole and summary.folder == tmp_path / "detect"
    assert sum(summary.boxes.values()) > 0 and list(summary.boxes.values()) == sorted(
        summary.boxes.values(), reverse=True
    )
    assert {path.name for path in summary.folder.iterdir()} == {f"{number:06d}.jpg" for number in range(1, 6)}
    assert summary.times.images == 5 and watcher.said == []
    assert watcher.reported == [f"{load_model(weights).description} ({weights}) on cpu"]


def test_what_is_saved_is_what_was_asked_for(weights, images, video, tmp_path):
    options = DetectOptions(
        weights, video, SURE, save=("txt", "json", "csv", "crop"), save_scores=True, output=tmp_path
    )
    summary = detect(options, max_frames=4)
    folder = summary.folder
    assert {path.name for path in folder.iterdir()} == {"labels", "detections.json", "detections.csv", "crops"}
    records = json.loads((folder / "detections.json").read_text())
    counts = [len(record["detections"]) for record in records]
    assert summary.frames == len(records) == 4 and sum(summary.boxes.values()) == sum(counts) > 0
    labels = [path.read_text().splitlines() for path in sorted((folder / "labels").iterdir())]
    assert [len(lines) for lines in labels] == counts and {len(line.split()) for lines in labels for line in lines} == {
        6
    }
    assert len((folder / "detections.csv").read_text().splitlines()) == sum(counts) + 1
    assert len(list((folder / "crops").rglob("*.jpg"))) == sum(counts)
    again = detect(options, max_frames=1)
    assert again.folder == tmp_path / "detect-2"


def test_nothing_saved_is_no_folder(weights, images, tmp_path):
    summary = detect(weights=weights, source=images, detector=SURE, save=(), output=tmp_path / "out")
    assert summary.folder is None and summary.frames == 5 and not (tmp_path / "out").exists()


def test_a_loaded_model_does_as_well_as_its_file(weights, images):
    by_file, loaded = (
        detect(weights=model, source=images, detector=SURE, save=()) for model in (weights, load_model(weights))
    )
    assert by_file.boxes == loaded.boxes


def test_what_was_passed_over_and_what_was_wrong_is_told(weights, images, tmp_path):
    source = tmp_path / "in"
    shutil.copytree(images, source)
    content = (source / "000001.jpg").read_bytes()
    (source / "cut.jpg").write_bytes(content[: len(content) // 2])
    (source / "zero.jpg").write_bytes(b"")
    (source / "notes.md").write_text("")
    watcher = Told()
    summary = detect(weights=weights, source=source, detector=SURE, save=(), watcher=watcher)
    assert (summary.frames, len(summary.problems), len(summary.damaged), summary.is_whole) == (6, 1, 1, False)
    assert watcher.said[0] == "1 other files passed over" and len(watcher.said) == 3
    (source / "zero.jpg").unlink()
    assert not detect(weights=weights, source=source, detector=SURE, save=()).is_whole


def test_only_broken_files_is_an_error(weights, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=rf"^source {tmp_path}: none of its 2 files could be used$"):
        detect(weights=weights, source=tmp_path, save=())


def test_an_interruption_leaves_whole_files(weights, video, tmp_path):
    watcher = Told(stop_at=6)
    with pytest.raises(KeyboardInterrupt):
        detect(weights=weights, source=video, save=("drawn", "json"), output=tmp_path, watcher=watcher)
    assert watcher.said == ["stopped after 6 frames; what was written is complete so far"]
    assert len(json.loads((tmp_path / "detect" / "detections.json").read_text())) == 6
    assert cv2.VideoCapture(str(tmp_path / "detect" / "shapes.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "the batch size must be at least 1, found 0"),
        ({"max_frames": 0}, "--max-frames must be at least 1, found 0"),
        ({"save_scores": True}, "--save-conf adds scores to the text labels; give --save-txt too"),
        ({"save": ("drawn", "xml")}, "no output 'xml'; there are: drawn, txt, json, csv, crop"),
        ({"source": "/nowhere"}, "source /nowhere: does not exist"),
        ({"weights": "/nowhere.pt"}, r"/nowhere\.pt: no such weights file"),
        ({"detector": DetectorOptions(confidence=2)}, r"confidence must lie in \[0, 1\], found 2"),
        ({"name": "a/b"}, "the name of a run must be the name of one folder"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(weights, images, tmp_path, changes, message):
    options = DetectOptions(weights, images, SURE, output=tmp_path / "out")
    with pytest.raises(UserError, match=message):
        detect(options, **changes)
    assert not (tmp_path / "out").exists()


def test_a_window_is_opened_before_anything_is_written(weights, images, tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(UserError, match="--view needs a screen"):
        detect(weights=weights, source=images, view=True, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
