"""What all files of exported graphs have in common when they are read: one clear line for whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.reading import read_bytes, require_file
from yolov3.graphs.facts import KEY, FactsError, GraphFacts
from yolov3.graphs.seal import SealError, check_seal


def read_file(path: Path, *, most: int, allowed: str) -> bytes:
    """The whole content of a file of at most so many bytes, in words what is ``allowed``. Raises UserError."""
    size = require_file(path).st_size
    if size > most:
        raise UserError(f"{path}: {size} bytes; {allowed}")
    return read_bytes(path, most=most, what="of one that may be read")


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
