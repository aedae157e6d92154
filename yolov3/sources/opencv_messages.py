"""OpenCV without its own messages: what goes wrong is told in words of ours, and FFmpeg's would tell whole addresses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

FFMPEG_LEVEL = "OPENCV_FFMPEG_LOGLEVEL"  # read when FFmpeg is first used
FFMPEG_SILENT = "-8"


@contextmanager
def opencv_silenced() -> Iterator[None]:
    """Within, OpenCV writes nothing on the error output; who set ``OPENCV_LOG_LEVEL`` or ``OPENCV_FFMPEG_LOGLEVEL`` sees
    what they asked for. FFmpeg stays silent afterwards, too, because it asks only once."""
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    ask_opencv, ask_ffmpeg = "OPENCV_LOG_LEVEL" in os.environ, FFMPEG_LEVEL in os.environ
    if not ask_opencv:
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    if not ask_ffmpeg:
        os.environ[FFMPEG_LEVEL] = FFMPEG_SILENT
    try:
        yield
    finally:
        if not ask_opencv:
            logging.setLogLevel(level)
        if not ask_ffmpeg:
            os.environ.pop(FFMPEG_LEVEL, None)
