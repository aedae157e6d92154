"""docs/faults.md is true: every fault stands there once, the tests that it names are there and are run, its bounds are those
of the code."""

from __future__ import annotations

import ast
import datetime
import functools
import importlib
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "faults.md"
FAULTS = 94
NEEDS_A_GPU = "needs a GPU"
TEST = re.compile(r"( \d|\d\d|  )  (tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)")
"""A line below a table: the number of a fault, or nothing where it is the one above, a file, a test in it."""
BOUND = re.compile(r"`(yolov3(?:\.[a-z0-9_]+)+)\.([A-Z_]+)`")
LEFT_OUT = {"slow", "shared", "skip"}
"""Marks, and fixtures, of tests that a plain clone does not run."""


@dataclass(frozen=True)
class Row:
    """A fault: its number, what goes wrong, what is promised, the tests that keep the promise as (file, name)."""

    number: int
    fault: str
    promise: str
    tests: tuple[tuple[str, str], ...]


def tables() -> list[list[str]]:
    """The cells of all rows of all tables, without their heads."""
    lines = PAGE.read_text().splitlines()
    rows = [line for line in lines if line.startswith("|") and not re.fullmatch(r"[|:\- ]+", line)]
    heads = {lines[place - 1] for place, line in enumerate(lines) if re.fullmatch(r"\|[|:\- ]+", line)}
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row not in heads]


def kept_by() -> dict[int, list[tuple[str, str]]]:
    """The tests (file, name) that keep each promise."""
    kept: dict[int, list[tuple[str, str]]] = {}
    inside = False
    for line in PAGE.read_text().splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside:
            match = TEST.fullmatch(line)
            assert match is not None, f"no line of a test: {line}"
            number, file, name = match.groups()
            if number.strip():
                assert int(number) not in kept, f"{number} stands twice"
                kept[int(number)] = []
            kept[list(kept)[-1]].append((file, name))
    return kept


TESTS = kept_by()
ROWS = [
    Row(int(cells[0]), cells[1], cells[2], tuple(TESTS.get(int(cells[0]), ())))
    for cells in tables()
    if cells[0].isdecimal()
]
BOUNDS = [(cells[0], cells[1], match[1], match[2]) for cells in tables() if (match := BOUND.fullmatch(cells[2]))]


def runs_in_a_plain_clone(source: str) -> dict[str, bool]:
    """The tests in a file, and whether each is run where there are neither reference data nor a GPU. Marks that have a name,
    and those of the whole file, are followed; other conditions are those of systems and extras that a developer has."""
    tree = ast.parse(source)
    named = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def leaves_out(mark: ast.expr) -> bool:
        if isinstance(mark, ast.List | ast.Tuple):
            return any(map(leaves_out, mark.elts))
        if isinstance(mark, ast.Name):
            return mark.id in named and leaves_out(named[mark.id])
        if isinstance(mark, ast.Call):
            condition = ast.unparse(mark.args[0]) if mark.args else ""
            never = condition == "True" or condition.startswith("not torch.cuda")
            return leaves_out(mark.func) or (ast.unparse(mark.func) == "pytest.mark.skipif" and never)
        return isinstance(mark, ast.Attribute) and ast.unparse(mark.value) == "pytest.mark" and mark.attr in LEFT_OUT

    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    asks = {node.name: {argument.arg for argument in node.args.args} for node in functions}
    missing = set(LEFT_OUT)
    while more := {name for name, wanted in asks.items() if wanted & missing} - missing:
        missing |= more  # a fixture that asks for one that is not there is none either
    everywhere = "pytestmark" in named and leaves_out(named["pytestmark"])
    return {
        node.name: not (everywhere or node.name in missing or any(map(leaves_out, node.decorator_list)))
        for node in functions
        if node.name.startswith("test_")
    }


@functools.cache
def plain_tests(file: str) -> dict[str, bool]:
    return runs_in_a_plain_clone((ROOT / file).read_text())


def test_every_fault_stands_there_once():
    assert sorted(row.number for row in ROWS) == list(range(1, FAULTS + 1))
    assert all(row.fault and row.promise for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_every_promise_is_kept_by_a_test(row):
    assert row.tests, f"{row.number}: no test"
    for file, name in row.tests:
        assert (ROOT / file).is_file(), f"{row.number}: {file} is not there"
        assert name in plain_tests(file), f"{row.number}: {file} has no {name}"
    assert len(set(row.tests)) == len(row.tests)
    if not any(plain_tests(file)[name] for file, name in row.tests):
        assert NEEDS_A_GPU in row.promise, f"{row.number}: no test of it runs in a plain clone"


def test_no_test_is_named_for_a_fault_that_is_not_there():
    assert set(TESTS) <= {row.number for row in ROWS}
    assert all(len(cells) == 3 for cells in tables())


@pytest.mark.parametrize(
    ("lines", "runs"),
    [
        ("def test_it(): ...", True),
        ("@pytest.mark.slow\ndef test_it(): ...", False),
        ("@pytest.mark.timeout(900)\n@pytest.mark.shared\ndef test_it(): ...", False),
        ("@pytest.mark.skip(reason='later')\ndef test_it(): ...", False),
        ("@pytest.mark.skipif(True, reason='later')\ndef test_it(): ...", False),
        ("def test_it(shared): ...", False),
        ("def models(shared): ...\ndef best(models): ...\ndef test_it(best): ...", False),
        ("pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]\ndef test_it(): ...", False),
        ("pytestmark = pytest.mark.usefixtures('slow')\ndef test_it(): ...", True),
        ("gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='')\n@gpu\ndef test_it(): ...", False),
        ("@pytest.mark.skipif(torch.cuda.is_available(), reason='')\ndef test_it(): ...", True),
        ("@pytest.mark.skipif(os.name != 'posix', reason='slow')\ndef test_it(shared_memory): ...", True),
        ("@pytest.mark.parametrize('slow', [1])\ndef test_it(slow_one): ...", True),
        ("@settings(deadline=None)\n@given(st.integers())\ndef test_it(number): ...", True),
    ],
)
def test_what_a_plain_clone_leaves_out(lines, runs):
    assert runs_in_a_plain_clone(lines) == {"test_it": runs}


def test_the_bounds_are_those_of_the_code():
    assert len(BOUNDS) > 15
    for what, told, module, name in BOUNDS:
        value = getattr(importlib.import_module(module), name)
        if isinstance(value, datetime.timedelta):
            value = value.total_seconds()
        assert Decimal(told.replace(",", "")) == Decimal(str(value)), f"{what}: {told}, and {module}.{name} is {value}"


def test_the_page_is_linked_where_the_others_are():
    assert "(docs/faults.md)" in (ROOT / "README.md").read_text()
    assert "(faults.md)" in (ROOT / "docs" / "contributing.md").read_text()
