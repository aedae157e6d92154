"""Whether the bounds of the dependencies in pyproject.toml hold at both ends.

    python scripts/bounds.py lowest FOLDER    # the oldest releases that they allow
    python scripts/bounds.py newest FOLDER    # the newest

makes a virtual environment in FOLDER (some GB and minutes), installs this checkout with the extras given by --extras, lets
pip check it, and runs the tests given by --tests there. With --freeze FILE the versions are written down.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TESTS = tuple(
    f"tests/{room}"
    for room in (
        "batches",
        "config",
        "evaluation",
        "files",
        "images",
        "models",
        "outputs",
        "selecting",
        "videos",
        "watching",
    )
)
"""Rooms that between them touch every required library, in some minutes."""


def lowest_of(requirement: str) -> str | None:
    """``name==lower bound`` of a requirement such as ``numpy>=2,<3``; None where it has none."""
    found = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*(?:==|>=)\s*([0-9][0-9a-zA-Z.]*)", requirement)
    return f"{found[1]}=={found[2]}" if found else None


def upper_bounded(requirement: str) -> bool:
    """Whether a requirement says which releases are too new."""
    return "<" in requirement or "==" in requirement


def requirements(extras: tuple[str, ...]) -> list[str]:
    """What the package and the extras require."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]


def main() -> int:
    """Make the environment, check and test it; the exit code of what failed first, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("end", choices=("lowest", "newest"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--extras", default="dev,tensorboard,analysis,serve")
    parser.add_argument("--tests", nargs="*", default=list(TESTS))
    parser.add_argument("--freeze", type=Path)
    options = parser.parse_args()
    venv.create(options.folder, with_pip=True, clear=True)
    python = str((options.folder / "bin" / "python").absolute())
    extras = tuple(options.extras.split(","))
    pins = [pin for pin in map(lowest_of, requirements(extras)) if pin] if options.end == "lowest" else []
    # albumentations brings the other wheel of OpenCV, which shares its files with ours: both must be of one release.
    pins += [
        pin.replace("opencv-python", "opencv-python-headless") for pin in pins if pin.startswith("opencv-python==")
    ]
    constraints = options.folder / "constraints.txt"
    constraints.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    steps = [
        [python, "-m", "pip", "install", "--quiet", "-c", str(constraints), f"{ROOT}[{options.extras}]"],
        [python, "-m", "pip", "check"],
    ]
    for step in steps:
        code = subprocess.run(step, cwd=ROOT).returncode
        if code:
            return code
    frozen = subprocess.run(
        [python, "-m", "pip", "freeze", "--exclude", "yolov3"], capture_output=True, text=True, check=True
    )
    if options.freeze:
        options.freeze.write_text(frozen.stdout, encoding="utf-8")
    print(frozen.stdout)
    return (
        subprocess.run([python, "-m", "pytest", "-q", "-n", "0", *options.tests], cwd=ROOT).returncode
        if options.tests
        else 0
    )


if __name__ == "__main__":
    sys.exit(main())
