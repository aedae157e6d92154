"""What is measured of the house, on a small one that is made up."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

FILES = {
    "yolov3/__init__.py": '"""The house."""\n__version__ = "1"\n',
    "yolov3/__main__.py": "from yolov3.kitchen.stove import heat\n",
    "yolov3/door.py": "from yolov3.kitchen import stove\n\n\ndef parse_word(arguments: argparse.Namespace): ...\n",
    "yolov3/kitchen/__init__.py": '"""Where it is warm."""\n',
    "yolov3/kitchen/stove.py": dedent(
        """
        import os
        import yolov3.cellar.coal
        from yolov3 import __version__
        from yolov3.cellar.wood import chop as split


        def heat(network, *, a, b, c, d, e, f, **more):
            from yolov3.door import parse_word

            return hasattr(network, "x") or getattr(run.state.network, "y", None)  # type: ignore[attr-defined]


        class Pot:
            def lid(self, size, *rest):
                def inner(): ...

            @classmethod
            def of(cls, one, /, two): ...

            async def boil(self): ...
        """
    ).lstrip(),
    "yolov3/cellar/__init__.py": '"""Where it is cold."""\n',
    "yolov3/cellar/wood.py": "def chop(words: argparse.Namespace | None = None):\n    pass\n",
    "yolov3/cellar/coal.py": "SHOVEL = 1\n",
    "tests/kitchen/test_stove.py": "",
    "tests/test_wood.py": "",  # of the right name, in the wrong place
}


@pytest.fixture
def house(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import house

    return house


@pytest.fixture
def root(tmp_path) -> Path:
    """A small checkout."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_all_files_of_the_package_are_modules(house, root):
    names = [path.relative_to(root).as_posix() for path in house.modules(root)]
    assert names == sorted(name for name in FILES if name.startswith("yolov3/"))


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("door.py", "door"),
        ("__init__.py", "__init__"),
        ("kitchen/stove.py", "kitchen"),
        ("kitchen/__init__.py", "kitchen"),
    ],
)
def test_a_room_is_a_folder_or_a_file_at_the_top(house, root, name, room):
    assert house.room_of(root / "yolov3" / name, root) == room


@pytest.mark.parametrize(
    ("name", "rooms"),
    [
        ("kitchen/stove.py", {"cellar", "door", "__init__"}),  # wherever in it, however it is written
        ("door.py", {"kitchen"}),
        ("cellar/wood.py", set()),
    ],
)
def test_imports_lead_into_rooms(house, root, name, rooms):
    assert house.imported_rooms(root / "yolov3" / name) == rooms


def test_functions_are_found_wherever_they_stand(house, root):
    names = [function.name for function in house.functions(root / "yolov3" / "kitchen" / "stove.py")]
    assert sorted(names) == ["boil", "heat", "inner", "lid", "of"]


@pytest.mark.parametrize(
    ("text", "parameters", "lines"),
    [
        ("def f(): ...", 0, 1),
        ("def f(self): ...", 0, 1),
        ("def f(cls, a, b=1): ...", 2, 1),
        ("def f(a, /, b, *, c): ...", 3, 1),
        ("def f(*args, **kwargs): ...", 2, 1),
        ("@decorated\n@twice\ndef f(\n    a,\n    b,\n):\n    '''Words.'''\n\n    return a\n", 2, 7),
        ("async def f(a):\n    def g(b, c): ...\n    return g\n", 1, 3),
    ],
)
def test_parameters_and_lines_of_a_function(house, text, parameters, lines):
    (function,) = ast.parse(text).body
    assert (house.num_parameters(function), house.length_of(function)) == (parameters, lines)


def test_a_test_stands_in_the_place_of_its_module(house, root):
    assert house.test_file_of(root / "yolov3" / "door.py", root) == root / "tests" / "test_door.py"
    stove = root / "yolov3" / "kitchen" / "stove.py"
    assert house.test_file_of(stove, root) == root / "tests" / "kitchen" / "test_stove.py"
    assert house.untested(root) == ["cellar/coal.py", "cellar/wood.py", "door.py"]


def test_shares_and_files_of_rooms(house, root):
    lines = {name: text.count("\n") for name, text in FILES.items() if name.startswith("yolov3/")}
    total = sum(lines.values())
    kitchen = lines["yolov3/kitchen/__init__.py"] + lines["yolov3/kitchen/stove.py"]
    assert house.shares_of_rooms(root) == {"kitchen": kitchen / total, "cellar": 4 / total}
    assert list(house.shares_of_rooms(root)) == ["kitchen", "cellar"]
    assert house.files_of_rooms(root) == {"yolov3/cellar": 3, "yolov3": 3, "yolov3/kitchen": 2}


def test_what_argparse_made_is_seen_outside_parsing(house, root):
    assert house.namespaces_outside_parsing(root) == ["yolov3/cellar/wood.py:1: chop"]


def test_the_tables_rows(house, root):
    rows = house.measure(root)
    lines = sum(text.count("\n") for name, text in FILES.items() if name.startswith("yolov3/"))
    stove = FILES["yolov3/kitchen/stove.py"].count("\n")
    assert rows == {
        "lines of code": f"{lines} in 8 files",
        "largest room": f"kitchen, {100 * (stove + 1) / lines:.1f} %",
        "most files in one folder": "yolov3, 3",
        "modules without a test of their name": "3 of 4",
        "`type: ignore` lines": "1",
        "functions outside parsing that take an argparse.Namespace": "1",
        "functions with more than 7 parameters": "1",
        "`hasattr`/`getattr` on networks": "2",
        "median file": "2 lines",
        "largest file": f"yolov3/kitchen/stove.py, {stove} lines",
        "longest function": "heat in yolov3/kitchen/stove.py, 4 lines",
    }


def test_several_checkouts_stand_beside_each_other(root):
    words = [sys.executable, str(SCRIPTS / "house.py")]
    done = subprocess.run([*words, str(root), str(SCRIPTS.parent)], capture_output=True, text=True, check=True)
    head, rule, *rows = done.stdout.splitlines()
    assert head == f"| | {root.name} | {SCRIPTS.parent.name} |" and rule == "|---|---|---|"
    assert len(rows) == 11 and all(row.count("|") == 4 for row in rows)
    alone = subprocess.run(words, capture_output=True, text=True, check=True, cwd=root).stdout.splitlines()
    assert alone[0] == f"| | {SCRIPTS.parent.name} |"  # its own, wherever it is called from
    assert [row.split(" | ")[1].removesuffix(" |") for row in alone[2:]] == [
        row.split(" | ")[2].removesuffix(" |") for row in rows
    ]
