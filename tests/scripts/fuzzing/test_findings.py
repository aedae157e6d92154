"""Findings are kept once each, by their smallest input."""

from __future__ import annotations

from pathlib import Path

from fuzzing.findings import Finding, Findings, Tally, reader_of


def test_the_smallest_input_is_kept(tmp_path):
    findings = Findings(tmp_path / "findings")
    one = Finding("cfg", "exception", "KeyError cfg.py:read", "trace", b"12345")
    assert findings.add(one, ".cfg")
    assert not findings.add(Finding(one.reader, one.kind, one.what, "shorter", b"123"), ".cfg")
    assert not findings.add(Finding(one.reader, one.kind, one.what, "longer", b"1234567"), ".cfg")
    assert not findings.add(Finding(one.reader, one.kind, one.what, "told before", None), ".cfg")
    assert findings.add(Finding("cfg", "exception", "KeyError cfg.py:write", "other", b"1"), ".cfg")
    files = sorted(path for path in (tmp_path / "findings").iterdir() if path.suffix == ".cfg")
    assert sorted(path.read_bytes() for path in files) == [b"1", b"123"]
    assert {reader_of(path) for path in files} == {"cfg"}
    assert findings.counts[one.name] == 4


def test_a_tally_is_kept(tmp_path):
    tally = Tally(tmp_path / "new" / "inputs.json", seed=3)
    tally.add("cfg", 10, 4, 0.5, 7)
    tally.add("cfg", 5, 1, 0.25, 3)
    tally.save()
    again = Tally.open(Path(tally.file), 3)
    assert (again.inputs["cfg"], again.accepted["cfg"], again.seconds["cfg"], again.most["cfg"]) == (15, 5, 0.75, 7)
    assert not Tally.open(tally.file, 4).inputs
    assert not Tally.open(tmp_path / "none.json", 3).inputs
