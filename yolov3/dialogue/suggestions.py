"""The word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

ALIKE = 0.7
"""How alike two names of settings are at least, of 1, that one is suggested for the other."""

SAME_KEY = 0.85
"""How alike names of settings are that differ in their section alone."""

PART_OF_KEY = 0.8
"""How alike a word and a key are of whose words it is one."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean train?)`` for ``trian``; nothing where no known word is like it."""
    return ask(get_close_matches(word, list(known), n=1))


def ask(words: Iterable[str]) -> str:
    """The question after these words, to be put behind what is wrong; nothing for none."""
    asked = " or ".join(words)
    return f" (did you mean {asked}?)" if asked else ""


def nearest_settings(word: str, names: Iterable[str], *, most: int = 3) -> list[str]:
    """The names of settings (``section.key`` or ``key``) that are most like ``word``: several where they are so alike, none
    where none is."""
    scores = {name: _likeness(word, name) for name in names}
    best = max(scores.values(), default=0.0)
    return [name for name, score in scores.items() if score == best >= ALIKE][:most]


def _likeness(word: str, name: str) -> float:
    given_section, _, given_key = word.rpartition(".")
    section, _, key = name.rpartition(".")
    part = PART_OF_KEY * (given_key in key.split("_"))
    if not given_section:
        return max(_ratio(given_key, key), part)
    keys = _ratio(given_key, key)
    both = (_ratio(given_section, section) + keys) / 2 if keys >= ALIKE else 0.0
    joined = _ratio(word.replace(".", "_"), key)
    return max(both, joined, SAME_KEY * (given_key == key))


def _ratio(word: str, other: str) -> float:
    return SequenceMatcher(None, word, other).ratio()
