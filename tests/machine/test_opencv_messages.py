"""OpenCV and its FFmpeg say nothing, unless somebody wants to hear them. They write past Python, so processes are asked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import cv2
import pytest

from yolov3.machine.opencv_messages import FFMPEG_LEVEL, opencv_silenced

OPEN = """
import sys
import cv2
from yolov3.machine.opencv_messages import opencv_silenced

def open_all():
    for what in (98, "http://ada:geheim@127.0.0.1:9/x", "rtsp://ada:geheim@127.0.0.1:9/x", sys.argv[1]):
        capture = cv2.VideoCapture(what) if isinstance(what, int) else cv2.VideoCapture(what, cv2.CAP_FFMPEG)
        assert not capture.isOpened()

"""


@pytest.fixture
def messages(tmp_path):
    """What a program writes."""
    (tmp_path / "bad.mp4").write_text("no video at all")

    def run(code: str, **environment: str) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
        done = subprocess.run(
            [sys.executable, "-c", OPEN + code, str(tmp_path / "bad.mp4")],
            env={**clean, **environment}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stderr + done.stdout

    return run


def test_nothing_is_said_of_what_cannot_be_opened(messages):
    assert messages("open_all()") != "", "OpenCV does say something"
    assert messages("with opencv_silenced():\n    open_all()") == ""


def test_who_asks_is_answered(messages):
    code = "with opencv_silenced():\n    open_all()"
    assert "VIDEOIO" in messages(code, OPENCV_LOG_LEVEL="WARNING")
    assert "127.0.0.1" in messages(code, OPENCV_FFMPEG_LOGLEVEL="24")


def test_afterwards_all_is_as_it_was(monkeypatch):
    monkeypatch.delenv(FFMPEG_LEVEL, raising=False)
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    logging = cv2.utils.logging
    before = logging.getLogLevel()
    with pytest.raises(KeyboardInterrupt), opencv_silenced():
        assert logging.getLogLevel() == logging.LOG_LEVEL_SILENT and os.environ[FFMPEG_LEVEL] == "-8"
        raise KeyboardInterrupt
    assert logging.getLogLevel() == before and FFMPEG_LEVEL not in os.environ


def test_it_is_silent_until_the_last_of_several_threads_has_left(monkeypatch):
    monkeypatch.delenv(FFMPEG_LEVEL, raising=False)
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    logging = cv2.utils.logging
    before = logging.getLogLevel()
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with opencv_silenced():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with opencv_silenced():
        thread.start()
        assert entered.wait(10)
    assert logging.getLogLevel() == logging.LOG_LEVEL_SILENT and os.environ[FFMPEG_LEVEL] == "-8"
    leave.set()
    thread.join(10)
    assert logging.getLogLevel() == before and FFMPEG_LEVEL not in os.environ
