"""What all files of exported graphs have in common when they are read: one clear line for whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yolov3.errors import UserError
from yolov3.graphs.facts import KEY, FactsError, GraphFacts
from yolov3.graphs.seal import SealError, check_seal


def read_file(path: Path, *, most: int, allowed: str) -> bytes:
    """The whole content of a file of at most so many bytes, in words what is ``allowed``. Raises UserError."""
    try:
        if path.stat().st_size > most:
            raise UserError(f"{path}: {path.stat().st_size} bytes; {allowed}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def require_seal(path: Path, content: bytes) -> None:
    """Raise UserError where the content of the file ``path`` is not what was sealed."""
    try:
        check_seal(content)
    except SealError as error:
        raise UserError(f"{path}: {error}") from error


def facts_among(path: Path, texts: Mapping[str, str]) -> GraphFacts:
    """The description among the texts in the metadata of the file ``path``. Raises UserError."""
    if KEY not in texts:
        raise UserError(f"{path}: not exported by this program (it does not describe itself)")
    try:
        return GraphFacts.from_text(texts[KEY])
    except FactsError as error:
        raise UserError(f"{path}: {error}") from error
