"""Detecting in whatever is named: what is written, what is summed up, and what is refused before anything begins."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3 import UserError
from yolov3.catalogue.naming import named_section
from yolov3.catalogue.opening import open_dataset
from yolov3.evaluation.evaluate import evaluate
from yolov3.formats.load import load_model
from yolov3.images.files import write_image
from yolov3.inference.detect import DetectOptions, detect
from yolov3.inference.options import DetectorOptions
from yolov3.outputs.catalogue import OUTPUTS
from yolov3.runtimes.torch_runtime import TorchRuntime
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
    assert watcher.reported == [f"{load_model(weights).description} ({weights}) on cpu, torch float32"]


def test_what_is_saved_is_what_was_asked_for(weights, images, video, tmp_path):
    options = DetectOptions(
        weights, video, SURE, save=("txt", "json", "csv", "crop"), save_scores=True, output=tmp_path
    )
    summary = detect(options, max_frames=4)
    folder = summary.folder
    assert {path.name for path in folder.iterdir()} == {
        "labels", "classes.txt", "detections.json", "detections.csv", "crops"
    }  # fmt: skip
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


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_writing_behind_the_network_writes_the_same_files_to_the_last_byte(
    weights, images, video, tmp_path, monkeypatch
):
    everything = {"weights": weights, "source": [images, video], "detector": SURE, "save": tuple(OUTPUTS)}
    behind = detect(**everything, output=tmp_path, name="behind")
    assert behind.times.writing > 0
    monkeypatch.setattr("yolov3.inference.detect.WriteBehind", lambda output, *, most: output)
    directly = detect(**everything, output=tmp_path, name="directly")
    assert len(files_below(behind.folder)) > 18
    assert files_below(behind.folder) == files_below(directly.folder)


def test_an_output_that_cannot_write_is_told_counted_and_not_called_whole(weights, images, tmp_path, monkeypatch):
    def full(path: Path, image: np.ndarray, **how: bool) -> None:
        if path.name == "000003.jpg":
            raise UserError(f"{path}: No space left on device")
        write_image(path, image, **how)

    monkeypatch.setattr("yolov3.outputs.drawings.write_image", full)
    watcher = Told()
    summary = detect(weights=weights, source=images, detector=SURE, output=tmp_path, watcher=watcher)
    assert summary.frames == 5 and not summary.is_whole and len(list(summary.folder.iterdir())) == 4
    (reason,) = summary.lost
    assert reason == f"{summary.folder}/000003.jpg: No space left on device"
    assert watcher.said == [f"warning: not written: {reason}"]


def test_one_video_that_cannot_be_written_takes_nothing_from_what_follows(weights, images, tmp_path):
    (tmp_path / "in").mkdir()
    wide = tmp_path / "in" / "b.avi"
    writer = cv2.VideoWriter(str(wide), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (9000, 16))
    for _ in range(3):
        writer.write(np.zeros((16, 9000, 3), np.uint8))
    writer.release()
    for name in ("a", "c", "d"):
        shutil.copy(images / "000001.jpg", tmp_path / "in" / f"{name}.jpg")
    save = ("drawn", "txt", "json")
    summary = detect(weights=weights, source=tmp_path / "in", detector=SURE, save=save, output=tmp_path)
    assert summary.frames == 6 and not summary.is_whole
    assert summary.lost == (f"{summary.folder}/b.mp4: a video of 9000x16 cannot be written here",)
    assert {path.name for path in summary.folder.glob("*.*")} == {
        "a.jpg", "c.jpg", "d.jpg", "detections.json", "classes.txt",
    }  # fmt: skip
    assert len(list((summary.folder / "labels").iterdir())) == 6
    assert len(json.loads((summary.folder / "detections.json").read_text())) == 6


def test_a_frame_and_an_image_of_its_name_have_files_of_their_own(weights, images, video, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(video, tmp_path / "in" / "v.mp4")
    shutil.copy(images / "000001.jpg", tmp_path / "in" / "v_000000.jpg")
    save = ("txt", "crop")
    summary = detect(weights=weights, source=tmp_path / "in", detector=SURE, save=save, output=tmp_path)
    assert summary.frames == 14 and len(list((summary.folder / "labels").iterdir())) == 14
    assert len(list((summary.folder / "crops").rglob("*.jpg"))) == sum(summary.boxes.values())


def test_half_a_video_is_told(weights, video, tmp_path):
    whole = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 12.5, (64, 48))
    for _ in range(30):
        writer.write(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    content = whole.read_bytes()
    (tmp_path / "half.avi").write_bytes(content[: len(content) // 2])
    assert detect(weights=weights, source=whole, detector=SURE, save=()).is_whole
    watcher = Told()
    summary = detect(weights=weights, source=tmp_path / "half.avi", detector=SURE, save=(), watcher=watcher)
    assert not summary.is_whole and 10 < summary.frames < 20
    assert summary.damaged == (
        f"{tmp_path}/half.avi: ends after {summary.frames} of the 30 frames that it says to have",
    )
    assert watcher.said == [f"warning: damaged: {summary.damaged[0]}"]
    assert detect(weights=weights, source=tmp_path / "half.avi", detector=SURE, save=(), max_frames=10).is_whole


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
    assert watcher.said[0] == "1 other file passed over" and len(watcher.said) == 3
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
        ({"save": ("drawn", "xml")}, "no output 'xml'; there are: drawn, txt, json, jsonl, csv, coco, crop, counts"),
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
        detect(weights=weights, source=images, view=True, save=(), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    summary = detect(
        weights=weights, source=images, view=True, output=tmp_path / "out"
    )  # there is something else to do
    assert summary.frames and summary.folder.is_dir()


def test_what_happens_once_is_done_before_the_clock_runs(weights, images, monkeypatch):
    """The first pass through a network takes longer than all that follow."""
    passes = []
    whole = TorchRuntime.__call__

    def slow_at_first(self, batch):
        time.sleep(0 if passes else 2)
        passes.append(len(batch))
        return whole(self, batch)

    monkeypatch.setattr(TorchRuntime, "__call__", slow_at_first)
    summary = detect(weights=weights, source=sorted(images.iterdir())[0], detector=SURE, save=())
    assert passes == [1, 1] and summary.frames == summary.times.images == 1
    assert summary.times.milliseconds("network") < 2000


def test_the_size_that_is_used_is_told(weights, images):
    watcher = Told()
    options = DetectOptions(weights, images, DetectorOptions(image_size=64, fit="stretch", device="cpu"), save=())
    detect(options, watcher=watcher)
    assert watcher.reported == [f"yolov3-tiny x0.125, 6 classes, 64x64 stretch ({weights}) on cpu, torch float32"]
    detect(options, weights=load_model(weights), watcher=watcher)
    assert watcher.reported[1] == watcher.reported[0], "of a model that is loaded its file is told"


def test_several_sources_are_one_run(weights, images, video, tmp_path):
    first, second = sorted(images.iterdir())[:2]
    watcher = Told()
    summary = detect(
        weights=weights, source=[first, str(video), second], detector=SURE, save=("json",), verbose=True,
        output=tmp_path, watcher=watcher,
    )  # fmt: skip
    records = json.loads((summary.folder / "detections.json").read_text())
    assert [record["source"] for record in records] == [str(first), *[str(video)] * 13, str(second)]
    lines = watcher.reported[1:]
    assert len(lines) == 15 and lines[0].startswith(f"{first}: ") and lines[1].startswith(f"{video}, frame 0, 0.00 s: ")
    for line, record in zip(lines, records):
        assert f": {len(record['detections'])} box" in line
    with pytest.raises(UserError, match="no source: nothing to look at"):
        detect(weights=weights, source=[])


def test_a_video_that_is_named_twice_is_written_twice(weights, video, tmp_path):
    summary = detect(weights=weights, source=[video, video], detector=SURE, max_frames=2, output=tmp_path)
    assert {path.name for path in summary.folder.iterdir()} == {"shapes.mp4", "shapes-2.mp4"}


def test_what_comes_to_nothing_leaves_no_folder(weights, images, tmp_path):
    for source in ("98", "rtsp://ada:geheim@127.0.0.1:9/1", ["98", str(tmp_path / "none.mp4")]):
        (tmp_path / "none.mp4").write_bytes(b"")
        with pytest.raises(UserError) as caught:
            detect(weights=weights, source=source, output=tmp_path / "out")
        assert "geheim" not in str(caught.value) and not (tmp_path / "out").exists()
    assert (
        str(caught.value) == f"sources 98, {tmp_path}/none.mp4: none of the 2 images, videos and streams could be used"
    )


def test_options_that_are_printed_show_no_password():
    assert "geheim" not in repr(DetectOptions("best.pt", "rtsp://ada:geheim@camera/1"))


@pytest.mark.parametrize("form", ["txt", "coco"])
def test_what_was_found_can_be_trained_on(weights, images, tmp_path, form):
    """Labels made by a model, measured with that model: nothing is lost or moved on the way."""
    found = detect(weights=weights, source=images, detector=SURE, save=(form,), output=tmp_path).folder
    if form == "txt":
        (found / "images").symlink_to(images)
        data, changes = found, ["data.train=images", "data.val=images"]
    else:
        data, changes = found / "detections.coco.json", [f"data.val_images={images}"]
    dataset = open_dataset(named_section(data, changes), "val")
    assert dataset.names == load_model(weights).names and sum(len(sample.labels) for sample in dataset.samples) > 10
    measured = evaluate(
        weights=weights, data=data, data_changes=changes, device="cpu", confidence=0.3, multi_label=False,
        nms_threshold=SURE.nms_threshold, workers=0,
    )  # fmt: skip
    assert measured.coco.ap50 > 0.99


def test_whoever_looks_at_whole_images_with_a_model_that_learned_tiles_is_told(write_seeing_model, images, tmp_path):
    tiled = replace(
        load_model(write_seeing_model(tmp_path / "a.pt", width=0.0625)), experiment={"data": {"tiles": "64"}}
    )
    for options, told in ((SURE, 1), (replace(SURE, tiles="64"), 0)):
        watcher = Told()
        detect(weights=tiled, source=images, detector=options, save=(), watcher=watcher)
        assert sum("was trained on tiles (data.tiles=64)" in line for line in watcher.said) == told
