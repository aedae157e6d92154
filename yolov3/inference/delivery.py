"""What becomes of a result: counted, told, given to every output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.images.blur import blur_boxes
from yolov3.outputs.names import OutputNames
from yolov3.outputs.output import Output, Result, StopDetecting
from yolov3.sources.frames import Frame, SourceError
from yolov3.streams.counts import StreamCounts, StreamSummary
from yolov3.tracking.following import Followed, Following, FollowOptions
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.watcher import Watcher

_LISTS = ("problems", "damaged", "counts")


@dataclass
class Tally:
    """What a run of so many ``items`` came to so far. ``problems``: a line for each file that could not be used;
    ``damaged``: for each that could, as far as it goes; ``stopped``: an output wanted no more; ``counts``: a line for each
    line and zone of each video and stream that has ended; ``streams``: how live sources do, by their names."""

    items: int = 0
    frames: int = 0
    boxes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    stopped: bool = False
    counts: list[str] = field(default_factory=list)
    streams: dict[str, StreamCounts] = field(default_factory=dict)

    def add(self, detections: Detections) -> None:
        """Count a frame."""
        self.frames += 1
        self.boxes.update(detections.name_of(label) for label in detections.labels.tolist())

    def since(self, before: Tally) -> dict[str, Any]:
        """What has come to it since it was as ``before``, but for streams, as plain values."""
        lists = {name: getattr(self, name)[len(getattr(before, name)) :] for name in _LISTS}
        return {"frames": self.frames - before.frames, "boxes": dict(self.boxes - before.boxes), **lists}

    def add_plain(self, plain: Mapping[str, Any]) -> None:
        """Add what :meth:`since` gave. Raises UserError for what is no such thing."""
        try:
            self.frames += int(plain["frames"])
            self.boxes.update({str(name): int(count) for name, count in plain["boxes"].items()})
            for name in _LISTS:
                getattr(self, name).extend(map(str, plain[name]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"a part of the run is damaged ({error}); begin a new run") from error

    def stream_summaries(self) -> tuple[StreamSummary, ...]:
        """How each live source did so far."""
        return tuple(counts.summary(name) for name, counts in self.streams.items())


@dataclass(frozen=True)
class Delivery:
    """Gives every result to all ``outputs``, counts it in ``tally`` and the time that outputs take in ``times``. What is
    found of the classes ``blurred``, by their labels, no output sees sharp. With ``follow`` each video and stream is
    followed by itself."""

    outputs: Sequence[Output]
    watcher: Watcher
    tally: Tally
    times: StageTimes
    blurred: frozenset[int] = frozenset()
    follow: FollowOptions | None = None
    names: OutputNames = field(default_factory=OutputNames)
    followings: dict[str, Following] = field(default_factory=dict)

    def deliver(self, frame: Frame, detections: Detections, *, rate: float | None, total: int | None) -> None:
        """Take what was found in a frame of a source with this ``rate``, one of ``total``. Raises StopDetecting when an
        output wants no more; the others have got this result all the same."""
        with self.times.spent_in("writing"):
            name = self.names.name_of(frame.source, has_frames=frame.index is not None)
            delay = frame.age
            detections, followed = self._followed(frame, detections)
            result = Result(self._shown(frame, detections), detections, name, rate, delay, followed)
            stops = [_write(output, result) for output in self.outputs]
        self.tally.add(detections)
        if result.delay is not None and frame.source in self.tally.streams:
            self.tally.streams[frame.source].add(frame, result.delay)
        self.watcher.advance(self.tally.frames, total)
        if any(stops):
            raise StopDetecting

    def _followed(self, frame: Frame, detections: Detections) -> tuple[Detections, Followed | None]:
        if self.follow is None:
            return detections, None
        if frame.index is None:  # nobody can be followed in images that have nothing to do with each other
            return detections[detections.scores >= self.follow.tracker.high], None
        following = self.followings.setdefault(frame.source, Following(self.follow))
        height, width = frame.image.shape[:2]
        return following.follow(detections, (height, width), frame.seconds)

    def _shown(self, frame: Frame, detections: Detections) -> Frame:
        if not self.blurred:
            return frame
        chosen = [label in self.blurred for label in detections.labels.tolist()]
        return replace(frame, image=blur_boxes(frame.image, detections.boxes.numpy(force=True)[chosen]))

    def end(self, source: str) -> None:
        """A source with frames has ended."""
        with self.times.spent_in("writing"):
            for output in self.outputs:
                output.end(self.names.name_of(source, has_frames=True))
        self.names.end(source)
        following = self.followings.pop(source, None)
        if following is not None and following.counting is not None:
            self.tally.counts += [f"{source}: {line}" for line in following.counting.in_words()]

    def settle(self) -> None:
        """Wait until all that was given is written."""
        with self.times.spent_in("writing"):
            for output in self.outputs:
                try:
                    output.settle()
                except StopDetecting:
                    self.tally.stopped = True

    def tell_problem(self, line: str) -> None:
        """Something cannot be used. Raises SourceError when it is all there is."""
        if self.tally.items == 1:
            raise SourceError(line)
        self.tally.problems.append(line)
        self.watcher.warn(f"not used: {line}")

    def tell_damaged(self, line: str) -> None:
        """Something could be used in part."""
        self.tally.damaged.append(line)
        self.watcher.warn(f"damaged: {line}")


def _write(output: Output, result: Result) -> bool:
    """Whether the output wants no more."""
    try:
        output.write(result)
    except StopDetecting:
        return True
    return False
