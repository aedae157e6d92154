"""Which OpenCV is installed. Several wheels own the same folder ``cv2``: pip puts the headless one beside ours, because a
library asks for it, and then the one installed last answers; removing either empties the folder for both."""

from __future__ import annotations

import importlib.metadata

from yolov3.errors import UserError

WITH_WINDOWS = ("opencv-python", "opencv-contrib-python")
HEADLESS = ("opencv-python-headless", "opencv-contrib-python-headless")

SYSTEM_LIBRARIES = "libgl1 and libglib2.0-0 on Debian and Ubuntu"


def opencv_wheels() -> dict[str, str]:
    """The installed wheels of OpenCV and their versions."""
    found = {}
    for name in (*WITH_WINDOWS, *HEADLESS):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def require_opencv() -> None:
    """Raise UserError, with the cure, where OpenCV is not installed, was emptied by removing one of its wheels, or lacks a
    library of the system."""
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise UserError(f"OpenCV is not installed{_though()}; {_cure()}") from error
    except ImportError as error:
        raise UserError(
            f"OpenCV cannot be loaded: {error}; install the system's libraries that it asks for ({SYSTEM_LIBRARIES})"
        ) from error
    if not hasattr(cv2, "imread"):
        raise UserError(f"OpenCV is empty, as removing one of its wheels leaves it{_though()}; {_cure()}")


def mixed_opencv_note() -> str | None:
    """What to tell where wheels of different versions are installed over each other; None where there is nothing."""
    wheels = opencv_wheels()
    if len(set(wheels.values())) < 2:
        return None
    return f"OpenCV is installed in several versions, one over the other ({_list(wheels)}); {_cure()}"


def require_windows() -> None:
    """Raise UserError, with the cure, where the OpenCV that answers cannot open windows."""
    import cv2

    if not cv2.currentUIFramework():
        raise UserError(
            f"--view: the OpenCV that is installed ({_list(opencv_wheels()) or cv2.__version__}) cannot open windows; "
            f"{_cure()}"
        )


def _though() -> str:
    wheels = opencv_wheels()
    return f" (though pip lists {_list(wheels)})" if wheels else ""


def _cure() -> str:
    """The commands that leave one whole OpenCV, with windows."""
    wheels = opencv_wheels()
    kept = next((name for name in WITH_WINDOWS if name in wheels), WITH_WINDOWS[0])
    others = [name for name in wheels if name != kept]
    version = f"=={wheels[kept]}" if kept in wheels else ""
    remove = f"pip uninstall --yes {' '.join(others)}, then " if others else ""
    return f"mend it with: {remove}pip install --force-reinstall --no-deps {kept}{version}"


def _list(wheels: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in wheels.items())
