"""The detection loop: items of a source, batch by batch through the detector, into the sinks."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from yolov3.images import ImageError, read_image
from yolov3.inference.detector import Detector
from yolov3.inference.output_names import OutputNames
from yolov3.inference.sinks import Result, Sink
from yolov3.inference.sources import Frame, Item, Picture, Stream, Video
from yolov3.inference.video import StreamReader, VideoError, VideoReader
from yolov3.structures import Detections

READERS = 2  # threads that decode pictures while the network works


@dataclass
class Tally:
    """What a run came to. ``problems``: a line for each file that could not be used; ``damaged``: for each that could,
    as far as it goes. ``seconds`` of the stages beside the detector's own."""

    frames: int = 0
    boxes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    reading: float = 0.0
    writing: float = 0.0
    stopped: bool = False


@dataclass(frozen=True)
class Watcher:
    """Who is told what happens: ``advance`` after each frame with the frames done of the frames to come (None:
    unknown), ``say`` with a line for the user."""

    advance: Callable[[int, int | None], object]
    say: Callable[[str], object]


@dataclass(frozen=True)
class DetectionLoop:
    """Sends items through ``detector`` and every result into ``sinks``, counting in ``tally``.

    A file that cannot be used is told, counted and passed over. Setting ``tally.stopped`` ends it after the next frame.
    Of a video or a stream at most ``max_frames`` are taken.
    """

    detector: Detector
    sinks: Sequence[Sink]
    watcher: Watcher
    tally: Tally
    batch_size: int
    max_frames: int | None = None
    names: OutputNames = field(default_factory=OutputNames)

    def run(self, items: Sequence[Item]) -> None:
        """Go through all items in order."""
        total = len(items) if all(isinstance(item, Picture) for item in items) else None
        for are_pictures, group in itertools.groupby(items, key=lambda item: isinstance(item, Picture)):
            if are_pictures:
                paths = (item.path for item in group if isinstance(item, Picture))
                frames = _read_pictures(paths, self.tally, self.watcher, ahead=2 * self.batch_size)
                self._run_frames(frames, self.batch_size, total=total, rate=None)
            else:
                for item in group:
                    if not self.tally.stopped:
                        self._run_video(item)
            if self.tally.stopped:
                return

    def _run_video(self, item: Item) -> None:
        assert isinstance(item, Video | Stream)
        try:
            with VideoReader(item) if isinstance(item, Video) else StreamReader(item) as reader:
                # What is watched as it happens is shown as it happens; a file may as well go in batches.
                size = self.batch_size if isinstance(item, Video) else 1
                total = None if reader.claimed is None else self.tally.frames + reader.claimed
                frames = itertools.islice(_timed(reader.frames(), self.tally), self.max_frames)
                self._run_frames(frames, size, total=total, rate=reader.rate)
                if reader.broken:
                    where = item.path if isinstance(item, Video) else item.address
                    _tell_damaged(f"{where}: {reader.broken} damaged frames passed over", self.tally, self.watcher)
        except VideoError as error:
            if isinstance(item, Stream):
                raise
            _tell_problem(str(error), self.tally, self.watcher)

    def _run_frames(self, frames: Iterator[Frame], batch_size: int, *, total: int | None, rate: float | None) -> None:
        while batch := list(itertools.islice(frames, batch_size)):
            found = self.detector.detect_batch([frame.image for frame in batch])
            for frame, detections in zip(batch, found):
                start = time.perf_counter()
                result = Result(frame, detections, self.names.name_of(frame.source), rate)
                for sink in self.sinks:
                    sink.write(result)
                self.tally.writing += time.perf_counter() - start
                _count(detections, self.tally)
                self.watcher.advance(self.tally.frames, total)
                if self.tally.stopped:
                    return


def _count(detections: Detections, tally: Tally) -> None:
    tally.frames += 1
    tally.boxes.update(detections.name_of(label) for label in detections.labels.tolist())


def _read_pictures(paths: Iterable[Path], tally: Tally, watcher: Watcher, *, ahead: int) -> Iterator[Frame]:
    """Frames of picture files, decoded some way ahead by threads, in order."""
    paths = iter(paths)
    waiting: list[tuple[Path, Future[Frame | ImageError]]] = []
    with ThreadPoolExecutor(READERS) as pool:
        try:
            while True:
                for path in itertools.islice(paths, ahead - len(waiting)):
                    waiting.append((path, pool.submit(_read_picture, path)))
                if not waiting:
                    return
                start = time.perf_counter()
                path, future = waiting.pop(0)
                answer = future.result()
                tally.reading += time.perf_counter() - start
                if isinstance(answer, ImageError):
                    _tell_problem(str(answer), tally, watcher)
                    continue
                if answer.index == _CUT_OFF:
                    _tell_damaged(f"{path}: the file is cut off; what there is was looked at", tally, watcher)
                    answer = Frame(answer.image, answer.source)
                yield answer
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_CUT_OFF = -1  # as a frame's index, between the thread that reads and the one that tells


def _read_picture(path: Path) -> Frame | ImageError:
    try:
        return Frame(read_image(path), str(path))
    except ImageError as first:
        try:
            return Frame(read_image(path, tolerate_truncation=True), str(path), index=_CUT_OFF)
        except ImageError:
            return first


def _timed(frames: Iterator[Frame], tally: Tally) -> Iterator[Frame]:
    while True:
        start = time.perf_counter()
        frame = next(frames, None)
        tally.reading += time.perf_counter() - start
        if frame is None:
            return
        yield frame


def _tell_problem(line: str, tally: Tally, watcher: Watcher) -> None:
    tally.problems.append(line)
    watcher.say(f"not used: {line}")


def _tell_damaged(line: str, tally: Tally, watcher: Watcher) -> None:
    tally.damaged.append(line)
    watcher.say(f"damaged: {line}")
