"""The detection loop: frames of a source, batch by batch through the detector, into the outputs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from yolov3.detections import Detections
from yolov3.inference.detector import Detector
from yolov3.inference.prepared import Prepared
from yolov3.inference.usable_frames import prepared_batches, usable_frames, what_broke
from yolov3.outputs.names import OutputNames
from yolov3.outputs.output import Output, Result, StopDetecting
from yolov3.sources.find import sources_of
from yolov3.sources.frames import Frame, FrameSource, SourceError
from yolov3.sources.items import DataItem, ImageItem, Item
from yolov3.watching.watcher import Watcher


@dataclass
class Tally:
    """What a run of so many ``items`` came to so far. ``problems``: a line for each file that could not be used;
    ``damaged``: for each that could, as far as it goes; ``stopped``: an output wanted no more."""

    items: int = 0
    frames: int = 0
    boxes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    stopped: bool = False

    def add(self, detections: Detections) -> None:
        """Count a frame."""
        self.frames += 1
        self.boxes.update(detections.name_of(label) for label in detections.labels.tolist())


@dataclass(frozen=True)
class DetectionLoop:
    """Sends items through ``detector`` and every result into ``outputs``, counting in ``tally``; the time of reading and
    writing goes into the detector's.

    What cannot be used is told, counted and passed over, unless it is all there is: then SourceError is raised. Of a video
    or a stream at most ``max_frames`` are taken.
    """

    detector: Detector
    outputs: Sequence[Output]
    watcher: Watcher
    tally: Tally
    batch_size: int
    max_frames: int | None = None
    names: OutputNames = field(default_factory=OutputNames)

    def run(self, items: Sequence[Item]) -> None:
        """Go through all items in order. Raises SourceError when the only one cannot be used."""
        self.tally.items = len(items)
        total = len(items) if all(isinstance(item, ImageItem | DataItem) for item in items) else None
        try:
            for source in sources_of(items, ahead=2 * self.batch_size):
                self._run_source(source, total)
        except StopDetecting:
            self.tally.stopped = True
        with self.detector.times.spent_in("writing"):
            for output in self.outputs:
                try:
                    output.settle()
                except StopDetecting:
                    self.tally.stopped = True

    def _run_source(self, source: FrameSource, total: int | None) -> None:
        try:
            with source:
                if source.rate is not None and source.length is not None:
                    total = self.tally.frames + source.length
                frames = usable_frames(source, unusable=self._tell_problem, damaged=self._tell_damaged)
                if source.rate is not None:
                    frames = itertools.islice(frames, self.max_frames)
                detector = self.detector
                with closing(
                    prepared_batches(frames, source, self.batch_size, detector.prepare, detector.times)
                ) as batches:
                    for batch, prepared in batches:
                        self._run_batch(batch, prepared, source, total)
        except SourceError as error:
            self._tell_problem(str(error))
        finally:
            if source.rate is not None:
                with self.detector.times.spent_in("writing"):
                    for output in self.outputs:
                        output.end(self.names.name_of(source.name, has_frames=True))
                self.names.end(source.name)
        broken = what_broke(source)
        if broken is not None:
            self._tell_damaged(broken)

    def _run_batch(self, batch: list[Frame], prepared: Prepared, source: FrameSource, total: int | None) -> None:
        found = self.detector.detect_prepared(prepared, [frame.source for frame in batch])
        for frame, detections in zip(batch, found):
            with self.detector.times.spent_in("writing"):
                name = self.names.name_of(frame.source, has_frames=frame.index is not None)
                result = Result(frame, detections, name, source.rate)
                stops = [self._write(output, result) for output in self.outputs]
            self.tally.add(detections)
            self.watcher.advance(self.tally.frames, total)
            if any(stops):
                raise StopDetecting

    def _write(self, output: Output, result: Result) -> bool:
        """Whether the output wants no more; the others still get this result."""
        try:
            output.write(result)
        except StopDetecting:
            return True
        return False

    def _tell_problem(self, line: str) -> None:
        if self.tally.items == 1:
            raise SourceError(line)
        self.tally.problems.append(line)
        self.watcher.warn(f"not used: {line}")

    def _tell_damaged(self, line: str) -> None:
        self.tally.damaged.append(line)
        self.watcher.warn(f"damaged: {line}")
