"""The package as others get it: what is in the wheel, that it works where there is no checkout, and that those who work on it
are called by the same targets everywhere."""

from __future__ import annotations

import email
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest
import yaml

import yolov3

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
CODE = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "yolov3").rglob("*.py"))
CONFIGS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*") if path.is_file())

OLDEST_SETUPTOOLS = 77
"""As pyproject.toml asks; a build without network takes what is installed."""


def copy_sources(folder: Path) -> Path:
    """What a package is made of, so that building leaves nothing in the checkout."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("yolov3", "configs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def build(kind: str, sources: Path, into: Path) -> Path:
    """A wheel, an sdist or an editable wheel, made by the build backend that pyproject.toml names."""
    code = f"from setuptools import build_meta as b; print('made', b.build_{kind}({str(into)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=sources, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "would be ignored" not in done.stderr, done.stderr
    return into / done.stdout.rpartition("made ")[2].strip()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        found = int(importlib.metadata.version("setuptools").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        found = 0
    if found < OLDEST_SETUPTOOLS:
        pytest.skip(f"building needs setuptools {OLDEST_SETUPTOOLS}, found {found or 'none'}")
    return copy_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", sources, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with ours in it."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_in(packages: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python with this folder of packages first, somewhere else."""
    environment = {**os.environ, "PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=folder, env=environment, timeout=300
    )


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_has_the_code_the_configs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    data = {"yolov3/py.typed", "yolov3/downloads/manifest.json", "yolov3/files/coco.names", "yolov3/files/voc.names"}
    data |= {f"yolov3/reporting/page.{kind}" for kind in ("html.j2", "css", "js")}
    data |= {f"yolov3/serving/page.{kind}" for kind in ("html", "css", "js")}
    assert names == {*CODE, *(f"yolov3/{name}" for name in CONFIGS), *data}


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 1_000_000


def test_the_metadata_say_what_it_is(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["Version"] == yolov3.__version__
    assert metadata["License-Expression"] == "Apache-2.0" and metadata["Author"]
    assert {"darknet", "yolov3"} <= set(metadata["Keywords"].split(","))
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert len(metadata.get_all("Project-URL", [])) >= 2
    assert not [line for line in metadata.get_all("Requires-Dist", []) if "@" in line], "no dependency by address"


def test_an_sdist_makes_the_same_wheel(sources: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", sources, tmp_path)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build("wheel", tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert set(one.namelist()) == set(other.namelist())
        for name in CONFIGS:
            assert one.read(f"yolov3/{name}") == other.read(f"yolov3/{name}") == (ROOT / name).read_bytes()


def test_installed_it_finds_its_configs_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    place = run_in(installed, tmp_path, "-c", "import yolov3; print(yolov3.__file__)")
    assert place.stdout.strip() == str(installed / "yolov3" / "__init__.py"), place.stderr
    listed = run_in(installed, tmp_path, "-m", "yolov3", "configs")
    assert listed.returncode == 0 and "  yolov3_tiny_bccd.yaml  " in listed.stdout, listed.stderr
    copied = run_in(installed, tmp_path, "-m", "yolov3", "configs", "--copy", "mine")
    assert copied.returncode == 0 and len(list((tmp_path / "mine").rglob("*.*"))) == len(CONFIGS)
    trained = run_in(installed, tmp_path, "-m", "yolov3", "train", "configs/yolov3_tiny_bccd.yaml")
    told, error = trained.stderr.splitlines()
    assert trained.returncode == 2
    assert told.endswith(f"is used: {installed}/yolov3/configs/yolov3_tiny_bccd.yaml")
    assert f"{installed}/yolov3/configs/data/bccd.yaml: root: there is no data/bccd" in error


def test_an_editable_installation_finds_them_in_the_checkout(sources: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build("editable", sources, tmp_path)) as archive:
        archive.extractall(tmp_path / "site")
    code = (  # what is installed already, ourselves perhaps, is not asked
        f"import site; site.addsitedir({str(tmp_path / 'site')!r})\n"
        "from importlib.metadata import version; import yolov3; from yolov3.config.shipped import find_config\n"
        "assert version('yolov3') == yolov3.__version__; print(find_config('bccd.yaml'))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.stdout.strip() == str(sources / "configs" / "data" / "bccd.yaml"), done.stderr


def test_every_room_is_in_the_list_of_packages() -> None:
    rooms = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in (ROOT / "yolov3").rglob("*.py")}
    folders = {Path("yolov3", *Path(name).parts[:-1]).as_posix().replace("/", ".") for name in CONFIGS}
    assert set(SETTINGS["tool"]["setuptools"]["packages"]) == rooms | folders


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_everybody_calls_the_same_targets() -> None:
    """Whoever pushes, commits or releases runs what is documented, not a copy of it."""
    called = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        for job in workflow["jobs"].values():
            called |= {step["run"] for step in job["steps"] if "run" in step}
    makes = {line for line in called if line.startswith("make ")}
    assert makes == {"make lint", "make test", "make slow", "make wheel"}
    assert all(line.startswith("sudo apt-get ") for line in called - makes)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"], "hooks of ours, nothing is fetched"
    entries = {hook["entry"] for repo in hooks for hook in repo["hooks"]}
    assert entries == {"make lint"}
    assert {line.removeprefix("make ") for line in makes | entries} <= targets()
    text = (ROOT / "docs" / "contributing.md").read_text()
    for name in (".pre-commit-config.yaml", ".github/workflows"):
        assert name in text
