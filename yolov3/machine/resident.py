"""How much of the machine's memory this process holds, and held at most. From /proc where there is one, as Linux has it."""

from __future__ import annotations

import sys
from pathlib import Path

_PROC = Path("/proc/self")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes: what ru_maxrss counts in."""


def forget_peak() -> bool:
    """Let the peak be what is held now. False where the system cannot; then it stays that of the whole life."""
    try:
        (_PROC / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory() -> int:
    """The most bytes that this process held, since :func:`forget_peak`."""
    told = _status("VmHWM")
    if told is not None:
        return told
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT


def held_memory() -> int:
    """The bytes that this process holds now; 0 where the system does not say."""
    return _status("VmRSS") or 0


def _status(name: str) -> int | None:
    try:
        lines = (_PROC / "status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
