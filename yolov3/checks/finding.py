"""What is found to be wrong or worth knowing, as a record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Literal

from yolov3.watching.lines import WARNING

Severity = Literal["note", "warning", "error"]

MOST_PLACES = 100
"""So many places are kept of a finding; a person is shown fewer."""


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

    @property
    def warning(self) -> str:
        """It as the one line of a warning: what, with an example, what it costs, what to do."""
        example = f", such as {self.places[0]}" if self.places and self.places[0] not in self.what else ""
        return f"{WARNING}{self.what}{example}; {self.costs}; {self.advice}"

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "places": list(self.places)}


def first_places(places: Iterable[object]) -> tuple[str, ...]:
    """As many places as a finding keeps; the others are not even made."""
    return tuple(str(place) for place in islice(places, MOST_PLACES))
