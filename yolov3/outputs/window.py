"""A window that shows each frame as it comes."""

from __future__ import annotations

import os
import sys

import cv2

from yolov3.errors import UserError
from yolov3.machine.opencv import require_windows
from yolov3.outputs.output import Output, Result, StopDetecting

TITLE = "yolov3"
IMAGE_MILLISECONDS = 800  # an image without a rate stays so long
STOP_KEYS = (ord("q"), 27)  # 27: Escape


class Window(Output):
    """``q`` or Escape stops. Raises UserError where there is no screen, or an OpenCV without windows."""

    def __init__(self) -> None:
        # OpenCV ends the whole process when a window cannot be opened.
        screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if sys.platform == "linux" and not screen:
            raise UserError("--view needs a screen, and none is there (DISPLAY is not set)")
        require_windows()

    def write(self, result: Result) -> None:
        cv2.imshow(TITLE, cv2.cvtColor(result.drawn(), cv2.COLOR_RGB2BGR))
        if cv2.waitKey(1 if result.frame.index is not None else IMAGE_MILLISECONDS) & 0xFF in STOP_KEYS:
            raise StopDetecting

    def close(self) -> None:
        cv2.destroyAllWindows()
