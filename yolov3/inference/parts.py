"""Detecting with several processes: each takes parts of the list, the first puts together what they have found.

What belongs to one image or video (drawings, labels, crops) is written by whoever looks at it, under the name that it would
have had from one process alone. What belongs to all (json, csv, counts) is written at the end from the records of the parts,
in order, by the same outputs; so it has the same bytes.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from yolov3.errors import UserError
from yolov3.files.atomic import file_sha256
from yolov3.formats.model import DescribedModel
from yolov3.inference.delivery import Tally
from yolov3.inference.detect import (
    DetectOptions,
    DetectSummary,
    deliver_into,
    lines_output,
    named_items,
    nothing_used,
    open_detector,
)
from yolov3.inference.detector import Detector
from yolov3.inference.loop import DetectionLoop
from yolov3.outputs.catalogue import OUTPUTS
from yolov3.outputs.names import OutputNames
from yolov3.outputs.new_folder import NewFolder
from yolov3.outputs.output import Output, Result
from yolov3.outputs.write_behind import WriteBehind
from yolov3.processes.world import World
from yolov3.sharing.parts import GrowingRecords, Parts, Record, shared
from yolov3.sharing.records import detections_of, record_of
from yolov3.sources.find import find_all_items
from yolov3.sources.frames import Frame
from yolov3.sources.items import Found, Item, StreamItem, VideoItem, name_of_item
from yolov3.tracking.counting import Counted
from yolov3.tracking.following import Followed
from yolov3.watching.printable import quoted
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

LARGEST_PART = 64  # batches; what is lost with a process that dies
TALLY, LOST, ENDED = "tally", "lost", "ended"
EACH = 8  # parts for a process, where there are so many batches: then all come to the end together


def detect_in_parts(
    options: DetectOptions, world: World, *, resume: Path | None = None, watcher: Watcher | None = None
) -> DetectSummary | None:
    """Detect as :func:`yolov3.inference.detect.detect` does, each process of a ``world`` in its parts of what there is, on one
    machine or on several that share the folder; or finish what others have begun in the folder ``resume``. The summary in
    the first process, None in the others.

    Raises UserError.
    """
    watcher = watcher or Watcher()
    _check(options)
    found: Found = world.from_first(find_all_items(options.sources) if world.is_first else None)
    if options.streams.realtime or any(isinstance(item, StreamItem) for item in found.items):
        raise UserError("cameras and streams are for one process; several share images and videos")
    here = replace(options.detector, device=world.device_text(options.detector.device))
    detector = open_detector(replace(options, detector=here), found, watcher if world.is_first else Watcher())

    def open_parts() -> Parts:
        plan = _plan(options, found, Path(detector.model.source))
        pieces = divide(found.items, options.batch_size, world.size)
        return Parts.of_run(Path(options.output), options.name, plan, pieces, resume)

    with shared(open_parts, world, watcher) as (parts, own):
        _do(options, found, detector, parts, own, watcher)
        parts.wait(watcher)
        everybody = world.gather(detector.times)
        if everybody is None:
            return None
        for times in everybody[1:]:
            detector.times.add(times)
        detector.times.share(world.size)
        return _put_together(options, found, detector, parts, watcher)


def divide(items: Sequence[Item], batch_size: int, processes: int) -> list[tuple[int, int]]:
    """The parts: a video by itself; of the images between videos whole batches, as one process would make them."""
    batches = -(-len(items) // batch_size)
    length = batch_size * max(1, min(LARGEST_PART, batches // (EACH * processes)))
    pieces = []
    start = 0
    for is_video, group in itertools.groupby(items, key=lambda item: isinstance(item, VideoItem)):
        stop = start + len(list(group))
        step = 1 if is_video else length
        pieces += [(first, min(first + step, stop)) for first in range(start, stop, step)]
        start = stop
    return pieces


def _check(options: DetectOptions) -> None:
    for given, words in ((options.view, "--view"), (options.stream_json, "--save-jsonl -")):
        if given:
            raise UserError(f"{words} is for one process; several write into a folder")
    if not options.save:
        raise UserError("several processes share a run through its folder: something must be written")
    if isinstance(options.weights, DescribedModel):
        raise UserError("several processes each read the weights: give their file")


def _plan(options: DetectOptions, found: Found, weights: Path) -> dict[str, str]:
    """What makes a run the one that it is: all that changes a byte of what it writes."""
    apart = ("weights", "source", "detector", "verbose", "output", "name")
    values = {field.name: getattr(options, field.name) for field in fields(options) if field.name not in apart}
    values |= {field.name: getattr(options.detector, field.name) for field in fields(options.detector)}
    digest = hashlib.sha256("\0".join(map(name_of_item, found.items)).encode("utf-8", "surrogatepass"))
    return {
        "weights": file_sha256(weights) if weights.is_file() else str(weights),
        "sources": f"{counted(len(found.items), 'file')} ({digest.hexdigest()[:16]})",
        **{name: repr(value) for name, value in values.items()},
    }


def _do(
    options: DetectOptions, found: Found, detector: Detector, parts: Parts, own: Sequence[int], watcher: Watcher
) -> None:
    """Do parts: what belongs to one image or video goes into the folder, all else into the records."""
    folder = _folder(options, parts, watcher, per_image=True)
    tally = Tally()
    names = OutputNames().reserve(named_items(found.items))
    with WriteBehind(folder, most=2 * options.batch_size) as writer:
        detector.warm_up()
        for number in own:
            before, lost = copy.deepcopy(tally), len(folder.lost)
            first, last = parts.pieces[number]
            items = found.items[first:last]
            with parts.writing(number) as growing:
                outputs: list[Output] = [writer, Recording(growing)]
                delivery = deliver_into(outputs, options, detector, tally, watcher)
                delivery.names.keep(zip(map(name_of_item, items), names[first:last], strict=True))
                DetectionLoop(detector, delivery, options.batch_size, options.max_frames).run(
                    items, part_of=found.items
                )
                growing.add({TALLY: tally.since(before), LOST: folder.lost[lost:]})


def _folder(options: DetectOptions, parts: Parts, watcher: Watcher, *, per_image: bool) -> NewFolder:
    """The run's folder with those outputs whose files are of one image or video each, or with the others."""
    words = [word for word in options.written if OUTPUTS[word].per_image == per_image]
    settings = options.outputs_told(watcher)
    return NewFolder(Path(options.output), options.name, words, settings, watcher.warn, parts.folder)


class Recording(Output):
    """Keeps results as records."""

    def __init__(self, growing: GrowingRecords) -> None:
        self._growing = growing

    def write(self, result: Result) -> None:
        frame, followed = result.frame, result.followed
        record: Record = {
            "source": frame.source,
            "name": result.name,
            "size": frame.image.shape[:2],
            "index": frame.index,
            "seconds": frame.seconds,
            **record_of(result.detections.cpu()),
        }
        if followed is not None and followed.counted is not None:
            record["counted"] = [
                [words for _, words in followed.counted.lines + followed.counted.zones],
                followed.counted.plain,
            ]
        self._growing.add(record)

    def end(self, name: str) -> None:
        self._growing.add({ENDED: name})


_KINDS = {"source": str, "name": str, "index": int | None, "seconds": float | int | None, "size": list}


def replayed(record: Record, folder: Path, names: tuple[str, ...]) -> Result:
    """The result of a record of the run in ``folder``, with an image of which only the size is known."""
    try:
        for name, kinds in _KINDS.items():
            if not isinstance(record[name], kinds) or isinstance(record[name], bool):
                raise TypeError(f"{name} is {quoted(record[name])}")
        height, width = record["size"]
        image = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (height, width, 3))
        frame = Frame(image, record["source"], record["index"], record["seconds"])
        followed = None
        if "counted" in record:
            words, plain = record["counted"]
            followed = Followed((), Counted(tuple(((), text) for text in words), (), plain))
        detections = detections_of(record, folder, names=names, size=(height, width), source=frame.source)
        return Result(frame, detections, record["name"], followed=followed)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder}: a part of the run is damaged ({error}); begin a new run") from error


def _put_together(
    options: DetectOptions, found: Found, detector: Detector, parts: Parts, watcher: Watcher
) -> DetectSummary:
    """Give what is in the records to the outputs of all images, in order; what could not be written stays in the records."""
    folder = _folder(options, parts, watcher, per_image=False)
    tally, lost = Tally(), list[str]()
    with folder:
        outputs = [folder, *([lines_output(options, watcher)] if options.verbose else [])]
        for number in range(len(parts.pieces)):
            for record in parts.read(number):
                if TALLY in record:
                    tally.add_plain(record[TALLY])
                    lost += map(str, record.get(LOST, ()))
                    continue
                for output in outputs:
                    if ENDED in record:
                        output.end(record[ENDED])
                    else:
                        output.write(replayed(record, parts.folder, detector.names))
            watcher.advance(number + 1, len(parts.pieces), text="putting together")
    if not folder.lost:
        parts.remove()
    if not tally.frames:
        raise UserError(nothing_used(options.sources, len(found.items)))
    return DetectSummary.of(tally, detector.times, parts.folder, (*lost, *folder.lost))
