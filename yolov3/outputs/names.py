"""Names for what is written: one per source, safe on every file system, never one twice."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from pathlib import PurePath

LONGEST_NAME = 180  # bytes; room for a suffix, a number and the 255 that file systems allow
_LOST_END = re.compile(r"[\s.]+\Z")  # Windows takes dots and blanks off a name's end
_FRAME = re.compile(r"(.*)_[0-9]{6,}", re.DOTALL)
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


class OutputNames:
    """Gives every source a name of its own: ``a/1.jpg`` becomes ``1``, then ``b/1.jpg`` and ``1.png`` ``1-2`` and
    ``1-3``. Names differ in more than case, because some file systems do not tell it. An image is not called as a frame
    of a video: beside ``v.mp4``, whose first frame is ``v_000000``, ``v_000000.jpg`` becomes ``v_000000-2``."""

    def __init__(self) -> None:
        self._reserved: dict[str, deque[str]] = {}
        self._taken: set[str] = set()
        self._given: dict[str, str] = {}
        self._of_videos: set[str] = set()
        self._like_frames: set[str] = set()  # of which videos the images' names could be frames

    def name_of(self, source: str, *, has_frames: bool = False) -> str:
        """The name for a source (a path, a camera's number, an address; of one that ``has_frames`` the name without their
        numbers), the same every time."""
        if source not in self._given and self._reserved.get(source):
            self._given[source] = self._reserved[source].popleft()
        if source not in self._given:
            base = safe_name(_stem_of(source))
            name, number = base, 1
            while not self._take(name.casefold(), has_frames):
                number += 1
                name = f"{base}-{number}"
            self._given[source] = name
        return self._given[source]

    def _take(self, name: str, has_frames: bool) -> bool:
        """Whether it was free."""
        if name in self._taken:
            return False
        video = _video_of_frame(name)
        if has_frames:
            if name in self._like_frames:
                return False
            self._of_videos.add(name)
        elif video is not None:
            if video in self._of_videos:
                return False
            self._like_frames.add(video)
        self._taken.add(name)
        return True

    def reserve(self, sources: Iterable[tuple[str, bool]]) -> list[str]:
        """The names of sources that will come, each with whether it has frames, in their order, whether they can be used or
        not."""
        names, again = [], []
        for source, has_frames in sources:
            names.append(self.name_of(source, has_frames=has_frames))
            if has_frames:
                self.end(source)
                again.append((source, names[-1]))
        self.keep(again)
        return names

    def keep(self, named: Iterable[tuple[str, str]]) -> None:
        """These sources get these names, in this order where one comes again; another gave them."""
        for source, name in named:
            self._reserved.setdefault(source, deque()).append(name)

    def end(self, source: str) -> None:
        """The source has ended: should one of the same name follow, it gets a name of its own."""
        self._given.pop(source, None)


def frame_name(video: str, index: int) -> str:
    """What the files of a video's frame are called."""
    return f"{video}_{index:06d}"


def _video_of_frame(name: str) -> str | None:
    """Of which video it would be a frame."""
    match = _FRAME.fullmatch(name)
    return match and match[1]


def _stem_of(source: str) -> str:
    _, mark, rest = source.partition("://")
    if mark and "/" not in rest.rstrip("/"):
        return rest.rstrip("/")  # a host alone: the dots in 10.0.0.7 begin no suffix
    return PurePath(source).stem


def safe_name(text: str) -> str:
    """``text`` as the name of a file or folder, without what some system forbids or reads as something else."""
    # A name that is not UTF-8 arrives with surrogates, which no output file could carry.
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _UNSAFE.sub("_", text).strip()
    text = _LOST_END.sub("", text.encode("utf-8")[:LONGEST_NAME].decode("utf-8", "ignore"))
    if not text or _RESERVED.fullmatch(text):
        text = f"_{text}"
    return text
