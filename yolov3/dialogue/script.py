"""Scripts for shells, made from a text with places to be filled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def filled(script: str, parts: Mapping[str, str]) -> str:
    """A script with ``@NAME@`` exchanged for the part of that name."""
    for name, text in parts.items():
        script = script.replace(f"@{name}@", text)
    return script


def indented(lines: Iterable[str], depth: int) -> str:
    """Lines that stand so far in, as one text."""
    return "\n".join(" " * depth + line for line in lines)
