"""A file's own digest within the file: what is damaged is noticed before any program tries to run it.

The digest is taken over the file with zeros in the digest's place. It protects from accidents and from cut downloads, not
from somebody who means to deceive: he can seal anew.
"""

from __future__ import annotations

import hashlib
import re

SEAL_KEY = "yolov3_seal"
OPEN_SEAL = "0" * 64
"""What stands in a file that is not sealed yet."""

_DIGEST = rb"[0-9a-f]{64}"


class SealError(ValueError):
    """A file that has no seal, or whose seal is broken; the message says which."""


def seal(content: bytes, *, key: str = SEAL_KEY) -> bytes:
    """The content with its digest in the place of :data:`OPEN_SEAL`, which follows ``key`` somewhere in it."""
    start, stop = _place(content, key)
    assert content[start:stop] == OPEN_SEAL.encode(), "a seal is set once"
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[:start] + digest + content[stop:]


def check_seal(content: bytes, *, key: str = SEAL_KEY) -> None:
    """Raise SealError where the content is not what was sealed."""
    start, stop = _place(content, key)
    digest = hashlib.sha256(content[:start])
    digest.update(OPEN_SEAL.encode())
    digest.update(memoryview(content)[stop:])
    if digest.hexdigest().encode() != content[start:stop]:
        raise SealError("damaged: its content does not match its own checksum")


def _place(content: bytes, key: str) -> tuple[int, int]:
    """Where the digest lies: the last one that stands soon after the key."""
    found = content.rfind(key.encode())
    match = re.search(_DIGEST, content[found : found + len(key) + 100]) if found >= 0 else None
    if match is None:
        raise SealError("not exported by this program (it does not describe itself), or cut off")
    return found + match.start(), found + match.end()
