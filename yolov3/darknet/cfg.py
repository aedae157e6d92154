"""Darknet's ``.cfg`` text: sections of ``key=value`` lines, read strictly and written again.

As in Darknet: blanks anywhere in a line mean nothing, lines that begin with ``#`` or ``;`` are comments, of a key
given twice the first counts. Beyond it: a byte order mark, Windows' line ends and a comment behind a value are
understood; what is no section, no ``key=value`` or no number where one belongs is an error that names the line.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.reading import read_bytes

LARGEST_FILE = 4_000_000  # bytes
LARGEST_SECTIONS = 2001  # [net] and as many layers as a network may have
MOST_NOTES = 100

_SECTION = re.compile(r"\[([A-Za-z0-9_]{1,64})\]\Z")
_KEY = re.compile(r"[A-Za-z0-9_]{1,64}\Z")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\Z")
_LONGEST_NUMBER = 64


@dataclass(frozen=True)
class CfgOption:
    """One ``key=value`` and the line it stands on."""

    key: str
    value: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class CfgSection:
    """One ``[name]`` and its options, each key once."""

    name: str
    options: tuple[CfgOption, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Cfg:
    """All sections of a file. ``notes`` tell what was passed over, such as keys given twice."""

    sections: tuple[CfgSection, ...]
    source: str = field(default="cfg", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)


def read_cfg(path: str | Path) -> Cfg:
    """The sections of a ``.cfg`` file. Raises UserError for what cannot be read."""
    path = Path(path)
    content = read_bytes(path, most=LARGEST_FILE, what="a .cfg")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path}: saved as UTF-16; save it as UTF-8 or plain text")
    # Comments may be in any encoding; a damaged key or value is found when it is looked at.
    return parse_cfg(content.decode("utf-8-sig", errors="replace"), str(path))


def parse_cfg(text: str, source: str = "cfg") -> Cfg:
    """The sections of a ``.cfg`` text. Raises UserError naming ``source`` and the line."""
    sections: list[CfgSection] = []
    options: dict[str, CfgOption] = {}
    notes: list[str] = []
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, raw in enumerate(lines, start=1):
        line = raw.translate(_BLANKS)
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            name = _section_name(line, f"{source}:{number}")
            if len(sections) >= LARGEST_SECTIONS:
                raise UserError(f"{source}:{number}: more than {LARGEST_SECTIONS} sections")
            _close(sections, options)
            sections.append(CfgSection(name, line=number))
            options = {}
            continue
        option = _option(line, number, source)
        if not sections:
            raise UserError(f"{source}:{number}: {_short(line)} stands before the first [section]")
        if option.key in options:
            if len(notes) < MOST_NOTES:
                first = _short(options[option.key].value)
                notes.append(f"{source}:{number}: {option.key} is given twice; the first counts ({first})")
            continue
        options[option.key] = option
    _close(sections, options)
    if not sections:
        raise UserError(f"{source}: no [section] in it: not a Darknet .cfg")
    return Cfg(tuple(sections), source, tuple(notes))


def write_cfg(cfg: Cfg) -> str:
    """The text of a ``.cfg``; parsing it gives equal sections."""
    blocks = ("\n".join((f"[{s.name}]", *(f"{o.key}={o.value}" for o in s.options))) for s in cfg.sections)
    return "\n\n".join(blocks) + "\n"


class SectionReader:
    """Typed access to the options of one section; at the end, :meth:`finish` finds those nobody asked for."""

    def __init__(self, section: CfgSection, source: str) -> None:
        self.section, self.source = section, source
        self._options = {option.key: option for option in section.options}
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._options

    def fault(self, reason: str, key: str | None = None) -> UserError:
        """The error to raise: with the line of ``key``, or of the section."""
        line = self._options[key].line if key in self._options else self.section.line
        return UserError(f"{self.source}:{line}: [{self.section.name}] {reason}")

    def text(self, key: str, default: str | None = None) -> str:
        """A word. Raises UserError when it is missing and has no default."""
        self._asked.add(key)
        if key in self._options:
            return self._options[key].value
        if default is None:
            raise self.fault(f"needs {key}=")
        return default

    def choice(self, key: str, default: str, allowed: Collection[str]) -> str:
        """One of the allowed words."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.fault(f"{key}={_short(value)} cannot be done; allowed: {', '.join(allowed)}", key)
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number. Raises UserError for anything else."""
        return self._integer(key, self.text(key, None if default is None else str(default)))

    def integers(self, key: str) -> tuple[int, ...]:
        """Whole numbers with commas between."""
        return tuple(self._integer(key, part) for part in self.text(key).split(","))

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        return self._number(key, self.text(key, repr(default)))

    def numbers(self, key: str) -> tuple[float, ...]:
        """Finite numbers with commas between."""
        return tuple(self._number(key, part) for part in self.text(key).split(","))

    def finish(self, harmless: Collection[str], off: Mapping[str, Collection[str]]) -> None:
        """Raise UserError for an option that was not asked for and is neither among the ``harmless`` ones nor switched
        off (``off``: which values of a key mean that nothing is asked)."""
        for option in self.section.options:
            if option.key in self._asked or option.key in harmless:
                continue
            if option.key not in off:
                known = sorted({*self._asked, *harmless, *off})
                near = difflib.get_close_matches(option.key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise self.fault(f"unknown key {option.key}{hint}", option.key)
            if option.value not in off[option.key]:
                raise self.fault(f"{option.key}={_short(option.value)} cannot be done", option.key)

    def _integer(self, key: str, value: str) -> int:
        if not _INTEGER.match(value):
            raise self.fault(f"{key} must be a whole number, found {_short(value) or 'nothing'}", key)
        return int(value)

    def _number(self, key: str, value: str) -> float:
        if len(value) > _LONGEST_NUMBER or not _NUMBER.match(value) or not math.isfinite(float(value)):
            raise self.fault(f"{key} must be a number, found {_short(value) or 'nothing'}", key)
        return float(value)


_BLANKS = dict.fromkeys(map(ord, " \t\v\f\u00a0"))


def _section_name(line: str, place: str) -> str:
    match = _SECTION.match(_without_comment(line))
    if match is None:
        raise UserError(f"{place}: a section is written [name], found {_short(line)}")
    return match.group(1)


def _option(line: str, number: int, source: str) -> CfgOption:
    key, equals, value = line.partition("=")
    if not equals or not _KEY.match(key):
        raise UserError(f"{source}:{number}: expected key=value, found {_short(line)}")
    return CfgOption(key, _without_comment(value), number)


def _close(sections: list[CfgSection], options: dict[str, CfgOption]) -> None:
    if sections:
        last = sections[-1]
        sections[-1] = CfgSection(last.name, tuple(options.values()), last.line)


def _without_comment(text: str) -> str:
    return re.split("[#;]", text, maxsplit=1)[0]


def _short(text: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in text[:40])
    return shown + ("..." if len(text) > 40 else "")
