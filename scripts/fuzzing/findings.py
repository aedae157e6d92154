"""Faults that were found: each kind once, by its smallest input, in a file that can be fed again."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SEPARATOR = "--"
"""Between the reader's name and the rest in the name of a saved input."""


@dataclass(frozen=True)
class Finding:
    """A fault of a reader with an input, whose ``data`` are None where a smaller one has been given."""

    reader: str
    kind: str
    what: str
    details: str
    data: bytes | None

    @property
    def name(self) -> str:
        """Of its files: the same for the same fault of the same reader."""
        words = re.sub(r"[^\w]+", "-", self.what).strip("-")[:60]
        digest = hashlib.sha256(f"{self.kind} {self.what}".encode()).hexdigest()[:6]
        return f"{self.reader}{SEPARATOR}{self.kind}-{words}-{digest}"


def reader_of(case: Path) -> str:
    """The name of the reader that a saved input is for."""
    return case.name.partition(SEPARATOR)[0]


@dataclass
class Findings:
    """Those of a folder. ``counts`` says how often each was met in this run."""

    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, finding: Finding, suffix: str) -> bool:
        """Keep a finding, unless a smaller input shows the same; whether it is new in this run."""
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.counts[finding.name] += 1
            path = self.folder / f"{finding.name}{suffix}"
            if finding.data is not None and not (path.exists() and path.stat().st_size <= len(finding.data)):
                path.write_bytes(finding.data)
                path.with_name(f"{path.name}.why").write_text(finding.details, encoding="utf-8", errors="replace")
            return self.counts[finding.name] == 1


@dataclass
class Tally:
    """Of each reader the inputs, those that were accepted, the seconds they took and the ``most`` bytes of memory that one of
    them did, in a file that the next run goes on from."""

    file: Path
    seed: int
    inputs: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)

    most: Counter[str] = field(default_factory=Counter)

    @staticmethod
    def open(file: Path, seed: int) -> Tally:
        """As the file says; another seed begins anew."""
        tally = Tally(file, seed)
        if file.is_file():
            stored = json.loads(file.read_text())
            if stored["seed"] == seed:
                for name, values in stored["readers"].items():
                    tally.add(name, *values)
        return tally

    def add(self, reader: str, inputs: int, accepted: int, seconds: float, most: int = 0) -> None:
        """Count what a reader has done."""
        self.inputs[reader] += inputs
        self.accepted[reader] += accepted
        self.seconds[reader] += seconds  # type: ignore[assignment]
        self.most[reader] = max(self.most[reader], most)

    def save(self) -> None:
        """Write it down."""
        readers = {
            name: [self.inputs[name], self.accepted[name], round(self.seconds[name], 3), self.most[name]]
            for name in self.inputs
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps({"seed": self.seed, "readers": readers}, indent=1))
        new.replace(self.file)
