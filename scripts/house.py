"""How the house stands: sizes of rooms, files and functions, and what each module owes its neighbours.

    python scripts/house.py                  # this checkout
    python scripts/house.py OTHER_CHECKOUT   # another beside it

The limits are kept by tests/test_architecture.py, which asks the functions here.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(root: Path) -> list[Path]:
    """All files of the package."""
    return sorted((root / "yolov3").rglob("*.py"))


def room_of(path: Path, root: Path) -> str:
    """The room of a module: its folder below the package, or its own name where it stands at the top."""
    parts = path.relative_to(root / "yolov3").parts
    return parts[0] if len(parts) > 1 else path.stem


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a module imports from, wherever in it."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "yolov3" and len(parts) > 1:
                rooms.add(parts[1] if parts[1] != "__version__" else "__init__")
    return rooms


def functions(path: Path) -> Iterator[Function]:
    """All functions and methods of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def num_parameters(function: Function) -> int:
    """Parameters without self and cls; *args and **kwargs are one each."""
    given = function.args
    named = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")]) + bool(given.vararg) + bool(given.kwarg)


def length_of(function: Function) -> int:
    """Lines from its name to its end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_file_of(path: Path, root: Path) -> Path:
    """Where the test of a module belongs."""
    inside = path.relative_to(root / "yolov3")
    return root / "tests" / inside.parent / f"test_{path.stem}.py"


def untested(root: Path) -> list[str]:
    """The modules without a test file of their own name in its place, rooms' __init__ aside."""
    return [
        path.relative_to(root / "yolov3").as_posix()
        for path in modules(root)
        if path.stem not in ("__init__", "__main__") and not test_file_of(path, root).is_file()
    ]


def shares_of_rooms(root: Path) -> dict[str, float]:
    """The share of the code's lines that each room (folder) holds, largest first."""
    lines: Counter[str] = Counter()
    for path in modules(root):
        lines[room_of(path, root)] += path.read_text().count("\n")
    total = lines.total()
    return {room: count / total for room, count in lines.most_common() if (root / "yolov3" / room).is_dir()}


def files_of_rooms(root: Path) -> dict[str, int]:
    """How many files lie in each folder, most first."""
    return dict(Counter(str(path.parent.relative_to(root)) for path in modules(root)).most_common())


def namespaces_outside_parsing(root: Path) -> list[str]:
    """Functions but those called ``parse...`` whose annotations speak of argparse.Namespace."""
    return [
        f"{path.relative_to(root)}:{function.lineno}: {function.name}"
        for path in modules(root)
        for function in functions(path)
        if not function.name.startswith("parse") and "argparse.Namespace" in ast.unparse(function.args)
    ]


def measure(root: Path) -> dict[str, str]:
    """The table's rows."""
    files = modules(root)
    text = {path: path.read_text() for path in files}
    sizes = {path: content.count("\n") for path, content in text.items()}
    every = [(path, function) for path in files for function in functions(path)]
    asked = re.compile(r"\b(?:hasattr|getattr)\((?:self\.|run\.|state\.|model\.)*(?:network|model)\b")
    room, share = next(iter(shares_of_rooms(root).items()))
    folder, most = next(iter(files_of_rooms(root).items()))
    largest = max(sizes, key=lambda path: sizes[path])
    longest_path, longest = max(every, key=lambda pair: length_of(pair[1]))
    missing = untested(root)
    owing = [path for path in files if path.stem not in ("__init__", "__main__")]
    return {
        "lines of code": f"{sum(sizes.values())} in {len(files)} files",
        "largest room": f"{room}, {100 * share:.1f} %",
        "most files in one folder": f"{folder}, {most}",
        "modules without a test of their name": f"{len(missing)} of {len(owing)}",
        "`type: ignore` lines": str(sum(content.count("# type: ignore") for content in text.values())),
        "functions outside parsing that take an argparse.Namespace": str(len(namespaces_outside_parsing(root))),
        "functions with more than 7 parameters": str(sum(num_parameters(function) > 7 for _, function in every)),
        "`hasattr`/`getattr` on networks": str(sum(len(asked.findall(content)) for content in text.values())),
        "median file": f"{statistics.median(sizes.values()):.0f} lines",
        "largest file": f"{largest.relative_to(root)}, {sizes[largest]} lines",
        "longest function": f"{longest.name} in {longest_path.relative_to(root)}, {length_of(longest)} lines",
    }


def main() -> int:
    """Print the table, of one or several checkouts."""
    roots = [Path(word).resolve() for word in sys.argv[1:]] or [ROOT]
    tables = [measure(root) for root in roots]
    print("| | " + " | ".join(root.name for root in roots) + " |")
    print("|---|" + "---|" * len(roots))
    for name in tables[0]:
        print(f"| {name} | " + " | ".join(table[name] for table in tables) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
