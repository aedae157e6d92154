"""Numbers and lists as people read them: the right form of the noun, times in units that suit them, the first of many."""

from __future__ import annotations

from collections.abc import Iterable

from yolov3.watching.printable import printable, shortened

EXAMPLES = 5  # so many of a longer list are named in a message

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))  # seconds of each


def counted(number: int, noun: str) -> str:
    """A number and what it counts: ``1 image``, ``2 images``, ``0 boxes``. The last word of ``noun`` takes the plural."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith(('s', 'x', 'tch', 'sh')) else 's'}"


def duration(seconds: float) -> str:
    """A time in its two largest units: ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d``."""
    rest, parts = max(0, round(seconds)), list[str]()
    for unit, name in _UNITS:
        count, rest = divmod(rest, unit)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


def some(things: Iterable[object], *, most: int = EXAMPLES, separator: str = ", ") -> str:
    """The first few of a list, each as it may be shown, and how many more there are."""
    listed = [str(thing) for thing in things]
    rest = len(listed) - most
    shown = [printable(shortened(text)) for text in listed[:most]]
    return separator.join(shown) + (f" and {rest} more" if rest > 0 else "")
