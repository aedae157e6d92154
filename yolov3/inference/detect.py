"""Detecting in whatever a person points at, from names to files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from yolov3.catalogue.cutting import learned_tiles
from yolov3.errors import UserError
from yolov3.formats.model import DescribedModel, Model
from yolov3.inference.delivery import Delivery, Tally
from yolov3.inference.detector import Detector
from yolov3.inference.loop import DetectionLoop
from yolov3.inference.options import DetectorOptions, labels_of
from yolov3.outputs.catalogue import COUNTS, DRAWN, OutputOptions, check_outputs
from yolov3.outputs.darknet_form import DarknetLines
from yolov3.outputs.json_file import JsonLines
from yolov3.outputs.lines import LinePerImage
from yolov3.outputs.new_folder import NewFolder
from yolov3.outputs.output import Output, printable
from yolov3.outputs.write_behind import WriteBehind
from yolov3.sources.address import without_login
from yolov3.sources.find import find_all_items
from yolov3.sources.items import Found, Item, StreamItem, VideoItem, WebItem, name_of_item
from yolov3.sources.stream_options import StreamOptions
from yolov3.streams.counts import StreamSummary
from yolov3.tracking.counting import CountLine, CountZone
from yolov3.tracking.following import FollowOptions
from yolov3.tracking.tracker import TrackerOptions
from yolov3.videos.opening import Codec
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

Form = Literal["yolov3", "darknet"]

LEAST_SCORE = 0.1  # of boxes that continue a track
MOST_SOURCES = 3  # are named in an error


class DetectChanges(TypedDict, total=False):
    """The fields of :class:`DetectOptions`, as keywords."""

    weights: str | Path | Model
    source: str | Path | Sequence[str | Path]
    detector: DetectorOptions
    batch_size: int
    save: Sequence[str]
    save_scores: bool
    stream_json: bool
    form: Form
    codec: Codec
    blur: Sequence[str | int]
    track: bool
    count_lines: Sequence[CountLine]
    count_zones: Sequence[CountZone]
    view: bool
    verbose: bool
    max_frames: int | None
    streams: StreamOptions
    output: str | Path
    name: str


@dataclass(frozen=True)
class DetectOptions:
    """What is looked for in which ``source`` or several (a file, a folder, a pattern, a list, a camera's number, an address,
    ``-`` for the standard input), and what is written of it: ``save`` holds words of yolov3/outputs/catalogue.py; with any,
    a new folder ``name`` is made in ``output``. ``stream_json`` writes an object of json per frame to the standard output and
    nothing else; ``form`` is ours or Darknet's, of json and lines; ``codec`` is that of videos; what is found of the classes
    ``blur`` (names or numbers) is shown to nobody. With ``track`` videos and streams are followed, and what passes
    ``count_lines`` or is in ``count_zones`` is counted, which implies it. ``view`` shows the results in a window, ``verbose``
    reports a line for each image; of a video at most ``max_frames`` are taken; live sources are read, all at once, as
    ``streams`` says."""

    weights: str | Path | Model
    source: str | Path | Sequence[str | Path] = field(repr=False)  # an address may hold a password
    detector: DetectorOptions = field(default_factory=DetectorOptions)
    batch_size: int = 4
    save: Sequence[str] = (DRAWN,)
    save_scores: bool = False
    stream_json: bool = False
    form: Form = "yolov3"
    codec: Codec = "auto"
    blur: Sequence[str | int] = ()
    track: bool = False
    count_lines: Sequence[CountLine] = ()
    count_zones: Sequence[CountZone] = ()
    view: bool = False
    verbose: bool = False
    max_frames: int | None = None
    streams: StreamOptions = field(default_factory=StreamOptions)
    output: str | Path = "runs/detect"
    name: str = "detect"

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UserError(f"the batch size must be at least 1, found {self.batch_size}")
        if self.max_frames is not None and self.max_frames < 1:
            raise UserError(f"--max-frames must be at least 1, found {self.max_frames}")
        if self.save_scores and "txt" not in self.save:
            raise UserError("--save-conf adds scores to the text labels; give --save-txt too")
        check_outputs(self.save)

    @property
    def follow(self) -> FollowOptions | None:
        """How sources are followed; None where they are not."""
        if not (self.track or self.count_lines or self.count_zones):
            return None
        # Where each class has a threshold of its own, every box that is above it may begin a track.
        high = self.detector.confidence if self.detector.thresholds is None else 0.0
        tracker = TrackerOptions(high=high, low=min(LEAST_SCORE, high))
        return FollowOptions(tracker, tuple(self.count_lines), tuple(self.count_zones))

    @property
    def written(self) -> tuple[str, ...]:
        """The words of all that is written."""
        follow = self.follow
        return (*self.save, COUNTS) if follow is not None and follow.counts else tuple(self.save)

    def outputs_told(self, watcher: Watcher) -> OutputOptions:
        """What the outputs want to know."""
        followed = self.follow is not None
        return OutputOptions(self.save_scores, self.form == "darknet", followed, self.codec, watcher.say)

    @property
    def sources(self) -> tuple[str, ...]:
        """All that is looked at."""
        given = (self.source,) if isinstance(self.source, str | Path) else self.source
        return tuple(map(str, given))


@dataclass(frozen=True)
class DetectSummary:
    """What a run came to: frames, boxes by the name of their class, a line for each file that could not be used and for each
    that was damaged, where the time went, the folder that was written, if any, what was counted, a line for each line and
    zone of each source, and how each live source did."""

    frames: int
    boxes: dict[str, int]
    problems: tuple[str, ...]
    damaged: tuple[str, ...]
    times: StageTimes
    folder: Path | None
    lost: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    streams: tuple[StreamSummary, ...] = ()

    @classmethod
    def of(cls, tally: Tally, times: StageTimes, folder: Path | None, lost: Sequence[str]) -> DetectSummary:
        """What a run that wrote into ``folder`` has tallied."""
        return cls(
            frames=tally.frames,
            boxes=dict(tally.boxes.most_common()),
            problems=tuple(tally.problems),
            damaged=tuple(tally.damaged),
            times=times,
            folder=folder,
            lost=tuple(lost),
            counts=tuple(tally.counts),
            streams=tally.stream_summaries(),
        )

    @property
    def is_whole(self) -> bool:
        """Whether every file could be used, and written, as a whole."""
        return not self.problems and not self.damaged and not self.lost


def detect(
    options: DetectOptions | None = None, *, watcher: Watcher | None = None, **changes: Unpack[DetectChanges]
) -> DetectSummary:
    """Detect in a source: ``detect(weights="best.pt", source="images/")``. ``changes`` are fields of the options.

    Raises UserError when nothing could begin, or none of the files could be used.
    """
    options = DetectOptions(**changes) if options is None else replace(options, **changes)
    watcher = watcher or Watcher()
    found = find_all_items(options.sources)
    detector = open_detector(options, found, watcher)
    tally = Tally()
    with open_outputs(options, watcher) as (folder, outputs):
        detector.warm_up()
        delivery = deliver_into(outputs, options, detector, tally, watcher)
        delivery.names.reserve(named_items(found.items, live_videos=options.streams.realtime))
        loop = DetectionLoop(detector, delivery, options.batch_size, options.max_frames, options.streams)
        try:
            loop.run(found.items)
        except KeyboardInterrupt:
            watcher.say(f"stopped after {counted(tally.frames, 'frame')}; what was written is complete so far")
            for stream in tally.stream_summaries():  # of what never ends by itself
                watcher.say(stream.line())
            raise
    if not tally.frames:
        raise UserError(nothing_used(options.sources, len(found.items)))
    where, lost = (folder.folder, tuple(folder.lost)) if folder else (None, ())
    return DetectSummary.of(tally, detector.times, where, lost)


def open_detector(options: DetectOptions, found: Found, watcher: Watcher) -> Detector:
    """The detector of a run that looks at what was ``found``; what there is to say before it begins is told. Raises
    UserError."""
    follow = options.follow
    # Whom the network is unsure of may be somebody it knows.
    unsure = follow is not None and options.detector.thresholds is None
    settings = replace(options.detector, confidence=follow.tracker.low) if follow and unsure else options.detector
    detector = Detector(options.weights, settings)
    if follow is not None and not any(isinstance(item, VideoItem | StreamItem | WebItem) for item in found.items):
        watcher.warn("--track: images are not followed from one to the next, videos and streams are")
    for note in (*found.notes, *_about_tiles(detector)):
        watcher.say(note)
    model = detector.model.described_with(detector.preprocessing)
    file = options.weights.source if isinstance(options.weights, DescribedModel) else options.weights
    runtime = detector.runtime
    tell = watcher.say if options.stream_json else watcher.report
    tell(f"{model} ({file}) on {runtime.device}, {runtime.name} {runtime.precision}")
    return detector


def deliver_into(
    outputs: Sequence[Output], options: DetectOptions, detector: Detector, tally: Tally, watcher: Watcher
) -> Delivery:
    """How the results of a run get to its outputs. Raises UserError."""
    try:
        blurred = frozenset(labels_of(options.blur, detector.names, detector.runtime.num_classes))
    except ValueError as error:
        raise UserError(f"--blur: {error}") from error
    return Delivery(outputs, watcher, tally, detector.times, blurred, options.follow)


def named_items(items: Iterable[Item], *, live_videos: bool = False) -> Iterator[tuple[str, bool]]:
    """What items that are no streams, which videos may be played as, are called, and whether they have frames."""
    for item in items:
        if not isinstance(item, StreamItem) and not (live_videos and isinstance(item, VideoItem)):
            yield name_of_item(item), isinstance(item, VideoItem)


def _about_tiles(detector: Detector) -> list[str]:
    """A model that has learned parts of large images finds little in whole ones."""
    learned = learned_tiles(detector.model.experiment)
    if learned is None or detector.options.tiles is not None:
        return []
    return [f"the model was trained on tiles (data.tiles={printable(learned)[:40]}); --tiles looks at large images so"]


def lines_output(options: DetectOptions, watcher: Watcher) -> Output:
    """What tells of each frame: beside json on the standard output, on the error output."""
    if options.form == "darknet":
        return DarknetLines(sys.stderr if options.stream_json else sys.stdout)
    return LinePerImage(watcher.say if options.stream_json else watcher.report)


def nothing_used(sources: Sequence[str], count: int) -> str:
    """Why a run came to nothing."""
    names = ", ".join(map(without_login, sources[:MOST_SOURCES]))
    if len(sources) == 1:
        return f"source {names}: none of its {counted(count, 'file')} could be used"
    more = " ..." if len(sources) > MOST_SOURCES else ""
    return f"sources {names}{more}: none of the {count} images, videos and streams could be used"


@contextmanager
def open_outputs(options: DetectOptions, watcher: Watcher) -> Iterator[tuple[NewFolder | None, list[Output]]]:
    """The outputs that are wanted, and the one of them that writes; they are finished afterwards, whatever happens."""
    with ExitStack() as stack:
        outputs: list[Output] = []
        if options.view:
            from yolov3.outputs.window import Window

            try:
                outputs.append(stack.enter_context(Window()))
            except UserError as error:
                if not (options.save or options.verbose or options.stream_json):
                    raise
                watcher.warn(f"{error}; going on without a window")
        folder = None
        if options.save:
            settings = options.outputs_told(watcher)
            folder = NewFolder(Path(options.output), options.name, options.written, settings, watcher.warn)
            outputs.append(stack.enter_context(WriteBehind(folder, most=2 * options.batch_size)))
        if options.stream_json:
            outputs.append(JsonLines(None, darknet=options.form == "darknet"))
        if options.verbose:
            outputs.append(lines_output(options, watcher))
        yield folder, outputs
