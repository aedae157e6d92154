"""What a file is that is not what it should be, told from its first bytes, so that an error can say it."""

from __future__ import annotations

from pathlib import Path

from yolov3.files.reading import open_file

ARCHIVE = "it looks like a zip archive or a PyTorch file"
WEB_PAGE = "it looks like a web page"
ENOUGH = 64  # bytes from which a kind is told

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer: the file itself was not fetched"),
    (b"PK\x03\x04", ARCHIVE),
    (b"\x1f\x8b", "it looks like a gzip archive"),
    (b"\x80\x02", "it looks like a pickle"),
    (b"\x80\x03", "it looks like a pickle"),
    (b"\x80\x04", "it looks like a pickle"),
    (b"\x89HDF", "it looks like an HDF5 file"),
    (b"\x89PNG", "it looks like an image"),
    (b"\xff\xd8\xff", "it looks like an image"),
    (b"%PDF", "it looks like a PDF"),
    (b"[net]", "it looks like a .cfg"),
)


def kind_of_file(start: bytes) -> str | None:
    """What the first bytes (16 or more, where the file has them) look like, or None for nothing known."""
    if not start:
        return "the file is empty"
    if start.lstrip()[:1] == b"<":
        return WEB_PAGE
    for signature, kind in _SIGNATURES:
        if start.startswith(signature[: len(start)]):
            return kind
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start):
        return "it looks like text"
    if len(start) < 16:
        return "it is far too short"
    return None


def kind_of_path(path: Path) -> str | None:
    """The same of a file. Raises UserError for one that cannot be read."""
    with open_file(path) as stream:
        return kind_of_file(stream.read(ENOUGH))
