"""``yolov3 detect`` from end to end: real files in, real files out, and whatever is wrong on the way."""

from __future__ import annotations

import contextlib
import csv
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from yolov3.cli import main
from yolov3.images.files import read_image, write_image


def detect(weights, source, output, *more) -> int:
    return main(["detect", "--weights", str(weights), "--source", str(source), "--output", str(output), *more])


def read_frames(path: Path) -> tuple[list[np.ndarray], float]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (answer := capture.read())[0]:
        frames.append(answer[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


def test_a_video_gives_as_many_frames_at_the_same_rate(weights, video, tmp_path, capsys):
    assert detect(weights, video, tmp_path, "--save-json", "--save-txt", "--save-csv", "--batch-size", "4") == 0
    originals, rate = read_frames(video)
    frames, new_rate = read_frames(tmp_path / "detect" / "shapes.mp4")
    assert len(frames) == len(originals) == 13 and new_rate == pytest.approx(rate)
    assert frames[0].shape == originals[0].shape
    records = json.loads((tmp_path / "detect" / "detections.json").read_text())
    assert [record["frame"] for record in records] == list(range(13))
    assert [record["seconds"] for record in records] == pytest.approx([i / 12.5 for i in range(13)], abs=0.002)
    assert len(list((tmp_path / "detect" / "labels").iterdir())) == 13
    assert "13 images" in capsys.readouterr().out


def test_all_outputs_of_a_folder_agree(weights, images, tmp_path):
    args = ("--save-json", "--save-txt", "--save-conf", "--save-csv", "--save-crop", "--conf", "0.3")
    assert detect(weights, images, tmp_path, *args) == 0
    folder = tmp_path / "detect"
    records = json.loads((folder / "detections.json").read_text())
    with (folder / "detections.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(records) == 5 and len(rows) == sum(len(record["detections"]) for record in records) > 0
    assert [float(row["score"]) for row in rows] == [d["score"] for record in records for d in record["detections"]]
    for record in records:
        name = Path(record["source"]).stem
        lines = (folder / "labels" / f"{name}.txt").read_text().splitlines()
        assert len(lines) == len(record["detections"])
        for line, found in zip(lines, record["detections"]):
            label, x, y, w, h, score = map(float, line.split())
            box = [(x - w / 2) * record["width"], (y - h / 2) * record["height"]]
            box += [(x + w / 2) * record["width"], (y + h / 2) * record["height"]]
            assert label == found["class"] and score == pytest.approx(found["score"], abs=1e-5)
            assert box == pytest.approx(found["box"], abs=0.01)
        drawn, original = read_image(folder / f"{name}.jpg"), read_image(Path(record["source"]))
        assert drawn.shape == original.shape and (drawn != original).any()
    crops = list((folder / "crops").rglob("*.jpg"))
    assert len(crops) == len(rows)


def test_sources_of_one_name_do_not_overwrite_each_other(weights, images, tmp_path):
    source = tmp_path / "in"
    first, second = sorted(images.iterdir())[:2]
    for folder in ("a", "b"):
        (source / folder).mkdir(parents=True)
    shutil.copy(first, source / "a" / "1.jpg")
    shutil.copy(second, source / "b" / "1.jpg")
    write_image(source / "b" / "1.png", read_image(first))
    assert detect(weights, source, tmp_path, "--save-txt", "--save-json") == 0
    written = {path.name for path in (tmp_path / "detect").iterdir() if path.is_file()}
    assert written == {"1.jpg", "1-2.jpg", "1-3.png", "detections.json"}
    assert {path.name for path in (tmp_path / "detect" / "labels").iterdir()} == {"1.txt", "1-2.txt", "1-3.txt"}


def test_broken_images_are_told_counted_and_passed_over(weights, images, tmp_path, capsys):
    source = tmp_path / "in"
    shutil.copytree(images, source)
    whole = sorted(images.iterdir())[0].read_bytes()
    (source / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (source / "zero.jpg").write_bytes(b"")
    (source / "text.jpg").write_text("no picture")
    (source / "folder.jpg").mkdir()
    os.mkfifo(source / "pipe.jpg")
    (source / "link.jpg").symlink_to(source / "nowhere.jpg")
    (source / "loop").symlink_to(source)
    (source / "notes.md").write_text("text")
    before = {path: path.read_bytes() for path in source.iterdir() if path.is_file()}
    assert detect(weights, source, tmp_path, "--save-json") == 1
    output = capsys.readouterr()
    assert "6 images" in output.out and "2 files could not be used, 1 was damaged" in output.out
    for line in ("zero.jpg: the file is empty (0 bytes)", "text.jpg: not a picture", "cut.jpg: the file is cut off"):
        assert line in output.err
    assert len(json.loads((tmp_path / "detect" / "detections.json").read_text())) == 6
    assert before == {path: path.read_bytes() for path in source.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("source", "message"),
    [("nowhere.jpg", "does not exist"), ("*.nothing", "matches this pattern"), ("EMPTY", "no pictures or videos"),
     ("98", "camera 98: cannot be opened"), ("a\0b", "not a path")],
)  # fmt: skip
def test_a_source_that_is_not_there_is_one_clear_line(weights, tmp_path, capsys, source, message):
    if source == "EMPTY":
        source = tmp_path / "empty"
        source.mkdir()
    assert detect(weights, source, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and error.count("yolov3: error") == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--max-frames 0", "--max-frames must be at least 1, found 0"),
        ("--save-conf", "--save-conf adds scores to the text labels; give --save-txt too"),
        ("--batch-size 0", "--batch-size must be at least 1, found 0"),
        ("--conf 2", "confidence must lie in [0, 1], found 2.0"),
        ("--max-det 0", "max_detections must be at least 1"),
        ("--imgsz 100", "multiples of 32"),
        ("--imgsz 32 64 96", "--imgsz takes a side, or height and width, found 3 numbers"),
        ("--classes ball rign", "no class 'rign'; the model has 6 classes: ball, box, star, ring, cone, capsule"),
        ("--device tpu", "device 'tpu'"),
        ("--name a/b", "the name of a run must be the name of one folder"),
    ],
)
def test_wrong_settings_are_one_clear_line(weights, images, tmp_path, capsys, more, message):
    assert detect(weights, images, tmp_path / "out", *more.split()) == 2
    output = capsys.readouterr()
    assert message in output.err and output.err.startswith("yolov3: error: ")
    assert not (tmp_path / "out").exists()


def test_words_are_what_is_done(weights, images, tmp_path, capsys):
    words = "--classes ring 0 --no-save --save-json --save-txt --name mine --conf 0.2 --max-det 40 --imgsz 64 --iou 0.9"
    for _ in range(2):
        assert detect(weights, images, tmp_path, *words.split()) == 0
    folder = tmp_path / "mine-2"
    records = json.loads((folder / "detections.json").read_text())
    found = [each for record in records for each in record["detections"]]
    assert {each["name"] for each in found} == {"ring", "ball"} and min(each["score"] for each in found) > 0.2
    assert max(len(record["detections"]) for record in records) == 40
    assert {path.name for path in folder.iterdir()} == {"detections.json", "labels"}
    printed = capsys.readouterr().out
    assert f"written: {folder}\n" in printed and "5 images, " in printed


def test_nothing_is_written_that_nobody_asked_for(weights, images, tmp_path, capsys):
    assert detect(weights, images, tmp_path / "out", "--no-save") == 0
    assert not (tmp_path / "out").exists() and "written" not in capsys.readouterr().out


def test_only_broken_files_is_an_error(weights, tmp_path, capsys):
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    assert detect(weights, tmp_path / "bad.mp4", tmp_path / "out") == 2
    assert "bad.mp4: not readable as a video" in capsys.readouterr().err


def test_an_unwritable_output_is_one_clear_line(weights, images, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert detect(weights, images, tmp_path / "file") == 2
    assert "cannot be made" in capsys.readouterr().err


def test_a_full_disk_is_one_clear_line(weights, images, tmp_path):
    """Files of this process may not grow beyond two blocks."""
    code = (
        "import resource, sys; from yolov3.cli import main; import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import torch, cv2, yolov3.inference.loop, yolov3.outputs.drawings\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["detect", "--weights", weights, "--source", images, "--output", tmp_path]
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 2 and "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_a_damaged_video_is_used_as_far_as_it_goes(weights, video, tmp_path, capsys):
    data = bytearray(video.read_bytes())
    middle = data.find(b"mdat") + (data.rfind(b"moov") - data.find(b"mdat")) // 2
    data[middle : middle + 3000] = bytes(3000)
    (tmp_path / "hurt.mp4").write_bytes(data)
    assert detect(weights, tmp_path / "hurt.mp4", tmp_path, "--save-json") in (0, 1)
    records = json.loads((tmp_path / "detect" / "detections.json").read_text())
    frames, _ = read_frames(tmp_path / "detect" / "hurt.mp4")
    assert 6 <= len(records) == len(frames) <= 13


def test_a_limit_of_frames(weights, video, tmp_path):
    assert detect(weights, video, tmp_path, "--max-frames", "5", "--no-save", "--save-json") == 0
    assert len(json.loads((tmp_path / "detect" / "detections.json").read_text())) == 5


class MotionJpeg(http.server.BaseHTTPRequestHandler):
    """A network camera: images without end in one answer. The first connection breaks after twelve."""

    frames: ClassVar[list[bytes]] = []
    connections = 0

    def do_GET(self):
        type(self).connections += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in range(1000):
                if number == 12 and type(self).connections == 1:
                    return
                data = self.frames[number % len(self.frames)]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                time.sleep(0.02)

    def log_message(self, *args):
        pass


def test_a_camera_on_the_network_that_breaks_off(weights, images, tmp_path):
    handler = type("Camera", (MotionJpeg,), {"frames": [path.read_bytes() for path in sorted(images.iterdir())[:1]]})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/video"
        code = detect(weights, address, tmp_path, "--max-frames", "20", "--save-json")
        server.shutdown()
    records = json.loads((tmp_path / "detect" / "detections.json").read_text())
    assert [record["frame"] for record in records] == list(range(20))
    assert code == 1 and handler.connections >= 2


def test_no_window_without_a_screen(weights, images, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert detect(weights, images, tmp_path, "--view") == 2
    assert "--view needs a screen" in capsys.readouterr().err
