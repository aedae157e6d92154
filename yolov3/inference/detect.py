"""Detecting in whatever a person points at, from names to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

from yolov3.errors import UserError
from yolov3.files.run_folder import make_run_folder
from yolov3.formats.model import LoadedModel
from yolov3.inference.detector import Detector, DetectorOptions
from yolov3.inference.loop import DetectionLoop, Tally
from yolov3.outputs.catalogue import DRAWN, OutputOptions, check_outputs, open_output
from yolov3.outputs.output import Output
from yolov3.sources.find import find_items
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.watcher import Watcher
from yolov3.words import counted


class DetectChanges(TypedDict, total=False):
    """The fields of :class:`DetectOptions`, as keywords."""

    weights: str | Path | LoadedModel
    source: str | Path
    detector: DetectorOptions
    batch_size: int
    save: Sequence[str]
    save_scores: bool
    view: bool
    max_frames: int | None
    output: str | Path
    name: str


@dataclass(frozen=True)
class DetectOptions:
    """What is looked for in which ``source`` (a file, a folder, a pattern, a list, a camera's number, an address), and what
    is written of it: ``save`` holds words of yolov3/outputs/catalogue.py; with any, a new folder ``name`` is made in
    ``output``. ``view`` shows the results in a window; of a video at most ``max_frames`` are taken."""

    weights: str | Path | LoadedModel
    source: str | Path
    detector: DetectorOptions = field(default_factory=DetectorOptions)
    batch_size: int = 4
    save: Sequence[str] = (DRAWN,)
    save_scores: bool = False
    view: bool = False
    max_frames: int | None = None
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


@dataclass(frozen=True)
class DetectSummary:
    """What a run came to: frames, boxes by the name of their class, a line for each file that could not be used and for each
    that was damaged, where the time went, and the folder that was written, if any."""

    frames: int
    boxes: dict[str, int]
    problems: tuple[str, ...]
    damaged: tuple[str, ...]
    times: StageTimes
    folder: Path | None

    @property
    def is_whole(self) -> bool:
        """Whether every file could be used as a whole."""
        return not self.problems and not self.damaged


def detect(
    options: DetectOptions | None = None, *, watcher: Watcher | None = None, **changes: Unpack[DetectChanges]
) -> DetectSummary:
    """Detect in a source: ``detect(weights="best.pt", source="images/")``. ``changes`` are fields of the options.

    Raises UserError when nothing could begin, or none of the files could be used.
    """
    options = DetectOptions(**changes) if options is None else replace(options, **changes)
    watcher = watcher or Watcher()
    found = find_items(str(options.source))
    detector = Detector(options.weights, options.detector)
    for note in found.notes:
        watcher.say(note)
    watcher.report(f"{detector.model.description} ({options.weights}) on {detector.runtime.device}")
    tally = Tally()
    with _outputs(options) as (folder, outputs):
        loop = DetectionLoop(detector, outputs, watcher, tally, options.batch_size, options.max_frames)
        try:
            loop.run(found.items)
        except KeyboardInterrupt:
            watcher.say(f"stopped after {counted(tally.frames, 'frame')}; what was written is complete so far")
            raise
    if not tally.frames:
        raise UserError(f"source {options.source}: none of its {len(found.items)} files could be used")
    boxes = dict(tally.boxes.most_common())
    return DetectSummary(tally.frames, boxes, tuple(tally.problems), tuple(tally.damaged), detector.times, folder)


@contextmanager
def _outputs(options: DetectOptions) -> Iterator[tuple[Path | None, list[Output]]]:
    """The folder and the outputs that are wanted; they are finished afterwards, whatever happens."""
    with ExitStack() as stack:
        outputs: list[Output] = []
        if options.view:
            from yolov3.outputs.window import Window

            outputs.append(stack.enter_context(Window()))
        folder = None
        if options.save:
            folder = make_run_folder(Path(options.output), options.name)
            settings = OutputOptions(scores=options.save_scores)
            outputs += [stack.enter_context(open_output(word, folder, settings)) for word in options.save]
        yield folder, outputs
