"""The live loop: what several streams have new goes through the detector together, as it comes, into the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from yolov3.inference.delivery import Delivery
from yolov3.inference.detector import Detector
from yolov3.inference.usable_frames import what_broke
from yolov3.sources.frames import Frame, FrameSource
from yolov3.sources.stream_options import StreamOptions
from yolov3.streams.counts import StreamCounts
from yolov3.streams.together import Ended, Streams
from yolov3.watching.words import counted


@dataclass(frozen=True)
class LiveLoop:
    """Sends the frames of live sources through ``detector`` and every result into ``delivery``: of all that have a new one,
    one each at once. Of each source at most ``max_frames`` are taken. What happens to one is told at once, and counted."""

    detector: Detector
    delivery: Delivery
    options: StreamOptions = field(default_factory=StreamOptions)
    max_frames: int | None = None

    def run(self, sources: Sequence[FrameSource]) -> None:
        """Go on until all have ended. Raises SourceError when the only item of the run cannot be used."""
        times, tally = self.detector.times, self.delivery.tally
        with Streams(sources, self.options) as streams:
            running = {source.name: source for source in sources}
            tally.streams.update((name, StreamCounts()) for name in running)
            moments = iter(streams)
            try:
                while True:
                    with times.spent_in("reading"):
                        moment = next(moments, None)
                    if moment is None:
                        return
                    for note in moment.notes:
                        (self.delivery.watcher.warn if note.warning else self.delivery.watcher.say)(note.line)
                    if moment.frames:
                        self._detect(moment.frames, running)
                        self._leave_finished(moment.frames, streams)
                    for ended in moment.ended:
                        self._end(ended, running, len(sources) > 1)
            finally:
                for name, source in running.items():
                    self._settle(source, streams.frozen(name))

    def _detect(self, frames: Sequence[Frame], running: dict[str, FrameSource]) -> None:
        waited = [frame.age or 0.0 for frame in frames]
        prepared = self.detector.prepare([frame.image for frame in frames])
        found = self.detector.detect_prepared(prepared, [frame.source for frame in frames])
        for frame, detections, waiting in zip(frames, found, waited):
            stages = self.delivery.tally.streams[frame.source].stages
            stages["waiting"].add(waiting)
            for stage, milliseconds in detections.times.items():
                if stage in stages:
                    stages[stage].add(len(frames) * milliseconds / 1000)
            self.delivery.deliver(frame, detections, rate=running[frame.source].rate, total=None)

    def _leave_finished(self, frames: Sequence[Frame], streams: Streams) -> None:
        for frame in frames:
            if self.delivery.tally.streams[frame.source].frames == self.max_frames:
                streams.leave(frame.source)

    def _end(self, ended: Ended, running: dict[str, FrameSource], among_others: bool) -> None:
        source = running.pop(ended.source.name)
        self._settle(source, ended.frozen)
        if ended.problem is not None:
            self.delivery.tell_problem(ended.problem)
            return
        broken = ended.damage or what_broke(source)
        if broken is not None:
            self.delivery.tell_damaged(broken)
        if among_others:
            frames = self.delivery.tally.streams[source.name].frames
            self.delivery.watcher.say(f"{source.name}: has ended after {counted(frames, 'frame')}")

    def _settle(self, source: FrameSource, frozen: int) -> None:
        counts = self.delivery.tally.streams[source.name]
        counts.reconnects, counts.frozen = source.broken if source.length is None else 0, frozen
        if counts.frames:
            self.delivery.end(source.name)
