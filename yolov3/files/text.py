"""Text files, line by line."""

from __future__ import annotations

from pathlib import Path

from yolov3.errors import UserError

LARGEST_FILE = 4_000_000  # bytes
LARGEST_LIST = 400_000_000  # bytes of a list of files: some millions of them


def read_lines(path: Path, *, what: str = "a list", most_bytes: int = LARGEST_FILE) -> list[str]:
    """The lines of a text file in UTF-8, with or without a byte order mark; ``what`` it is meant to be is told where it
    is not. Raises UserError."""
    try:
        if path.stat().st_size > most_bytes:
            raise UserError(f"{path}: larger than {most_bytes} bytes: not {what}")
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not readable as {what}: not a text in UTF-8") from error
