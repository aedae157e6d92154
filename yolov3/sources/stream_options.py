"""How live sources are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from yolov3.errors import UserError

FramePolicy = Literal["newest", "every"]
"""What becomes of frames that come faster than they are looked at: all but the newest are passed over, or every one waits."""

PATIENCE_SECONDS = 600.0
FROZEN_SECONDS = 10.0


@dataclass(frozen=True)
class StreamOptions:
    """``frames``: which of them are looked at, by default the newest, of what waits (a file behind an address) every one;
    ``realtime``: video files are played at their own rate, as cameras are; ``patience``: seconds for which a connection that
    broke is tried again; ``frozen_after``: so many seconds of one and the same image are told."""

    frames: FramePolicy | None = None
    realtime: bool = False
    patience: float = PATIENCE_SECONDS
    frozen_after: float = FROZEN_SECONDS

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames not in get_args(FramePolicy):
            raise UserError(f"frames must be {' or '.join(get_args(FramePolicy))}, found {self.frames!r}")
        for name in ("patience", "frozen_after"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"{name} must be a number of seconds from 0, found {getattr(self, name)!r}")
