"""What an examination finds, as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Literal

Severity = Literal["note", "warning", "error"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""

MOST_PLACES = 100
"""So many places are kept of a finding; a person is shown fewer."""

FINE, WARNINGS, ERRORS = 0, 1, 2
"""The exit codes of an examination."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong or worth knowing.

    ``kind`` is its stable word for programs, ``what`` one sentence with numbers, ``places`` the first of the files
    (``file``, ``file:line``, ``file: entry``) it was found in, ``count`` how many there are in all, ``costs`` what comes of
    leaving it, ``advice`` what to do.
    """

    kind: str
    severity: Severity
    what: str
    places: tuple[str, ...] = ()
    count: int = 1
    costs: str = ""
    advice: str = ""

    def with_places(self, most: int) -> Finding:
        """The same with at most so many places."""
        return replace(self, places=self.places[:most])

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "places": list(self.places)}


def first_places(places: Iterable[object]) -> tuple[str, ...]:
    """As many places as a finding keeps; the others are not even made."""
    return tuple(str(place) for place in islice(places, MOST_PLACES))


@dataclass(frozen=True)
class SplitCounts:
    """How much of a split was looked at: ``name``, where it was read from (``source``), ``images`` and ``boxes`` as its files
    have them."""

    name: str
    source: str
    images: int
    boxes: int


@dataclass(frozen=True)
class Examination:
    """What was looked at in ``target``, and what was found, the worst first."""

    target: str
    splits: tuple[SplitCounts, ...]
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """The findings of a severity."""
        return Counter(finding.severity for finding in self.findings)[severity]

    def of_kind(self, kind: str) -> tuple[Finding, ...]:
        """The findings of a kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def exit_code(self, *, strict: bool = False) -> int:
        """0 fine (notes do not count), 1 warnings, 2 errors; where it is ``strict`` warnings are errors."""
        if self.count("error") or (strict and self.count("warning")):
            return ERRORS
        return WARNINGS if self.count("warning") else FINE

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "target": self.target,
            "splits": [asdict(split) for split in self.splits],
            "classes": list(self.classes),
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "notes": self.count("note"),
            "findings": [finding.as_plain() for finding in self.findings],
        }


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first, else as they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
