"""Names for what is written: one per source, safe on every file system, never one twice."""

from __future__ import annotations

import re
from pathlib import PurePath

LONGEST_NAME = 180  # bytes; room for a suffix, a number and the 255 that file systems allow
_LOST_END = re.compile(r"[\s.]+\Z")  # Windows takes dots and blanks off a name's end
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


class OutputNames:
    """Gives every source a name of its own: ``a/1.jpg`` becomes ``1``, then ``b/1.jpg`` and ``1.png`` ``1-2`` and
    ``1-3``. Names differ in more than case, because some file systems do not tell it."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._given: dict[str, str] = {}

    def name_of(self, source: str) -> str:
        """The name for a source (a path, a camera's number, an address), the same every time."""
        if source not in self._given:
            base = safe_name(_stem_of(source))
            name, number = base, 1
            while name.casefold() in self._taken:
                number += 1
                name = f"{base}-{number}"
            self._taken.add(name.casefold())
            self._given[source] = name
        return self._given[source]

    def end(self, source: str) -> None:
        """The source has ended: should one of the same name follow, it gets a name of its own."""
        self._given.pop(source, None)


def _stem_of(source: str) -> str:
    _, mark, rest = source.partition("://")
    if mark and "/" not in rest.rstrip("/"):
        return rest.rstrip("/")  # a host alone: the dots in 10.0.0.7 begin no suffix
    return PurePath(source).stem


def safe_name(text: str) -> str:
    """``text`` as the name of a file or folder, without what some system forbids or reads as something else."""
    # A name that is not UTF-8 arrives with surrogates, which no output file could carry.
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _UNSAFE.sub("_", text).strip()
    text = _LOST_END.sub("", text.encode("utf-8")[:LONGEST_NAME].decode("utf-8", "ignore"))
    if not text or _RESERVED.fullmatch(text):
        text = f"_{text}"
    return text
