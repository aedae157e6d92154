"""Texts of others as they may be shown: without what steers a terminal or hides what stands there, and not too long.

A name of a file or a class may hold anything: sequences that clear a screen, marks that turn the order of letters round,
a line's end that forges a line of a log, bytes that are no text, a hundred thousand letters. What is shown of it is made
here.
"""

from __future__ import annotations

import unicodedata

LONGEST_VALUE = 120
"""Letters of a value that a message repeats."""

LONGEST_NAMES = 600
"""Letters of a list of names that a message repeats."""

LONGEST_LINE = 2000
"""Letters of a line of a message, whatever it repeats."""

_STEERING = frozenset(
    ("Cc", "Cf", "Cs", "Zl", "Zp")
)  # control, format (bidi), lone surrogates, line and paragraph ends
_JOINERS = "\u200c\u200d"  # of letters in Persian, of emoji; they change nothing else
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    """The text with everything that is no letter to be seen written as an escape: a line's end as ``\\n``, a byte of a name
    that is not UTF-8 as ``\\xff``."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay apart."""
    return "\n".join(map(printable, text.split("\n")))


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """The text, or its beginning and its end where it is longer, and how much was left out between."""
    if len(text) <= longest:
        return text
    end = longest // 4
    left_out = f"... ({len(text) - longest} more letters) ..."
    return f"{text[: longest - end]}{left_out}{text[len(text) - end :]}"


def quoted(value: object, longest: int = LONGEST_VALUE) -> str:
    """A value as a message repeats it: as Python writes it, shortened. Of a large list or mapping no more is looked at than
    is shown."""
    return printable(shortened(repr(_beginning(value, longest)), longest))


def _beginning(value: object, most: int) -> object:
    """A value of which repr() takes no longer than its reader has patience."""
    if isinstance(value, str | bytes):
        return value if len(value) <= 100 * most else value[: 100 * most]
    if isinstance(value, list | tuple):
        return type(value)(_beginning(each, most) for each in value[:most])
    if isinstance(value, dict):
        first = list(value.items())[:most]
        return {_beginning(key, most): _beginning(each, most) for key, each in first}
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4000:
        return _Told(f"a number of {value.bit_length()} bits")  # Python refuses to write it out
    return value


class _Told(str):
    """Words that stand for a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _escaped(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    if unicodedata.category(letter) not in _STEERING or letter in _JOINERS:
        return letter
    number = ord(letter)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file's name that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
