"""Detecting in whatever a person points at, from names to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

from yolov3.errors import UserError
from yolov3.formats.model import DescribedModel, Model
from yolov3.inference.delivery import Delivery, Tally
from yolov3.inference.detector import Detector
from yolov3.inference.loop import DetectionLoop
from yolov3.inference.options import DetectorOptions
from yolov3.outputs.catalogue import DRAWN, OutputOptions, check_outputs
from yolov3.outputs.lines import LinePerImage
from yolov3.outputs.new_folder import NewFolder
from yolov3.outputs.output import Output
from yolov3.outputs.write_behind import WriteBehind
from yolov3.sources.address import without_login
from yolov3.sources.find import find_all_items
from yolov3.sources.stream_options import StreamOptions
from yolov3.streams.counts import StreamSummary
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

MOST_SOURCES = 3  # are named in an error


class DetectChanges(TypedDict, total=False):
    """The fields of :class:`DetectOptions`, as keywords."""

    weights: str | Path | Model
    source: str | Path | Sequence[str | Path]
    detector: DetectorOptions
    batch_size: int
    save: Sequence[str]
    save_scores: bool
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
    a new folder ``name`` is made in ``output``. ``view`` shows the results in a window, ``verbose`` reports a line for each
    image; of a video at most ``max_frames`` are taken; live sources are read, all at once, as ``streams`` says."""

    weights: str | Path | Model
    source: str | Path | Sequence[str | Path] = field(repr=False)  # an address may hold a password
    detector: DetectorOptions = field(default_factory=DetectorOptions)
    batch_size: int = 4
    save: Sequence[str] = (DRAWN,)
    save_scores: bool = False
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
    def sources(self) -> tuple[str, ...]:
        """All that is looked at."""
        given = (self.source,) if isinstance(self.source, str | Path) else self.source
        return tuple(map(str, given))


@dataclass(frozen=True)
class DetectSummary:
    """What a run came to: frames, boxes by the name of their class, a line for each file that could not be used and for each
    that was damaged, where the time went, the folder that was written, if any, and how each live source did."""

    frames: int
    boxes: dict[str, int]
    problems: tuple[str, ...]
    damaged: tuple[str, ...]
    times: StageTimes
    folder: Path | None
    lost: tuple[str, ...] = ()
    streams: tuple[StreamSummary, ...] = ()

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
    detector = Detector(options.weights, options.detector)
    for note in found.notes:
        watcher.say(note)
    model = detector.model.described_with(detector.preprocessing)
    file = options.weights.source if isinstance(options.weights, DescribedModel) else options.weights
    runtime = detector.runtime
    watcher.report(f"{model} ({file}) on {runtime.device}, {runtime.name} {runtime.precision}")
    tally = Tally()
    with _outputs(options, watcher) as (folder, outputs):
        detector.warm_up()
        delivery = Delivery(outputs, watcher, tally, detector.times)
        loop = DetectionLoop(detector, delivery, options.batch_size, options.max_frames, options.streams)
        try:
            loop.run(found.items)
        except KeyboardInterrupt:
            watcher.say(f"stopped after {counted(tally.frames, 'frame')}; what was written is complete so far")
            for stream in tally.stream_summaries():  # of what never ends by itself
                watcher.say(stream.line())
            raise
    if not tally.frames:
        raise UserError(_nothing_used(options.sources, len(found.items)))
    return DetectSummary(
        frames=tally.frames,
        boxes=dict(tally.boxes.most_common()),
        problems=tuple(tally.problems),
        damaged=tuple(tally.damaged),
        times=detector.times,
        folder=folder.folder if folder else None,
        lost=tuple(folder.lost) if folder else (),
        streams=tally.stream_summaries(),
    )


def _nothing_used(sources: Sequence[str], count: int) -> str:
    names = ", ".join(map(without_login, sources[:MOST_SOURCES]))
    if len(sources) == 1:
        return f"source {names}: none of its {counted(count, 'file')} could be used"
    more = " ..." if len(sources) > MOST_SOURCES else ""
    return f"sources {names}{more}: none of the {count} images, videos and streams could be used"


@contextmanager
def _outputs(options: DetectOptions, watcher: Watcher) -> Iterator[tuple[NewFolder | None, list[Output]]]:
    """The outputs that are wanted, and the one of them that writes; they are finished afterwards, whatever happens."""
    with ExitStack() as stack:
        outputs: list[Output] = []
        if options.view:
            from yolov3.outputs.window import Window

            try:
                outputs.append(stack.enter_context(Window()))
            except UserError as error:
                if not (options.save or options.verbose):
                    raise
                watcher.warn(f"{error}; going on without a window")
        folder = None
        if options.save:
            settings = OutputOptions(scores=options.save_scores)
            folder = NewFolder(Path(options.output), options.name, options.save, settings, watcher.warn)
            outputs.append(stack.enter_context(WriteBehind(folder, most=2 * options.batch_size)))
        if options.verbose:
            outputs.append(LinePerImage(watcher.report))
        yield folder, outputs
