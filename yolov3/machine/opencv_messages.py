"""OpenCV without its own messages: what goes wrong is told in words of ours, and FFmpeg's would tell whole addresses."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

FFMPEG_LEVEL = "OPENCV_FFMPEG_LOGLEVEL"  # read when FFmpeg is first used
FFMPEG_SILENT = "-8"


class _Silence:
    """Whether somebody is within, and how it was before; several threads may be within at once."""

    lock = threading.Lock()
    within = 0
    level = 0
    ask_opencv = ask_ffmpeg = False


@contextmanager
def opencv_silenced() -> Iterator[None]:
    """Within, OpenCV writes nothing on the error output; who set ``OPENCV_LOG_LEVEL`` or ``OPENCV_FFMPEG_LOGLEVEL`` sees
    what they asked for. FFmpeg stays silent afterwards, too, because it asks only once."""
    with _Silence.lock:
        if not _Silence.within:
            _begin()
        _Silence.within += 1
    try:
        yield
    finally:
        with _Silence.lock:
            _Silence.within -= 1
            if not _Silence.within:
                _end()


def _begin() -> None:
    logging = cv2.utils.logging
    _Silence.level = logging.getLogLevel()
    _Silence.ask_opencv, _Silence.ask_ffmpeg = "OPENCV_LOG_LEVEL" in os.environ, FFMPEG_LEVEL in os.environ
    if not _Silence.ask_opencv:
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    if not _Silence.ask_ffmpeg:
        os.environ[FFMPEG_LEVEL] = FFMPEG_SILENT


def _end() -> None:
    if not _Silence.ask_opencv:
        cv2.utils.logging.setLogLevel(_Silence.level)
    if not _Silence.ask_ffmpeg:
        os.environ.pop(FFMPEG_LEVEL, None)
