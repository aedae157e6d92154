"""Text files, line by line."""

from __future__ import annotations

from pathlib import Path

from yolov3.files.reading import read_text

LARGEST_FILE = 4_000_000  # bytes
LARGEST_LIST = 400_000_000  # bytes of a list of files: some millions of them


def read_lines(path: Path, *, what: str = "a list", most_bytes: int = LARGEST_FILE) -> list[str]:
    """The lines of a text file in UTF-8, with or without a byte order mark; ``what`` it is meant to be is told where it
    is not. Raises UserError."""
    text = read_text(path, most=most_bytes, what=what)
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
