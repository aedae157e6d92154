"""Several streams at once: what each has new, without that one waits for another."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from yolov3.sources.frames import Frame, FrameSource, Note, SourceError
from yolov3.sources.stream_options import StreamOptions
from yolov3.streams.reader import StreamReader

GATHER_SECONDS = 0.004  # that a frame waits for those of the other streams
FLOWING_SECONDS = 1.0  # without a frame, and a stream is not waited for
LOOK_SECONDS = 1.0  # between two looks whether a reader is stuck
LEAVE_SECONDS = 0.3  # for all readers to be done


@dataclass(frozen=True)
class Ended:
    """A source that has come to its end: how often its image was ``frozen``, ``problem`` where it could not be used at all,
    ``damage`` where it could for a while."""

    source: FrameSource
    frozen: int = 0
    problem: str | None = None
    damage: str | None = None


@dataclass(frozen=True)
class Moment:
    """What streams have come to: ``frames``, at most one of each; ``notes`` about them; and which have ``ended``."""

    frames: tuple[Frame, ...] = ()
    notes: tuple[Note, ...] = ()
    ended: tuple[Ended, ...] = ()


class Streams:
    """Live sources, each read by a thread of its own while this is entered. Iterating gives a :class:`Moment` as soon as
    there is something new, until all have ended; whatever unexpected happens in a thread is raised there. Sources of one
    name get a number behind it. Nobody is waited for who does not answer, neither between frames nor on the way out."""

    def __init__(self, sources: Sequence[FrameSource], options: StreamOptions | None = None) -> None:
        _tell_apart(sources)
        self._changed = threading.Condition()
        options = options or StreamOptions()
        self._readers = {source.name: StreamReader(source, options, self._changed) for source in sources}
        self._all = list(self._readers.values())

    def __enter__(self) -> Self:
        for reader in self._all:
            reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            for reader in self._all:
                reader.leave()
        end = time.monotonic() + LEAVE_SECONDS
        for reader in self._all:
            reader.join(max(0.0, end - time.monotonic()))

    def __iter__(self) -> Iterator[Moment]:
        while self._readers:
            yield self._next()

    def leave(self, name: str) -> None:
        """Read the source of this name no further; it ends, unless it has."""
        with self._changed:
            if name in self._readers:
                self._readers[name].leave()

    def frozen(self, name: str) -> int:
        """How often the image of this source stood still so far."""
        return next(reader.frozen for reader in self._all if reader.source.name == name)

    def _next(self) -> Moment:
        with self._changed:
            while not any(reader.has_frame or reader.notes or reader.has_ended for reader in self._readers.values()):
                self._changed.wait(LOOK_SECONDS)
                now = time.monotonic()
                for reader in self._readers.values():
                    reader.give_up_stuck(now)
            self._wait_for_others()
            readers = list(self._readers.values())
            frames = tuple(reader.take() for reader in readers if reader.has_frame)
            notes = tuple(note for reader in readers for note in reader.notes)
            for reader in readers:
                reader.notes.clear()
            ended = [self._readers.pop(reader.source.name) for reader in readers if reader.has_ended]
        return Moment(frames, notes, tuple(map(_ended, ended)))

    def _wait_for_others(self) -> None:
        """A few milliseconds for those that send frames and have none yet, so that they go through the network together."""
        end = time.monotonic() + GATHER_SECONDS
        readers = self._readers.values()
        while any(reader.has_frame for reader in readers):
            now = time.monotonic()
            late = [each for each in readers if not each.has_frame and now - each.came < FLOWING_SECONDS]
            if now >= end or not any(not each.has_ended for each in late):
                return
            self._changed.wait(end - now)


def _ended(reader: StreamReader) -> Ended:
    """Raises what nobody has foreseen."""
    failure = reader.failure
    if failure is None:
        return Ended(reader.source, reader.frozen)
    if not isinstance(failure, SourceError):
        raise failure
    if reader.has_begun:
        return Ended(reader.source, reader.frozen, damage=str(failure))
    return Ended(reader.source, reader.frozen, problem=str(failure))


def _tell_apart(sources: Sequence[FrameSource]) -> None:
    """Addresses may differ in what is not shown of them, and one may be given twice."""
    taken = Counter(source.name for source in sources)
    seen: Counter[str] = Counter()
    for source in sources:
        name = source.name
        seen[name] += 1
        if seen[name] > 1:
            number = seen[name]
            while f"{name} ({number})" in taken:
                number += 1
            source.name = f"{name} ({number})"
            taken[source.name] += 1
