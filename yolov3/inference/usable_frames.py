"""The frames of a source that can be used, in batches, for whoever goes through one; what is wrong with the others is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from yolov3.sources.frames import Frame, FrameSource, Unusable
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.words import counted


def usable_frames(
    source: FrameSource, times: StageTimes, *, unusable: Callable[[str], None], damaged: Callable[[str], None]
) -> Iterator[Frame]:
    """The frames that can be used, as they come. A line for each of the others goes to ``unusable``, for each that is there
    in part to ``damaged``; the waiting counts as reading in ``times``."""
    items = iter(source)
    while True:
        with times.spent_in("reading"):
            item = next(items, None)
        if item is None:
            return
        if isinstance(item, Unusable):
            unusable(item.reason)
            continue
        if item.damaged:
            damaged(f"{item.source}: the file is cut off; what there is was looked at")
        yield item


def in_batches(frames: Iterator[Frame], source: FrameSource, size: int) -> Iterator[list[Frame]]:
    """So many frames at a time; what is watched as it happens is shown as it happens, one by one."""
    while batch := list(itertools.islice(frames, 1 if source.live else size)):
        yield batch


def what_broke(source: FrameSource) -> str | None:
    """A line about what was passed over on the way through a source; None where nothing was."""
    if not source.broken:
        return None
    if source.live:
        return f"{source.name}: the connection broke {counted(source.broken, 'time')}"
    return f"{source.name}: {counted(source.broken, 'damaged frame')} passed over"
