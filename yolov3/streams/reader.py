"""A live source and the thread that reads it, whether somebody takes its frames or not."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace

from yolov3.sources.frames import Frame, FrameSource, Note, SourceError, Unusable
from yolov3.sources.stream_options import FramePolicy, StreamOptions
from yolov3.streams.frozen import FrozenImage
from yolov3.watching.words import duration

QUEUED = 8  # frames that wait where every one is wanted; then the thread waits
MOST_NOTES = 100  # that wait to be told
STUCK_SECONDS = 60.0  # within one call of a library, which should have given up by itself long before


class StreamReader:
    """Opens ``source`` and reads it to its end; the frames that it has so far are :meth:`take` n by another thread. Of frames
    that come faster, ``newest`` keeps the last one and counts the others, ``every`` lets the source wait.

    ``changed`` is held by whoever looks at a reader or changes it, and told of all that happens. ``failure`` is what ended
    it, ``frozen`` how often its image stood still.
    """

    def __init__(self, source: FrameSource, options: StreamOptions, changed: threading.Condition) -> None:
        self.source = source
        self.failure: BaseException | None = None
        self.frozen = 0
        self.notes: deque[Note] = deque(maxlen=MOST_NOTES)
        self.came = -float("inf")  # the last frame, by time.monotonic
        self._options, self._changed = options, changed
        self._frames: deque[Frame] = deque()
        self._passed_over = 0
        self._taken = 0
        self._read = self._leaving = False
        self._thread = threading.Thread(target=self._go, name=f"reader of {source.name}", daemon=True)
        source.tell = self._tell

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def leave(self) -> None:
        """Read no further. What is still within a library is not waited for."""
        self._leaving = True
        self._frames.clear()
        self.source.stop()
        self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait so long at most until the thread is done."""
        self._thread.join(seconds)

    @property
    def has_frame(self) -> bool:
        """Whether there is one to take."""
        return bool(self._frames)

    @property
    def has_ended(self) -> bool:
        """Whether nothing will come any more."""
        return self._leaving or (self._read and not self._frames)

    @property
    def has_begun(self) -> bool:
        """Whether a frame was ever taken."""
        return self._taken > 0

    def take(self) -> Frame:
        """The newest frame, or the next one."""
        frame = replace(self._frames.popleft(), source=self.source.name, passed_over=self._passed_over)
        self._passed_over = 0
        self._taken += 1
        self._changed.notify_all()
        return frame

    def give_up_stuck(self, now: float) -> None:
        """End it where a library does not come back."""
        since = self.source.calling_since
        if since is not None and now - since > STUCK_SECONDS and not self._read:
            self.failure = SourceError(f"{self.source.name}: has not answered for {duration(now - since)}")
            self.leave()

    def _go(self) -> None:
        failure: BaseException | None = None
        try:
            with self.source:
                policy = self._options.frames or ("every" if self.source.waits else "newest")
                self._go_through(policy)
        except BaseException as error:  # it is raised, or told, where somebody hears it
            failure = error
        with self._changed:
            if not self._leaving:
                self.failure = failure
            self._read = True
            self._changed.notify_all()

    def _go_through(self, policy: FramePolicy) -> None:
        may_freeze = self.source.length is None
        image = FrozenImage(self._options.frozen_after)
        for frame in self.source:
            assert not isinstance(frame, Unusable), "files alone give those"
            if may_freeze and image.look(frame.image, time.monotonic()):
                self._tell_frozen(image.is_frozen)
            with self._changed:
                if policy == "newest":
                    self._passed_over += len(self._frames)
                    self._frames.clear()
                while len(self._frames) >= QUEUED and not self._leaving:
                    self._changed.wait()
                if self._leaving:
                    return
                self._frames.append(frame)
                self.came = time.monotonic()
                self._changed.notify_all()

    def _tell_frozen(self, is_frozen: bool) -> None:
        if is_frozen:
            self.frozen += 1
            self._tell(Note(f"{self.source.name}: frozen: the same image for {duration(self._options.frozen_after)}"))
        else:
            self._tell(Note(f"{self.source.name}: the image moves again", warning=False))

    def _tell(self, note: Note) -> None:
        with self._changed:
            self.notes.append(note)
            self._changed.notify_all()
