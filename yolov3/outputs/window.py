"""A window that shows each frame as it comes."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2

from yolov3.errors import UserError
from yolov3.machine.opencv import require_windows
from yolov3.outputs.output import Output, Result, StopDetecting

TITLE = "yolov3"
IMAGE_MILLISECONDS = 800  # an image without a rate stays so long
STOP_KEYS = (ord("q"), 27)  # 27: Escape
TRY_SECONDS = 30  # for a program that opens a window, and ends

_TRIAL = "import cv2; cv2.namedWindow('yolov3', cv2.WINDOW_AUTOSIZE); cv2.destroyAllWindows()"


class Window(Output):
    """``q`` or Escape stops. Raises UserError where there is no screen, or an OpenCV without windows."""

    def __init__(self) -> None:
        screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if sys.platform == "linux" and not screen:
            raise UserError("--view needs a screen, and none is there (DISPLAY is not set)")
        require_windows()
        if sys.platform == "linux" and not can_open_windows():
            raise UserError(f"--view needs a screen, and no window can be opened on {screen!r}")

    def write(self, result: Result) -> None:
        cv2.imshow(TITLE, cv2.cvtColor(result.drawn(), cv2.COLOR_RGB2BGR))
        if cv2.waitKey(1 if result.frame.index is not None else IMAGE_MILLISECONDS) & 0xFF in STOP_KEYS:
            raise StopDetecting

    def close(self) -> None:
        cv2.destroyAllWindows()


def can_open_windows() -> bool:
    """Whether OpenCV can open a window here. Another process tries it: where it cannot, its libraries end the process."""
    try:
        trial = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, check=False, timeout=TRY_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0
