"""Small text files, line by line."""

from __future__ import annotations

from pathlib import Path

from yolov3.errors import UserError

LARGEST_FILE = 4_000_000  # bytes


def read_lines(path: Path) -> list[str]:
    """The lines of a small text file in UTF-8, with or without a byte order mark. Raises UserError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"{path}: larger than {LARGEST_FILE} bytes: not a list")
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text in UTF-8") from error
