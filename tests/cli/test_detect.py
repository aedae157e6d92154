"""``yolov3 detect`` from end to end: real files in, real files out, and whatever is wrong on the way."""

from __future__ import annotations

import contextlib
import csv
import http.server
import itertools
import json
import os
import re
import shutil
import signal
import socket
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
from yolov3.formats.load import load_model
from yolov3.images.files import read_image, write_image
from yolov3.selecting.thresholds import Thresholds, write_thresholds


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
    assert written == {"1.jpg", "1-2.jpg", "1-3.png", "detections.json", "classes.txt"}
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
    for line in ("zero.jpg: the file is empty (0 bytes)", "text.jpg: not an image", "cut.jpg: the file is cut off"):
        assert line in output.err
    assert len(json.loads((tmp_path / "detect" / "detections.json").read_text())) == 6
    assert before == {path: path.read_bytes() for path in source.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("source", "message"),
    [("nowhere.jpg", "does not exist"), ("*.nothing", "matches this pattern"), ("EMPTY", "no images or videos"),
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
        ("--max-frames 0", "--max-frames: found '0'; must be a whole number from 1"),
        ("--save-conf", "--save-conf adds scores to the text labels; give --save-txt too"),
        ("--batch-size 0", "--batch-size: found '0'; must be a whole number from 1"),
        ("--conf 2", "--conf/--conf-thres: found '2'; must be a number from 0 to 1"),
        ("--max-det 0", "--max-det: found '0'; must be a whole number from 1"),
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


def test_the_language_and_the_order_of_hashes_change_nothing(weights, images, tmp_path):
    source = tmp_path / "été"
    source.mkdir()
    for path in sorted(images.iterdir())[:2]:
        shutil.copy(path, source / f"ä {path.name}")
    answers = set()
    for name, surroundings in {
        "plain": {"LC_ALL": "C", "PYTHONHASHSEED": "1"},
        "usual": {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"},
    }.items():
        words = ["detect", "--weights", weights, "--source", source, "--output", tmp_path, "--name", name, "--no-save"]
        done = subprocess.run(
            [sys.executable, "-m", "yolov3", *words, "--save-json", "--save-csv", "--save-txt", "--device", "cpu"],
            env={**os.environ, "OMP_NUM_THREADS": "1", **surroundings}, cwd=Path(__file__).parents[2],
            capture_output=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        written = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        assert {"detections.json", "detections.csv"} <= {path.name for path in written}
        answers.add(tuple((os.fsencode(path.relative_to(tmp_path / name)), path.read_bytes()) for path in written))
    assert len(answers) == 1


def test_words_are_what_is_done(weights, images, tmp_path, capsys):
    words = "--classes ring 0 --no-save --save-json --save-txt --name mine --conf 0.2 --max-det 40 --imgsz 64 --iou 0.9"
    for _ in range(2):
        assert detect(weights, images, tmp_path, *words.split()) == 0
    folder = tmp_path / "mine-2"
    records = json.loads((folder / "detections.json").read_text())
    found = [each for record in records for each in record["detections"]]
    assert {each["name"] for each in found} == {"ring", "ball"} and min(each["score"] for each in found) > 0.2
    assert max(len(record["detections"]) for record in records) == 40
    assert {path.name for path in folder.iterdir()} == {"detections.json", "labels", "classes.txt"}
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
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    assert "without 5 files that could not be" in done.stdout


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
    """A network camera: images without end in one answer. The first connection is a question what there is; the second
    breaks after twelve."""

    frames: ClassVar[list[bytes]] = []
    connections = 0

    def do_GET(self):
        type(self).connections += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in range(1000):
                if number == 12 and type(self).connections == 2:
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
    numbers = [record["frame"] for record in records]
    assert len(numbers) == 20 and numbers == sorted(set(numbers)), "the newest each time"
    assert [after - before - 1 for before, after in itertools.pairwise(numbers)] == [
        record["passed_over"] for record in records[1:]
    ]
    assert all(0 <= record["delay"] < 30 and record["captured"] > 1.7e9 for record in records)
    assert code == 1 and handler.connections >= 3


def command(weights, *words, **options) -> subprocess.CompletedProcess[str]:
    """The program as a user runs it, with all that libraries write past Python."""
    arguments = [sys.executable, "-m", "yolov3", "detect", "--weights", str(weights), *map(str, words)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    return subprocess.run(arguments, capture_output=True, text=True, env=clean, check=False, **options)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("98", "camera 98: cannot be opened"),
        ("rtsp://ada:geheim@127.0.0.1:9/live", "rtsp://127.0.0.1:9/live: cannot be opened"),
        ("http://ada:geheim@127.0.0.1:9/video.mjpg", "http://127.0.0.1:9/video.mjpg: cannot be opened"),
        ("http://ada:geheim@127.0.0.1:9/video", "http://127.0.0.1:9/video: cannot be fetched: Connection refused"),
        ("bad.mp4", "bad.mp4: not readable as a video (damaged, cut off or of an unknown kind)"),
        ("bad.jpg", "bad.jpg: not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)"),
    ],
)
def test_what_cannot_be_opened_is_one_line_and_no_folder(weights, tmp_path, web, source, message):
    for name in ("bad.mp4", "bad.jpg"):
        (tmp_path / name).write_text("neither")
    done = command(weights, "--source", source, "--save-json", "--save-csv", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr == f"yolov3: error: {message}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jpg", "bad.mp4"]


def test_several_sources_in_every_way(weights, images, video, tmp_path, web, page):
    """Options repeated, words after one, a list, an image of the web, a camera of the web."""
    paths = sorted(images.iterdir())
    web.pages["snap.jpg"] = page("image/jpeg", paths[0].read_bytes())
    web.pages["live"] = page(
        "multipart/x-mixed-replace; boundary=frame", paths[1].read_bytes(), frames=1000, pause=0.01
    )
    (tmp_path / "list.txt").write_text(f"{paths[3]}\n{web.address('snap.jpg')}\n")
    words = [paths[0], paths[1], "--source", tmp_path / "list.txt", web.address("live"), "--no-save", "--save-json"]
    assert detect(weights, words[0], tmp_path, *map(str, words[1:]), "--source", str(video), "--max-frames", "2") == 2
    assert detect(weights, paths[0], tmp_path, "--source", *map(str, words[1:2]), *map(str, words[2:]),
                  "--max-frames", "2", "--source", str(video)) == 0  # fmt: skip
    records = json.loads((tmp_path / "detect" / "detections.json").read_text())
    assert [record["source"] for record in records] == [
        str(paths[0]), str(paths[1]), str(paths[3]), web.address("snap.jpg"), *[str(video)] * 2, *[web.address("live")] * 2,
    ]  # fmt: skip


def test_a_dead_address_among_others_is_told_and_passed_over(weights, images, tmp_path, capsys, web):
    first, second = sorted(images.iterdir())[:2]
    words = [web.address("gone.jpg", "ada:geheim"), "rtsp://ada:geheim@127.0.0.1:9/1", str(second)]
    assert detect(weights, first, tmp_path, "--source", *words) == 1
    told = capsys.readouterr()
    assert "2 images, " in told.out and "2 files could not be used, 0 were damaged" in told.out
    assert f"warning: not used: {web.address('gone.jpg')}: answers 404 Not Found\n" in told.err
    assert (
        "warning: not used: rtsp://127.0.0.1:9/1: cannot be opened\n" in told.err
        and "geheim" not in told.err + told.out
    )


def test_the_standard_input(weights, images, tmp_path):
    first, second = sorted(images.iterdir())[:2]
    words = ["--source", "-", "--save-json", "--batch-size", "1"]
    done = command(weights, *words, cwd=tmp_path, input=f"{first}\n{second}\n")
    assert done.returncode == 0 and "2 images, " in done.stdout, done.stderr
    arguments = [sys.executable, "-m", "yolov3", "detect", "--weights", weights, *words]
    with first.open("rb") as stream:
        subprocess.run(arguments, stdin=stream, cwd=tmp_path, check=True, capture_output=True)
    (folder, other) = (tmp_path / "runs" / "detect" / name for name in ("detect", "detect-2"))
    (record,) = json.loads((other / "detections.json").read_text())
    assert record["source"] == "stdin" and (other / "stdin.jpg").is_file()
    assert record["detections"] == json.loads((folder / "detections.json").read_text())[0]["detections"]
    done = command(weights, *words, cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and done.stderr == "yolov3: error: source -: nothing came on the standard input\n"


def test_one_line_for_each_image_or_only_the_result(weights, images, tmp_path, capsys):
    source = tmp_path / "in"
    shutil.copytree(images, source)
    (source / "zero.jpg").write_bytes(b"")
    (source / "notes.md").write_text("")
    assert detect(weights, source, tmp_path, "--quiet", "--conf", "0.3") == 1
    quiet = capsys.readouterr()
    assert quiet.err == f"warning: not used: {source}/zero.jpg: the file is empty (0 bytes)\n"
    found, written = quiet.out.splitlines()
    assert found.startswith("5 images, ") and written == f"written: {tmp_path}/detect"
    assert detect(weights, source, tmp_path, "--verbose", "--conf", "0.3") == 1
    verbose = capsys.readouterr()
    lines = verbose.out.splitlines()
    assert [line.partition(": ")[0] for line in lines[1:6]] == [
        str(source / path.name) for path in sorted(images.iterdir())
    ]
    assert all(" boxes: " in line for line in lines[1:6]) and lines[6] == found and len(lines) == 10
    assert verbose.err == f"1 other file passed over\n{quiet.err}"
    assert detect(weights, source, tmp_path, "--verbose", "--quiet") == 2
    assert "not allowed with argument" in capsys.readouterr().err


LOGIN = "ada:geheim"


@pytest.mark.parametrize("path", ["snap.jpg", "live"])
def test_a_password_opens_and_reaches_nothing(weights, images, tmp_path, web, page, path):
    """A server that asks for it; all outputs; all that the program writes, and the names of all it makes."""
    jpeg = sorted(images.iterdir())[0].read_bytes()
    web.login = LOGIN
    web.pages["snap.jpg"] = page("image/jpeg", jpeg)
    web.pages["live"] = page("multipart/x-mixed-replace; boundary=frame", jpeg, frames=1000, pause=0.01)
    outputs = [
        "--save-json",
        "--save-csv",
        "--save-txt",
        "--save-conf",
        "--save-crop",
        "--verbose",
        "--max-frames",
        "3",
    ]
    words = [web.address(path, LOGIN), web.address("gone.jpg", LOGIN), "--conf", "0.6"]
    done = command(weights, "--source", *words, *outputs, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert set(web.logins) == {LOGIN}
    folder = tmp_path / "runs" / "detect" / "detect"
    assert json.loads((folder / "detections.json").read_text())[0]["source"] == web.address(path)
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {file.suffix for file in written} >= {".json", ".csv", ".txt", ".jpg"} and len(list(folder.iterdir())) >= 5
    for text in (done.stdout, done.stderr, *map(str, tmp_path.rglob("*"))):
        assert "geheim" not in text and "ada" not in text
    for file in written:
        assert b"geheim" not in file.read_bytes(), file
    wrong = command(weights, "--source", web.address(path, "ada:wrong-geheim"), cwd=tmp_path)
    assert wrong.returncode == 2 and wrong.stderr == f"yolov3: error: {web.address(path)}: answers 401 Unauthorized\n"


@pytest.mark.parametrize(
    "words",
    [
        ("detect", "rtsp://ada:geheim@camera/1", "--weights", "best.pt", "--source", "0"),
        ("detect", "--weights", "best.pt", "--sorce=rtsp://ada:geheim@camera/1", "--source", "0"),
        ("detect", "--weights", "http://ada:geheim@host/best.pt", "--source", "0"),
        ("detect", "--weights", "best.pt", "--source", "ftp://ada:geheim@host/a.jpg"),
        ("rtsp://ada:geheim@camera/1",),
    ],
)
def test_a_mistake_with_an_address_repeats_no_password(words, capsys):
    assert main(list(words)) == 2
    told = capsys.readouterr()
    assert "geheim" not in told.err + told.out and "error" in told.err
    assert any(place in told.err for place in ("//camera/1", "//host/", "no option --sorce (did you mean --source?)"))


def test_each_class_has_the_threshold_of_a_file(weights, images, tmp_path, capsys):
    names = load_model(weights).names
    path = tmp_path / "thresholds.yaml"
    write_thresholds(path, Thresholds({name: 0.4 if name == names[0] else 1.0 for name in names}, 0.5, False))
    assert detect(weights, images, tmp_path, "--save-json", "--no-save", "--thresholds", str(path)) == 0
    records = json.loads((tmp_path / "detect" / "detections.json").read_text())
    found = [each for record in records for each in record["detections"]]
    assert found and all(each["class"] == 0 and each["score"] > 0.4 for each in found)
    capsys.readouterr()
    assert detect(weights, images, tmp_path, "--thresholds", str(path), "--conf", "0.3") == 2
    assert "not allowed with" in capsys.readouterr().err
    path.write_text("thresholds: {cow: 0.5}")
    assert detect(weights, images, tmp_path, "--thresholds", str(path)) == 2
    assert f"{path}: has a threshold for 'cow'; the model's classes are" in capsys.readouterr().err


def test_the_size_that_is_used_is_told(weights, images, tmp_path, capsys):
    assert detect(weights, images, tmp_path, "--no-save", "--imgsz", "64", "96", "--fit", "stretch") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("yolov3-tiny x0.125, 6 classes, 64x96 stretch (")


def test_no_window_without_a_screen(weights, images, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert detect(weights, images, tmp_path, "--view", "--no-save") == 2
    assert "--view needs a screen" in capsys.readouterr().err
    assert detect(weights, images, tmp_path, "--view") == 0
    assert "warning: --view needs a screen, and none is there (DISPLAY is not set); going on" in capsys.readouterr().err


def test_json_lines_for_a_program_that_reads_along(weights, images, video, tmp_path):
    """Nothing but an object for each frame is on the standard output, the same as in a file."""
    words = ["--source", str(images), str(video), "--save-jsonl", "-", "--save-csv", "--conf", "0.3", "--verbose"]
    command = [sys.executable, "-m", "yolov3", "detect", "--weights", str(weights), "--output", str(tmp_path), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(frames) == 5 + 13 and "written: " in done.stderr and "18 images" in done.stderr
    assert detect(weights, images, tmp_path, "--save-jsonl", "--save-json", "--no-save", "--conf", "0.3") == 0
    lines = (tmp_path / "detect-2" / "detections.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == frames[:5]
    assert json.loads((tmp_path / "detect-2" / "detections.json").read_text()) == frames[:5]


def test_a_reader_that_has_seen_enough(weights, images, tmp_path):
    command = [sys.executable, "-m", "yolov3", "detect", "--weights", weights, "--source", images, "--save-jsonl", "-"]
    words = " ".join(map(str, [*command, "--output", tmp_path]))
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {words} | head -1"], capture_output=True, text=True)
    assert done.returncode == 141 and len(done.stdout.splitlines()) == 1 and "Traceback" not in done.stderr


def test_darknets_forms(weights, images, tmp_path, capsys):
    assert detect(weights, images, tmp_path, "--format", "darknet", "--save-json", "--verbose", "--conf", "0.3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("Predicted in" in line for line in lines) == 5
    objects = sum(re.search(r": \d+%($|\t\(left_x: )", line) is not None for line in lines)
    frames = json.loads((tmp_path / "detect" / "detections.json").read_text())
    assert [frame["frame_id"] for frame in frames] == [1, 2, 3, 4, 5]
    assert sum(len(frame["objects"]) for frame in frames) == objects > 0


def test_classes_that_are_skipped_or_blurred(weights, images, tmp_path, capsys):
    names = load_model(weights).names
    every = ("--save-json", "--conf", "0.3", "--max-det", "10000")
    assert detect(weights, images, tmp_path, *every) == 0
    assert detect(weights, images, tmp_path, *every, "--skip", names[0]) == 0
    kept = [
        [found for found in frame["detections"] if found["name"] != names[0]]
        for frame in json.loads((tmp_path / "detect" / "detections.json").read_text())
    ]
    skipped = json.loads((tmp_path / "detect-2" / "detections.json").read_text())
    assert [frame["detections"] for frame in skipped] == kept
    assert detect(weights, images, tmp_path, *every, "--save-crop", "--blur", *names) == 0
    sharp = json.loads((tmp_path / "detect" / "detections.json").read_text())
    assert json.loads((tmp_path / "detect-3" / "detections.json").read_text()) == sharp, (
        "it is seen before it is blurred"
    )
    crops = list((tmp_path / "detect-3" / "crops").rglob("*.jpg"))
    frame = next(frame for frame in sharp if frame["detections"])
    drawn, plain = (
        read_image(tmp_path / folder / Path(frame["source"]).name).astype(int) for folder in ("detect-3", "detect")
    )
    assert crops and (drawn != plain).any()
    assert detect(weights, images, tmp_path, "--blur", "nobody") == 2
    assert "--blur: no class 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize("codec", ["mp4v", "auto"])
def test_how_a_video_is_encoded(weights, video, tmp_path, capsys, codec):
    from yolov3.videos.h264 import find_encoder
    from yolov3.videos.opening import WITHOUT

    assert detect(weights, video, tmp_path, "--codec", codec) == 0
    capture = cv2.VideoCapture(str(tmp_path / "detect" / "shapes.mp4"))
    code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    has_encoder = find_encoder() is not None
    assert code in ((b"h264", b"avc1") if codec == "auto" and has_encoder else (b"FMP4", b"mp4v"))
    assert (WITHOUT in capsys.readouterr().err) == (codec == "auto" and not has_encoder)


def test_things_are_followed_and_counted(weights, video, images, tmp_path, capsys):
    """Identities in every output, the same in all; the line down the middle is passed as often as counts.json says."""
    words = (
        "--track",
        "--count-line",
        "0.5,1,0.5,0",
        "--count-zone",
        "0,0,1,0,1,1,0,1",
        "--conf",
        "0.5",
        "--max-det",
        "20",
    )
    saved = ("--save-json", "--save-csv", "--save-jsonl", "--save-crop", "--verbose")
    assert detect(weights, video, tmp_path, *words, *saved) == 0
    out = capsys.readouterr().out
    frames = json.loads((tmp_path / "detect" / "detections.json").read_text())
    tracks = [[found["track"] for found in frame["detections"]] for frame in frames]
    given = [track for each in tracks for track in each]
    assert all(len(set(each)) == len(each) for each in tracks) and len(set(given)) < len(given)
    with (tmp_path / "detect" / "detections.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["track"]) for row in rows] == given
    (counts,) = json.loads((tmp_path / "detect" / "counts.json").read_text())
    assert {key: counts[key] for key in ("lines", "zones")} == frames[-1]["counts"] and counts["frame"] == 12
    assert sum(counts["zones"][0]["total"].values()) == len(set(given))
    assert f"counted in {video}: line 1: " in out and f"counted in {video}: zone 1: " in out
    assert len(read_frames(tmp_path / "detect" / "shapes.mp4")[0]) == 13


def test_following_changes_nothing_for_those_who_do_not_follow(weights, video, images, tmp_path, capsys):
    assert detect(weights, video, tmp_path, "--save-json", "--save-csv") == 0
    frame = json.loads((tmp_path / "detect" / "detections.json").read_text())[0]
    assert "counts" not in frame and "track" not in frame["detections"][0]
    assert (tmp_path / "detect" / "detections.csv").read_text().splitlines()[0].endswith("right,bottom")
    assert detect(weights, images, tmp_path, "--track", "--save-json", "--conf", "0.4") == 0
    assert "--track: images are not followed" in capsys.readouterr().err
    assert detect(weights, images, tmp_path, "--save-json", "--conf", "0.4") == 0
    first, second = (json.loads((tmp_path / f"detect-{n}" / "detections.json").read_text()) for n in (2, 3))
    assert first == second


@pytest.mark.parametrize(("option", "text"), [("--count-line", "1,2,3"), ("--count-zone", "0,0,9,9,9,0,0,9")])
def test_lines_and_zones_that_cannot_be(weights, video, tmp_path, capsys, option, text):
    assert detect(weights, video, tmp_path, option, text) == 2
    assert f"{option}: " in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_cameras_that_are_listed_are_looked_at_together_and_summed_up(weights, cameras, tmp_path, capsys):
    _, addresses = cameras(30.0, 30.0)
    (tmp_path / "all.streams").write_text("\n".join(["# the yard", *addresses]))
    assert detect(weights, tmp_path / "all.streams", tmp_path, "--max-frames", "10", "--no-save", "--save-json") == 0
    records = json.loads((tmp_path / "detect" / "detections.json").read_text())
    assert sorted(record["source"] for record in records) == sorted(addresses * 10)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (heading,) = (line for line in lines if line[:1] == ["stream"])
    assert "reconnects" in heading and "95" in heading
    for address in addresses:
        (row,) = (line for line in lines if line[:1] == [address])
        assert row[1] == "10" and row[4:6] == ["0", "0"] and all(float(value) >= 0 for value in row[6:])
        delays = sorted(record["delay"] for record in records if record["source"] == address)
        assert float(row[6]) == pytest.approx(1000 * delays[4], rel=0.03, abs=0.11), "what is summed up was written"


def test_videos_are_played_at_their_rate_and_written_with_their_length(weights, video, tmp_path, capsys):
    start = time.monotonic()
    assert detect(weights, video, tmp_path, "--source", str(video), "--realtime", "--save-json") == 0
    assert time.monotonic() - start > 0.9
    records = json.loads((tmp_path / "detect" / "detections.json").read_text())
    assert {record["source"] for record in records} == {str(video), f"{video} (2)"}
    for name in ("shapes.mp4", "shapes-2.mp4"):
        frames, _ = read_frames(tmp_path / "detect" / name)
        assert 11 <= len(frames) <= 13
    assert "shapes.mp4 (2)" in capsys.readouterr().out
    assert (
        detect(weights, video, tmp_path, "--realtime", "--frames", "every", "--no-save", "--save-json", "--quiet") == 0
    )
    records = json.loads((tmp_path / "detect-2" / "detections.json").read_text())
    assert [record["frame"] for record in records] == list(range(13)) and "stream" not in capsys.readouterr().out


def test_a_camera_that_goes_for_good_is_told_and_the_exit_code_says_so(weights, cameras, tmp_path, capsys):
    (good, gone), addresses = cameras(30.0, 30.0)

    def end() -> None:
        time.sleep(1.5)
        gone.does = "gone"
        time.sleep(3)
        good.does = "gone"

    threading.Thread(target=end, daemon=True).start()
    assert detect(weights, addresses[0], tmp_path, "--source", addresses[1], "--patience", "1", "--no-save") == 1
    told = capsys.readouterr()
    assert f"warning: {addresses[1]}: the connection broke; it is tried again for 1 s" in told.err
    assert f"warning: damaged: {addresses[1]}: the connection broke 1 time, and did not come back" in told.err
    assert "0 files could not be used, 2 were damaged" in told.out


def test_ctrl_c_ends_streams_at_once_also_one_that_does_not_answer(weights, cameras, tmp_path):
    """One is stuck while it is opened; what there was until then is summed up."""
    _, (address,) = cameras(30.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = ["--source", address, f"rtsp://127.0.0.1:{silent.getsockname()[1]}/1", "--verbose", "--no-save"]
        process = subprocess.Popen(
            [sys.executable, "-m", "yolov3", "detect", "--weights", str(weights), *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert process.stdout is not None
        seen = [next(line for line in process.stdout if ", delay " in line) for _ in range(3)]
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - start < 3 and process.returncode == 130, errors
    assert len(seen) == 3 and " frames; what was written is complete so far\n" in errors
    line = next(line for line in errors.splitlines() if line.startswith(f"{address}: "))
    assert re.fullmatch(
        r".*: \d+ frames, \d+ passed over, 0 reconnects, delay \d+ ms, of one in twenty over \d+ ms", line
    )


def test_large_images_in_tiles(weights, images, tmp_path, capsys):
    words = ("--save-json", "--conf", "0.3", "--max-det", "1000")
    for more in ((), ("--tiles", "auto"), ("--tiles", "2x2", "--overlap", "0.3"), ("--tiles", "2x2", "--tiles-whole")):
        assert detect(weights, images, tmp_path, *words, *more) == 0
    names = ("detect", *(f"detect-{number}" for number in (2, 3, 4)))
    found = [json.loads((tmp_path / name / "detections.json").read_text()) for name in names]
    assert len({json.dumps(each) for each in found}) >= 3
    assert detect(weights, images, tmp_path, "--tiles", "0x3") == 2
    assert "--tiles: found '0x3'; auto, ROWSxCOLUMNS" in capsys.readouterr().err
    assert detect(weights, images, tmp_path, "--overlap", "0.3") == 2
    assert "give --tiles too" in capsys.readouterr().err
