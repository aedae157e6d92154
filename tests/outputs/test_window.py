"""A window needs a screen; what happens at one is asked of OpenCV's calls, which a machine without a screen cannot make."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.outputs import window as module
from yolov3.outputs.output import StopDetecting
from yolov3.outputs.window import IMAGE_MILLISECONDS, Window


class Screen:
    """Stands in for OpenCV's window: what was shown, how long it waited, the key that is pressed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.key, self.shown, self.waited, self.closed = -1, [], [], False
        monkeypatch.setenv("DISPLAY", ":99")
        monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
        monkeypatch.setattr(module, "can_open_windows", lambda: True)
        monkeypatch.setattr(cv2, "imshow", lambda title, image: self.shown.append(image))
        monkeypatch.setattr(cv2, "waitKey", self.wait)
        monkeypatch.setattr(cv2, "destroyAllWindows", self.close)

    def wait(self, milliseconds: int) -> int:
        self.waited.append(milliseconds)
        return self.key

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def screen(monkeypatch) -> Screen:
    return Screen(monkeypatch)


def test_no_window_without_a_screen(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"^--view needs a screen, and none is there \(DISPLAY is not set\)$"):
        Window()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
    monkeypatch.setattr(module, "can_open_windows", lambda: True)
    Window()


@pytest.mark.skipif(sys.platform != "linux", reason="where a screen has a name")
def test_a_screen_that_does_not_answer_ends_nothing(monkeypatch):
    """OpenCV's windows abort the process that cannot open them."""
    monkeypatch.setenv("DISPLAY", ":98765")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
    with pytest.raises(UserError, match=r"^--view needs a screen, and no window can be opened on ':98765'$"):
        Window()


def test_no_window_by_an_opencv_without_windows(screen, monkeypatch):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    with pytest.raises(
        UserError, match=r"^--view: the OpenCV that is installed \(opencv-.*\) cannot open windows; mend it"
    ):
        Window()


def test_the_drawing_is_shown_images_for_a_while_and_videos_as_they_come(screen, make_result):
    with Window() as window:
        window.write(make_result())
        window.write(make_result(index=0))
    assert screen.waited == [IMAGE_MILLISECONDS, 1] and screen.closed
    np.testing.assert_array_equal(screen.shown[0][..., ::-1], make_result().drawn())


@pytest.mark.parametrize(
    ("key", "stops"), [(-1, False), (ord("x"), False), (ord("q"), True), (27, True), (0x100000 + ord("q"), True)]
)
def test_q_and_escape_stop(screen, make_result, key, stops):
    screen.key = key
    window = Window()
    if stops:
        with pytest.raises(StopDetecting):
            window.write(make_result())
    else:
        window.write(make_result())
    assert len(screen.shown) == 1
