"""A line for each image as it comes, for whoever watches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from yolov3.detections import Detections
from yolov3.outputs.output import Output, Result, printable
from yolov3.watching.words import counted


class LinePerImage(Output):
    """Tells ``street.mp4, frame 12, 0.48 s: 3 boxes: 2 person, 1 dog``; of a live frame the delay, too, of what is followed
    the identities (``2 person #4 #7``), and what was counted so far."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell

    def write(self, result: Result) -> None:
        frame, found = result.frame, result.detections
        place = printable(frame.source)
        if frame.index is not None:
            place += f", frame {frame.index}"
        if frame.seconds is not None:
            place += f", {frame.seconds:.2f} s"
        if result.delay is not None:
            place += f", delay {1000 * result.delay:.0f} ms"
        self.tell("; ".join((f"{place}: {_found_in_words(found)}", *_counts_in_words(result))))


def _found_in_words(found: Detections) -> str:
    names = [found.name_of(label) for label in found.labels.tolist()]
    if found.tracks is None:
        return boxes_in_words(dict(Counter(names).most_common()))
    identities: dict[str, list[int]] = {}
    for name, identity in zip(names, found.tracks.tolist()):
        identities.setdefault(name, []).append(identity)
    told = {f"{name}{''.join(f' #{one}' for one in sorted(own))}": len(own) for name, own in identities.items()}
    return boxes_in_words(dict(Counter(told).most_common()))


def _counts_in_words(result: Result) -> list[str]:
    counted = result.followed.counted if result.followed is not None else None
    return [] if counted is None else [words for _, words in (*counted.lines, *counted.zones)]


def boxes_in_words(boxes: Mapping[str, int], most: int | None = None) -> str:
    """How many boxes there are, and of which classes; at most so many of these are named."""
    named = list(boxes.items())[:most]
    text = counted(sum(boxes.values()), "box")
    if named:
        text += ": " + ", ".join(f"{count} {name}" for name, count in named)
    more = len(boxes) - len(named)
    return text + (f" and {counted(more, 'more class')}" if more else "")
