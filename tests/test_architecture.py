"""The house keeps its rules: layers, no cycles, lengths, one room for albumentations, a quick and silent import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "yolov3"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 320
LONGEST_FUNCTION = 62

LAYERS = {
    "errors": 0, "structures": 0, "device": 0, "allocator": 0, "files": 0,
    "config": 1, "images": 1, "processes": 1, "boxes": 1, "anchors": 1, "anchor_clustering": 1,
    "models": 2, "geometry": 2, "codec": 2,
    "assign": 3, "loss": 3, "postprocess": 3, "datasets": 3, "darknet": 3, "shapes": 3,
    "batches": 4, "sources": 4,
    "formats": 5, "downloads": 5, "runtimes": 5,
    "evaluation": 6, "outputs": 6,
    "journal": 7,
    "training": 8, "inference": 8,
    "cli": 9, "__main__": 9, "__init__": 9,
}  # fmt: skip


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "yolov3" and len(parts) > 1:
                rooms.add(parts[1] if parts[1] in LAYERS else "__init__")
    return rooms


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down_only(path):
    room = room_of(path)
    assert room in LAYERS, f"{path}: a new room needs a layer"
    for other in imported_rooms(path) - {room}:
        assert LAYERS[other] <= LAYERS[room], f"{room} (layer {LAYERS[room]}) imports {other} (layer {LAYERS[other]})"
        assert {room, other} != {"training", "inference"}, "training and inference are strangers"


def test_no_cycles_between_rooms():
    edges = {room: set() for room in LAYERS}
    for path in FILES:
        room = room_of(path)
        if room != "__init__":
            edges[room] |= imported_rooms(path) - {room, "__init__"}
    done: set[str] = set()

    def visit(room: str, trail: tuple[str, ...]) -> None:
        assert room not in trail, f"a cycle: {' -> '.join((*trail, room))}"
        if room not in done:
            for other in edges[room]:
                visit(other, (*trail, room))
            done.add(room)

    for room in edges:
        visit(room, ())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f"{path}: {node.name}"


def test_albumentations_lives_in_one_room():
    users = [p.relative_to(PACKAGE).as_posix() for p in FILES if "import albumentations" in p.read_text()]
    assert users in ([], ["batches/augment.py"])


def test_nothing_dangerous():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "os.system", "pickle.load", "pickle.loads"), f"{path}: {name}"
                if name == "torch.load":
                    assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
                assert not any(k.arg == "shell" and ast.unparse(k.value) == "True" for k in node.keywords)


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


def test_every_public_name_resolves():
    import yolov3

    for name in yolov3.__all__:
        assert getattr(yolov3, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        _ = yolov3.nothing
