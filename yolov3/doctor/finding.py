"""What an examination looked at and found, as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from yolov3.checks.finding import Finding, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""

FINE, WARNINGS, ERRORS = 0, 1, 2
"""The exit codes of an examination."""


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

    def with_findings(self, more: Iterable[Finding]) -> Examination:
        """The same with what else was found."""
        return replace(self, findings=in_order((*self.findings, *more)))

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
