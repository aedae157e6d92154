"""The house is as docs/architecture.md says: levels, no circles, sizes; one room for albumentations; a quick, silent import;
a test for every module."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "yolov3"
FILES = sorted(PACKAGE.rglob("*.py"))

LONGEST_FILE, LONGEST_FUNCTION = 300, 60
MOST_FILES, LARGEST_SHARE, MOST_PARAMETERS = 16, 0.15, 7

WITHOUT_OWN_TEST: dict[str, str] = {
    "errors.py": "one exception without behaviour; every test of a mistake sees it",
    "prediction_layout.py": "constants alone; the codec's tests would fail without them",
}
"""Modules without a test file of their own name, and why."""

TESTS_OF_NO_MODULE: dict[str, str] = {
    "test_architecture.py": "the house as a whole",
    "test_documents.py": "the documents",
    "test_faults.py": "the list of faults and the tests that it names",
    "test_network.py": "that nobody is called",
    "test_package.py": "the wheel, and what surrounds the code",
    "test_public.py": "the package's public names",
    "catalogue/test_strange_data.py": "data files, given what nobody means",
    "catalogue/test_layouts.py": "the layouts that data/README.md lists",
    "training/test_interruptions.py": "runs as a whole, interrupted again and again",
    "cli/test_main.py": "yolov3/cli/__init__.py",
    "cli/test_all_options.py": "every option of every command, given what nobody means",
    "cli/test_all_paths.py": "every path that a command is given, where nothing can be read or written",
    "serving/test_page.py": "the page, in a browser",
    "config/test_all_numbers.py": "every setting, given what nobody means",
}
"""Test files that are named after no module, and what they are about."""


def load_house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", ROOT / "scripts" / "house.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = load_house()


def levels_of_the_map() -> dict[str, int]:
    """The level of each room by the map in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = re.search(r"```\n(L\d.*?)```", text, re.DOTALL)
    assert block is not None
    levels, level = {}, -1
    for line in block.group(1).splitlines():
        if line.startswith("L"):
            level = int(line[1])
        for room in re.split(r"\s{2,}", line[4:])[0].split():
            levels[room] = level
    return levels


LEVELS = levels_of_the_map()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down_only(path):
    room = house.room_of(path, ROOT)
    assert room in LEVELS, f"{room} is not on the map"
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: imports are absolute"
    for other in house.imported_rooms(path) - {room}:
        assert LEVELS[other] <= LEVELS[room], f"{room} (level {LEVELS[room]}) imports {other} (level {LEVELS[other]})"
        assert {room, other} != {"training", "inference"}, "training and inference are strangers"


def test_every_room_of_the_map_is_there():
    rooms = {house.room_of(path, ROOT) for path in FILES}
    assert set(LEVELS) == rooms


def circle_in(edges: dict[str, set[str]]) -> tuple[str, ...] | None:
    """A way that leads back to where it began."""
    done: set[str] = set()

    def visit(node: str, trail: tuple[str, ...]) -> tuple[str, ...] | None:
        if node in trail:
            return (*trail, node)
        if node in done:
            return None
        for other in sorted(edges.get(node, ())):
            found = visit(other, (*trail, node))
            if found:
                return found
        done.add(node)
        return None

    return next((found for node in edges if (found := visit(node, ()))), None)


def test_a_circle_would_be_found():
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ("a", "b", "c", "a")
    assert circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


def test_no_circles_between_rooms():
    edges: dict[str, set[str]] = {room: set() for room in LEVELS}
    for path in FILES:
        room = house.room_of(path, ROOT)
        if room != "__init__":
            edges[room] |= house.imported_rooms(path) - {room, "__init__"}
    assert circle_in(edges) is None


def test_no_circles_between_modules():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES}
    edges: dict[str, set[str]] = {}
    for path in FILES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        edges[name] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                targets = {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
                edges[name] |= (targets & names) - {name}
    assert circle_in(edges) is None


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_readable(path):
    assert path.read_text().count("\n") <= LONGEST_FILE
    for function in house.functions(path):
        assert house.length_of(function) <= LONGEST_FUNCTION, f"{path}: {function.name}"
        assert house.num_parameters(function) <= MOST_PARAMETERS, f"{path}: {function.name}"


def test_rooms_stay_small():
    assert max(house.files_of_rooms(ROOT).values()) <= MOST_FILES, house.files_of_rooms(ROOT)
    assert max(house.shares_of_rooms(ROOT).values()) <= LARGEST_SHARE, house.shares_of_rooms(ROOT)


def test_every_room_says_what_it_is_for():
    for init in PACKAGE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(init.read_text()))
        assert text, init
        if init.parent not in (PACKAGE, PACKAGE / "cli"):
            assert len(ast.parse(init.read_text()).body) == 1, f"{init}: only says what the room is for"


def test_what_argparse_made_does_not_travel():
    assert house.namespaces_outside_parsing(ROOT) == []


def test_every_module_has_a_test_of_its_name():
    assert set(house.untested(ROOT)) == set(WITHOUT_OWN_TEST)


def test_every_test_file_is_named_after_a_module_or_a_script():
    strays = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        inside = path.relative_to(ROOT / "tests")
        name = path.stem.removeprefix("test_")
        places = [PACKAGE / inside.parent / f"{name}.py", ROOT / inside.parent / f"{name}.py"]
        if not any(place.is_file() for place in places):
            strays.add(inside.as_posix())
    assert strays == set(TESTS_OF_NO_MODULE)


def test_albumentations_lives_in_one_room():
    users = [p.relative_to(PACKAGE).as_posix() for p in FILES if "import albumentations" in p.read_text()]
    assert users == ["batches/augment.py"]


def test_nothing_dangerous():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "os.system", "pickle.load", "pickle.loads"), f"{path}: {name}"
                if name == "torch.load":
                    assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
                assert not any(k.arg == "shell" and ast.unparse(k.value) == "True" for k in node.keywords)


def calls_of(names: set[str]) -> set[str]:
    """The files that call one of these, written with its module."""
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    }


def test_nothing_that_lasts_is_timed_by_a_clock_that_can_be_set():
    """The date of a report, and when a live frame was captured, is all that the wall's clock says."""
    clocks = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime", "time"}
    dates = {f"{start}.{end}" for start in ("datetime", "datetime.datetime") for end in ("now", "utcnow", "today")}
    assert calls_of(clocks | dates) == {"reporting/provenance.py", "sources/instant.py"}


def test_nothing_listens_to_the_network_but_the_room_for_it():
    """torch's own processes find each other by what torchrun says."""
    servers = {
        "socketserver",
        "http.server",
        "asyncio",
        "flask",
        "fastapi",
        "uvicorn",
        "aiohttp",
        "gradio",
        "streamlit",
    }
    for path in FILES:
        if path.parent.name == "serving":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            imported = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            imported += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not servers & set(imported), path
            assert not (isinstance(node, ast.Attribute) and node.attr in ("listen", "bind", "accept")), path


def test_import_is_silent_light_and_changes_nothing():
    code = (
        "import os, sys, random, logging, signal; before = (dict(os.environ), random.getstate(), "
        "list(logging.getLogger().handlers), signal.getsignal(signal.SIGINT))\n"
        "import yolov3\n"
        "after = (dict(os.environ), random.getstate(), list(logging.getLogger().handlers), "
        "signal.getsignal(signal.SIGINT))\n"
        "assert before == after\n"
        "heavy = {'torch', 'cv2', 'numpy', 'albumentations', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
