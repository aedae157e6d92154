"""Two wheels of OpenCV own one folder: what is wrong with that is told with the commands that mend it. What is installed is
made up here; the three states of ``cv2`` are those that pip leaves."""

from __future__ import annotations

import importlib.metadata
import sys
from types import ModuleType

import cv2
import pytest

from yolov3.cli import main
from yolov3.errors import UserError
from yolov3.machine.opencv import mixed_opencv_note, opencv_wheels, require_opencv, require_windows

OURS, HEADLESS, CONTRIB = "opencv-python", "opencv-python-headless", "opencv-contrib-python"


@pytest.fixture
def install(monkeypatch):
    """A function of wheels and versions: these are installed and no others."""

    def pretend(wheels: dict[str, str]) -> None:
        def version(name: str) -> str:
            if name not in wheels:
                raise importlib.metadata.PackageNotFoundError(name)
            return wheels[name]

        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


def test_the_installed_wheels_are_those_of_this_environment():
    wheels = opencv_wheels()
    assert wheels and all(importlib.metadata.version(name) == version for name, version in wheels.items())
    assert any(version.startswith(cv2.__version__) for version in wheels.values())
    require_opencv()


@pytest.mark.parametrize("wheels", [{}, {OURS: "5.0"}, {OURS: "5.0", HEADLESS: "5.0"}])
def test_wheels_of_one_version_are_nothing_to_tell(install, wheels):
    install(wheels)
    assert opencv_wheels() == wheels and mixed_opencv_note() is None


def test_several_versions_are_told_with_the_cure(install):
    install({OURS: "5.0.0.93", HEADLESS: "4.12.0.88"})
    assert mixed_opencv_note() == (
        "OpenCV is installed in several versions, one over the other (opencv-python 5.0.0.93, opencv-python-headless "
        "4.12.0.88); mend it with: pip uninstall --yes opencv-python-headless, then pip install --force-reinstall "
        "--no-deps opencv-python==5.0.0.93"
    )


def test_the_wheel_with_windows_that_is_there_is_kept(install):
    install({CONTRIB: "4.12.0.88", HEADLESS: "5.0.0.93"})
    note = mixed_opencv_note()
    assert note is not None and note.endswith(
        f"--yes {HEADLESS}, then pip install --force-reinstall --no-deps {CONTRIB}==4.12.0.88"
    )


def test_an_emptied_folder_is_told(install, monkeypatch):
    """What is left where one of the two was removed: a folder, or not even that, and pip content."""
    install({OURS: "5.0.0.93"})
    cure = "mend it with: pip install --force-reinstall --no-deps opencv-python==5.0.0.93"
    monkeypatch.setitem(sys.modules, "cv2", ModuleType("cv2"))
    with pytest.raises(UserError) as caught:
        require_opencv()
    assert str(caught.value) == (
        f"OpenCV is empty, as removing one of its wheels leaves it (though pip lists opencv-python 5.0.0.93); {cure}"
    )
    monkeypatch.setitem(sys.modules, "cv2", None)  # importing it is a ModuleNotFoundError
    with pytest.raises(UserError) as caught:
        require_opencv()
    assert str(caught.value) == f"OpenCV is not installed (though pip lists opencv-python 5.0.0.93); {cure}"
    install({})
    with pytest.raises(UserError, match=r"^OpenCV is not installed; mend it with: pip install .* opencv-python$"):
        require_opencv()


def test_a_missing_library_of_the_system_is_told(tmp_path, monkeypatch):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')\n")
    monkeypatch.delitem(sys.modules, "cv2")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UserError, match=r"^OpenCV cannot be loaded: libGL\.so\.1: .*; install .* \(libgl1 and libglib2"
    ):
        require_opencv()


def test_an_opencv_without_windows_is_told(install, monkeypatch):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
    require_windows()
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    install({HEADLESS: "5.0.0.93"})
    with pytest.raises(UserError) as caught:
        require_windows()
    assert str(caught.value) == (
        "--view: the OpenCV that is installed (opencv-python-headless 5.0.0.93) cannot open windows; mend it with: pip "
        "uninstall --yes opencv-python-headless, then pip install --force-reinstall --no-deps opencv-python"
    )


def test_commands_that_read_images_warn_once_and_others_not_at_all(install, capsys, monkeypatch):
    install({OURS: "5.0.0.93", HEADLESS: "4.12.0.88"})
    assert main(["evaluate", "--weights", "none.pt"]) == 2
    warning, error = capsys.readouterr().err.splitlines()
    assert warning.startswith("yolov3: warning: OpenCV is installed in several versions") and "none.pt" in error
    assert main(["configs"]) == 0 and main(["evaluate", "--help"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "1")
    assert main(["evaluate", "--weights", "none.pt"]) == 2
    assert "warning" not in capsys.readouterr().err


def test_commands_that_read_images_stop_where_opencv_is_empty(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", ModuleType("cv2"))
    assert main(["detect", "--weights", "none.pt", "--source", "x.jpg"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("yolov3: error: OpenCV is empty") and "--force-reinstall" in error
