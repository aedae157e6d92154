"""The detection loop: frames of one source after the other, batch by batch through the detector, into the outputs; then what
is live, all together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from yolov3.inference.delivery import Delivery
from yolov3.inference.detector import Detector
from yolov3.inference.live import LiveLoop
from yolov3.inference.usable_frames import prepared_batches, usable_frames, what_broke
from yolov3.outputs.output import StopDetecting
from yolov3.sources.find import sources_of
from yolov3.sources.frames import FrameSource, SourceError
from yolov3.sources.items import DataItem, ImageItem, Item
from yolov3.sources.stream_options import StreamOptions


@dataclass(frozen=True)
class DetectionLoop:
    """Sends items through ``detector`` and every result into ``delivery``.

    What cannot be used is told, counted and passed over, unless it is all there is: then SourceError is raised. Of a video
    or a stream at most ``max_frames`` are taken; streams are read as ``streams`` says.
    """

    detector: Detector
    delivery: Delivery
    batch_size: int
    max_frames: int | None = None
    streams: StreamOptions = field(default_factory=StreamOptions)

    def run(self, items: Sequence[Item], *, part_of: Sequence[Item] | None = None) -> None:
        """Go through all items that have an end by themselves, in order, then through all live ones at once. Raises
        SourceError when the only one, of them or of all that they are ``part_of``, cannot be used."""
        tally = self.delivery.tally
        everything = items if part_of is None else part_of
        tally.items = len(everything)
        total = len(everything) if all(isinstance(item, ImageItem | DataItem) for item in everything) else None
        live = []
        try:
            for source in sources_of(items, ahead=2 * self.batch_size, streams=self.streams):
                if source.live:
                    live.append(source)
                else:
                    self._run_source(source, total)
            if live:
                LiveLoop(self.detector, self.delivery, self.streams, self.max_frames).run(live)
        except StopDetecting:
            tally.stopped = True
        self.delivery.settle()

    def _run_source(self, source: FrameSource, total: int | None) -> None:
        delivery, detector = self.delivery, self.detector
        try:
            with source:
                if source.rate is not None and source.length is not None:
                    total = delivery.tally.frames + source.length
                frames = usable_frames(source, unusable=delivery.tell_problem, damaged=delivery.tell_damaged)
                if source.rate is not None:
                    frames = itertools.islice(frames, self.max_frames)
                with closing(
                    prepared_batches(frames, source, self.batch_size, detector.prepare, detector.times)
                ) as batches:
                    for batch, prepared in batches:
                        found = detector.detect_prepared(prepared, [frame.source for frame in batch])
                        for frame, detections in zip(batch, found):
                            delivery.deliver(frame, detections, rate=source.rate, total=total)
        except SourceError as error:
            delivery.tell_problem(str(error))
        finally:
            if source.rate is not None:
                delivery.end(source.name)
        broken = what_broke(source)
        if broken is not None:
            delivery.tell_damaged(broken)
