"""The fuzzing script: a short run over the quick readers, what it prints and returns, and all cases that were mended."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "tests" / "fuzz" / "cases").iterdir())
QUICK = (
    "cfg", "names", "darknet-data", "overrides", "thresholds", "metrics", "sources", "address", "zip", "coco", "voc-xml",
    "yolo-labels", "predictions", "jpeg", "png",
)  # fmt: skip


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_script", ROOT / "scripts" / "fuzz.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz = load_script()


def test_the_quick_readers_hold_for_a_while(tmp_path, capsys):
    words = [word for name in QUICK for word in ("--reader", name)]
    code = fuzz.main([*words, "--inputs", "20", "--out", str(tmp_path)])
    text = capsys.readouterr().out
    assert code == 0, text + "\n".join(path.read_text() for path in tmp_path.rglob("*.why"))
    assert f"{20 * len(QUICK)}" in text
    assert set(json.loads((tmp_path / "inputs.json").read_text())["readers"]) == set(QUICK)


def test_every_mended_case_stays_mended():
    assert CASES
    from fuzzing.harness import replay

    readers = fuzz.load_catalogue(fuzz.CATALOGUE).READERS
    there = {reader.name for reader in readers}  # those of extras that are not installed are not
    found = replay(fuzz.CATALOGUE, readers, [case for case in CASES if case.name.partition("--")[0] in there])
    assert not found, "\n\n".join(f"{each.reader}: {each.what}\n{each.details}" for each in found)


def test_the_cases_are_small():
    assert max(case.stat().st_size for case in CASES) <= 20_000


STUB = dedent(
    """
    from fuzzing.mutations import change_bytes
    from fuzzing.reader import Reader

    def read(path):
        if path.read_bytes()[:1] == b"b":
            raise KeyError("planted")

    READERS = [Reader("stub", "x.bin", lambda folder: [b"a", b"b" * 9][:1], read, change_bytes),
               Reader("other", "x.bin", lambda folder: [b"aaaa"], lambda path: None, change_bytes)]
    """
)


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    path = tmp_path / "stub_readers.py"
    path.write_text(STUB)
    return path


def test_a_fault_is_told_kept_and_found_again(stub, tmp_path, capsys):
    code = fuzz.main(["--catalogue", str(stub), "--inputs", "400", "--reader", "stub", "--out", str(tmp_path / "out")])
    assert code == 1
    assert "stub: exception: KeyError" in capsys.readouterr().out
    (kept,) = [path for path in (tmp_path / "out" / "findings").iterdir() if path.suffix == ".bin"]
    assert kept.read_bytes().startswith(b"b") and "planted" in kept.with_name(f"{kept.name}.why").read_text()
    assert fuzz.main(["--catalogue", str(stub), "--replay", str(kept)]) == 1
    assert "planted" in capsys.readouterr().out


def test_a_run_goes_on_where_the_last_one_ended(stub, tmp_path, capsys):
    words = ["--catalogue", str(stub), "--inputs", "30", "--reader", "other", "--out", str(tmp_path / "out")]
    assert [fuzz.main(words), fuzz.main(words)] == [0, 0]
    assert json.loads((tmp_path / "out" / "inputs.json").read_text())["readers"]["other"][0] == 60
    fuzz.main([*words, "--seed", "1"])
    assert json.loads((tmp_path / "out" / "inputs.json").read_text())["readers"]["other"][0] == 30


def test_a_reader_that_there_is_not(stub, tmp_path, capsys):
    assert fuzz.main(["--catalogue", str(stub), "--reader", "more", "--out", str(tmp_path)]) == 2
    assert "there are stub, other" in capsys.readouterr().out
