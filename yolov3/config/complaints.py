"""What is wrong with plain values that were to be settings, in words that name the key."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from yolov3.config.kinds import Section, section_of, setting_names
from yolov3.dialogue.suggestions import ask, did_you_mean, nearest_settings
from yolov3.watching.printable import quoted, shortened

SectionKind = TypeVar("SectionKind", bound=Section)

MOST_TOLD = 30
"""Keys that are wrong in one file, each told in a line."""

_KINDS = ("int", "float", "str", "bool")
_QUOTED = re.compile("'([^']*)'")


@dataclass(frozen=True)
class Complaint:
    """What is wrong with the value at ``place``; for an unknown key the names of settings that were ``perhaps`` meant, and,
    to be told where there are none, what is ``allowed``."""

    place: tuple[Any, ...]
    text: str
    perhaps: tuple[str, ...] = ()
    allowed: str = ""

    def line(self, value: str | None = None) -> str:
        """The complaint in a line. ``value`` is the text that the user gave the key, where it was said in a word."""
        end = "" if value is None else f"={shortened(value)}"
        return self.text + (ask(name + end for name in self.perhaps) or self.allowed)


def check(kind: type[SectionKind], values: dict[str, Any]) -> SectionKind | list[Complaint]:
    """Plain values as a section, or what is wrong with them, a complaint per key."""
    try:
        # Through JSON, because a strict pydantic model takes a list for a tuple only there.
        return kind.model_validate_json(json.dumps(values))
    except ValidationError as error:
        return [_complaint(kind, problem) for problem in _distinct(kind, error)]
    except (TypeError, ValueError, RecursionError) as error:
        return [Complaint((), "nested too deeply" if isinstance(error, RecursionError) else shortened(str(error)))]


def _distinct(kind: type[Section], error: ValidationError) -> list[Any]:
    # A union reports one problem per member; the first of each key says enough.
    found: dict[tuple[Any, ...], Any] = {}
    for problem in error.errors(include_url=False):
        place = _place(kind, problem["loc"])
        found.setdefault(place, {**problem, "loc": place})
    problems = list(found.values())
    rest = len(problems) - MOST_TOLD
    if rest > 0:  # a list of thousands of wrong things is one mistake
        problems[MOST_TOLD:] = [
            {"loc": (), "type": "value_error", "msg": f"and {rest} more keys whose values are wrong"}
        ]
    return problems


def _place(kind: type[Section], parts: Sequence[Any]) -> tuple[Any, ...]:
    """The keys on the way to what is wrong, without the names that pydantic gives the members of a union. In a section
    there are keys alone, and they are the user's, whatever they look like."""
    place = []
    inside: type[Section] | None = kind
    for part in parts:
        if inside is not None or not _is_union_tag(part):
            place.append(part)
        inside = section_of(inside, part) if inside is not None else None
    return tuple(place)


def _is_union_tag(part: Any) -> bool:
    return isinstance(part, str) and (
        "[" in part or part.startswith("constrained-") or part in ("int", "float", "str", "bool")
    )


def _complaint(kind: type[Section], problem: dict[str, Any]) -> Complaint:
    place, found = problem["loc"], problem.get("input")
    key = _dotted(place)
    if problem["type"] == "extra_forbidden":
        return _unknown_key(kind, place, found)
    reason = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return Complaint(place, f"{key}: {reason}" if key else reason)
    if problem["type"] == "model_type":
        reason = "keys with values are expected"
    question = ""
    if problem["type"] == "literal_error" and isinstance(found, str):
        question = did_you_mean(found, _QUOTED.findall(problem["ctx"]["expected"]))
    return Complaint(place, f"{key}: found {_shown(found)}{question}; {reason[0].lower()}{reason[1:]}")


def _unknown_key(kind: type[Section], place: tuple[Any, ...], found: Any) -> Complaint:
    text, allowed = f"unknown key {_dotted(place)}", f"; allowed here: {', '.join(_keys_at(kind, place[:-1]))}"
    names = setting_names(kind)
    if not isinstance(found, dict):
        return Complaint(place, text, tuple(nearest_settings(_dotted(place), names)), allowed)
    if len(found) == 1:  # a setting of an unknown section
        return Complaint(place, text, tuple(nearest_settings(_dotted((*place, *found)), names)), allowed)
    question = did_you_mean(str(place[-1]), _keys_at(kind, place[:-1]))
    return Complaint(place, text + (question or allowed))


def _dotted(place: Sequence[Any]) -> str:
    return ".".join(shortened(str(part)) for part in place)


def _shown(value: Any) -> str:
    try:
        return shortened(json.dumps(value, default=str))
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return quoted(value)


def _keys_at(kind: type[Section], place: Sequence[Any]) -> list[str]:
    for part in place:
        inside = section_of(kind, part)
        if inside is None:
            return []
        kind = inside
    return list(kind.model_fields)
