"""The frames of a source that can be used, in batches that are made ready ahead of the network; what is wrong with the
others is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np

from yolov3.inference.prepared import Prepared, Uncut
from yolov3.sources.frames import Frame, FrameSource, Unusable
from yolov3.sources.read_ahead import Ahead
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.words import counted


def usable_frames(
    source: FrameSource, *, unusable: Callable[[str], None], damaged: Callable[[str], None]
) -> Iterator[Frame | None]:
    """The frames as they come, None for each that cannot be used. A line for each of these goes to ``unusable``, for each that
    is there in part to ``damaged``."""
    for item in source:
        if isinstance(item, Unusable):
            unusable(item.reason)
            yield None
            continue
        if item.damaged:
            damaged(f"{item.source}: the file is cut off; what there is was looked at")
        yield item


def prepared_batches(
    frames: Iterator[Frame | None],
    source: FrameSource,
    size: int,
    prepare: Callable[[Sequence[np.ndarray]], Prepared | Uncut],
    times: StageTimes,
) -> Generator[tuple[list[Frame], Prepared | Uncut]]:
    """So many frames at a time, less where some cannot be used, so that these move no others into another batch: last digits
    may depend on who else is in it. Their images come ready for the network: a thread reads and fits the next while the
    network has one at work. The waiting counts as reading in ``times``. Who leaves before the end must close it."""
    places = iter(lambda: list(itertools.islice(frames, size)), [])
    usable = ([frame for frame in batch if frame is not None] for batch in places)
    ready = ((batch, prepare([frame.image for frame in batch])) for batch in usable if batch)
    ahead = Ahead(ready, most=1, abandon=source.rate is None)
    try:
        while True:
            with times.spent_in("reading"):
                answer = next(ahead, None)
            if answer is None:
                return
            yield answer
    finally:
        ahead.close()


def what_broke(source: FrameSource) -> str | None:
    """A line about what was passed over on the way through a source, or is missing at its end; None where nothing is."""
    if source.ended_after is not None:
        end = f"{source.name}: ends after {source.ended_after} of the {source.length} frames that it says to have"
        return end + (f", {source.broken} of which were damaged and passed over" if source.broken else "")
    if not source.broken:
        return None
    if source.live and source.length is None:
        gone = ", and did not come back" if source.lost else ""
        return f"{source.name}: the connection broke {counted(source.broken, 'time')}{gone}"
    return f"{source.name}: {counted(source.broken, 'damaged frame')} passed over"
