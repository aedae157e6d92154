"""The first bytes of a ``.weights`` file: which program wrote it, and how much the network has seen."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from yolov3.errors import UserError

_SHORT, _LONG = "<iiiI", "<iiiQ"  # major, minor, revision, seen
LONGEST = struct.calcsize(_LONG)


@dataclass(frozen=True)
class DarknetHeader:
    """The first bytes: the version of the writing program and ``seen``, the images it was trained on. From version 0.2
    on ``seen`` has 64 bits. The original program writes 0.2.0, the AlexeyAB branch 0.2.5, as we do."""

    major: int = 0
    minor: int = 2
    revision: int = 5
    seen: int = 0

    @property
    def size(self) -> int:
        """Bytes of the header: 20, or 16 before version 0.2."""
        return struct.calcsize(_LONG if self.major * 10 + self.minor >= 2 else _SHORT)

    @property
    def from_alexey(self) -> bool:
        """Whether the AlexeyAB branch wrote the file; it stores a batch norm on its own with its shift."""
        return self.revision >= 5

    def pack(self) -> bytes:
        """The bytes. Raises UserError when ``seen`` does not fit."""
        try:
            return struct.pack(self._layout, self.major, self.minor, self.revision, self.seen)
        except struct.error as error:
            raise UserError(f"seen={self.seen} does not fit a header of version {self.major}.{self.minor}") from error

    @staticmethod
    def unpack(start: bytes) -> DarknetHeader | None:
        """The header that a file's first bytes (LONGEST of them, where it has so many) hold; None when no program can
        have written such a one."""
        if len(start) < struct.calcsize(_SHORT):
            return None
        version = struct.unpack_from("<iii", start)
        header = DarknetHeader(*version)
        believable = all(0 <= number < limit for number, limit in zip(version, (10, 100, 10_000)))
        if not believable or len(start) < header.size:
            return None
        return DarknetHeader(*struct.unpack_from(header._layout, start))

    @property
    def _layout(self) -> str:
        return _LONG if self.size == LONGEST else _SHORT
