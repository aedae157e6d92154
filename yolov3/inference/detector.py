"""The detector: an image in, what is in it out."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, Unpack, overload

import numpy as np

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.formats.load import open_model
from yolov3.formats.model import ExportedModel, LoadedModel, Model
from yolov3.geometry import rectangular_step
from yolov3.images.given import GivenImage, image_of
from yolov3.inference.options import DetectorChanges, DetectorOptions, SelectionChanges, selection_of
from yolov3.inference.prepared import Prepared, Uncut, prepare
from yolov3.inference.usable_frames import prepared_batches, usable_frames, what_broke
from yolov3.runtimes.opening import RuntimeChoice, check_rules, open_runtime
from yolov3.runtimes.tiled import TiledLook
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.sources.address import is_address, without_login
from yolov3.sources.find import VIDEO_SUFFIXES, find_items, sources_of
from yolov3.sources.frames import Frame, FrameSource, Note, SourceError, Unusable
from yolov3.sources.items import ImageItem, Item, StreamItem, WebItem
from yolov3.sources.web import ask
from yolov3.streams.together import Streams
from yolov3.tiles.grid import tile_rule
from yolov3.watching.stage_times import StageTimes

logger = logging.getLogger(__name__)

AT_ONCE = 8  # images of a list, a folder, a video go through the network together

Each = TypeVar("Each", bound=GivenImage)


class Detector:
    """A model ready to use: ``Detector("weights/best.pt")(image)``.

    ``weights`` is what :func:`yolov3.formats.load.open_model` takes, or a loaded model; ``changes`` are fields of
    the options: ``Detector("weights/best.pt", confidence=0.3)``. Raises UserError.
    """

    def __init__(
        self,
        weights: str | Path | Model,
        options: DetectorOptions | None = None,
        **changes: Unpack[DetectorChanges],
    ) -> None:
        self.options = options = replace(options or DetectorOptions(), **changes)
        if not isinstance(weights, LoadedModel | ExportedModel):
            weights = open_model(weights, cfg=options.cfg, names=options.names)
        self.model: Model = weights
        self.names = self.model.names
        self.times = StageTimes()
        try:
            self.preprocessing = self.model.meaning.preprocessing.changed(self.options.image_size, self.options.fit)
            self.step = rectangular_step(self.preprocessing, self.model.levels) if options.rect else None
            choice = RuntimeChoice(options.device, options.precision, options.runtime, any_size=options.rect)
            self.runtime = open_runtime(self.model, self.preprocessing, choice)
            rule = tile_rule(options.tiles, options.overlap, options.tiles_whole)
            self._tiled = TiledLook(self.runtime, self.preprocessing, rule, self.step) if rule is not None else None
            self.selection = selection_of(self.options, self.model.meaning, self.runtime.num_classes)
            check_rules(self.model, self.selection)
        except ValueError as error:
            raise UserError(str(error)) from error

    @overload
    def __call__(self, images: GivenImage, **changes: Unpack[SelectionChanges]) -> Detections: ...

    @overload
    def __call__(
        self, images: list[GivenImage] | tuple[GivenImage, ...], **changes: Unpack[SelectionChanges]
    ) -> list[Detections]: ...

    @overload
    def __call__(self, images: list[Each], **changes: Unpack[SelectionChanges]) -> list[Detections]: ...

    def __call__(
        self,
        images: GivenImage | list[Each] | list[GivenImage] | tuple[GivenImage, ...],
        **changes: Unpack[SelectionChanges],
    ) -> Detections | list[Detections]:
        """What is in an image: a file, the bytes of one, an (H, W, 3) uint8 RGB array, a Pillow image, with
        ``allow_network`` an address; for a list of images, a list in their order. ``changes`` are thresholds for this call:
        ``detector(image, confidence=0.5, classes=["dog"])``.

        Boxes are xyxy pixels of the upright image, best first. Raises UserError for what cannot be read or is no image.
        """
        selection = self._selection_with(changes)
        if not isinstance(images, list | tuple):
            return self._detect_given([images], selection)[0]
        found = []
        for start in range(0, len(images), AT_ONCE):
            found += self._detect_given(images[start : start + AT_ONCE], selection)
        return found

    def folder(self, path: str | Path, **changes: Unpack[SelectionChanges]) -> list[Detections]:
        """What is in the image files of a folder and below it, in the order of their names; each knows its ``source``.
        A file that cannot be used is passed over and told in the log. Raises UserError when there are none."""
        selection = self._selection_with(changes)
        if not Path(path).is_dir():
            raise UserError(f"{path}: not a folder")
        images = [item for item in find_items(str(Path(path))).items if isinstance(item, ImageItem)]
        if not images:
            raise UserError(f"{path}: no images in this folder or below it; stream() takes videos")
        return [found for _, found in self._go_through(images, selection)]

    def stream(
        self, source: str | Path | int, **changes: Unpack[SelectionChanges]
    ) -> Iterator[tuple[Frame, Detections]]:
        """Frame by frame what is in a video, or whatever else ``detect`` takes for a source: a folder, a pattern, a list, a
        camera's number, with ``allow_network`` the address of a stream. A frame has its ``image`` (H, W, 3) uint8 RGB, and
        of a video its ``index`` and ``seconds``. Of what is live it is the newest there is when it is asked for, with the
        time at which it was ``captured`` and how many were ``passed_over``; several live ones come after all else, as each
        has a frame. What cannot be used of several files is passed over and told in the log.

        Raises UserError when the source cannot be used.
        """
        selection = self._selection_with(changes)
        items = find_items(str(source)).items
        for item in items:
            if isinstance(item, WebItem | StreamItem) and isinstance(item.address, str):
                self._require_network(item.address)
        return self._go_through(items, selection)

    def warm_up(self) -> None:
        """Let what happens only once happen now, so that ``times`` begin with what an image takes."""
        self.detect_batch([np.zeros((*self.preprocessing.size, 3), np.uint8)])
        self.times = StageTimes()

    def detect_batch(
        self,
        images: Sequence[np.ndarray],
        sources: Sequence[str | None] | None = None,
        selection: Selection | None = None,
    ) -> list[Detections]:
        """The detections of (H, W, 3) uint8 RGB images, of any sizes, that go through the network together. ``sources``
        says where they are from, ``selection`` which boxes count, by default the detector's."""
        return self.detect_prepared(self.prepare(images), sources, selection)

    def prepare(self, images: Sequence[np.ndarray]) -> Prepared | Uncut:
        """Images as :meth:`detect_batch` takes them, fitted, unless they are to be cut. A thread may do it while the network
        has others at work."""
        if self._tiled is not None:
            return Uncut(tuple(images))
        return prepare(images, self.preprocessing, self.step)

    def detect_prepared(
        self,
        prepared: Prepared | Uncut,
        sources: Sequence[str | None] | None = None,
        selection: Selection | None = None,
    ) -> list[Detections]:
        """The detections of images that were made ready, in their order."""
        times = StageTimes(images=len(prepared))
        selection = selection or self.selection
        if isinstance(prepared, Uncut):
            assert self._tiled is not None
            numbered = {
                number: self._tiled(image, selection, self.names, times)[0]
                for number, image in enumerate(prepared.images)
            }
        else:
            numbered = self._detect_groups(prepared, selection, times)
        self.times.add(times)
        stages = {stage: times.milliseconds(stage) for stage in ("fitting", "network", "selecting")}
        return [
            replace(numbered[number], source=source, times=stages)
            for number, source in enumerate(sources or [None] * len(prepared))
        ]

    def _detect_groups(self, prepared: Prepared, selection: Selection, times: StageTimes) -> dict[int, Detections]:
        """The detections of fitted images by their numbers."""
        times.fitting += prepared.seconds
        numbered: dict[int, Detections] = {}
        for group in prepared.groups:
            with times.spent_in("network"):
                predictions = self.runtime(group.images)
            with times.spent_in("selecting"):
                found = postprocess(predictions, group.geometries, selection, self.names)
                numbered.update(zip(group.numbers, found, strict=True))
        return numbered

    def _detect_given(self, images: Sequence[GivenImage], selection: Selection) -> list[Detections]:
        start = time.perf_counter()
        arrays, sources = zip(*(self._read(image) for image in images))
        seconds = time.perf_counter() - start
        self.times.reading += seconds
        reading = {"reading": 1000 * seconds / len(images)}
        return [
            replace(found, times={**reading, **found.times}) for found in self.detect_batch(arrays, sources, selection)
        ]

    def _read(self, given: GivenImage) -> tuple[np.ndarray, str | None]:
        """An image and where it is from, where that is known."""
        if not isinstance(given, str | Path):
            return image_of(given), None
        if isinstance(given, str) and is_address(given):
            self._require_network(given)
            answer = ask(given)
            if isinstance(answer, Unusable):
                raise UserError(answer.reason)
            if isinstance(answer, StreamItem):
                raise UserError(f"{without_login(given)}: a stream; stream() goes through its frames")
            return answer.image, answer.source
        if Path(given).suffix.lower() in VIDEO_SUFFIXES:
            raise UserError(f"{given}: a video; stream() goes through its frames")
        if Path(given).is_dir():
            raise UserError(f"{Path(given)}: a folder; folder() looks at its images")
        return image_of(given), str(given)

    def _require_network(self, address: str) -> None:
        if not self.options.allow_network:
            raise UserError(f"{without_login(address)}: an address on the network; allow_network=True fetches it")

    def _selection_with(self, changes: SelectionChanges) -> Selection:
        """The rules of a call. Raises UserError."""
        if not changes:
            return self.selection
        for name in changes:
            if name not in SelectionChanges.__annotations__:
                allowed = ", ".join(SelectionChanges.__annotations__)
                raise TypeError(f"{name} cannot differ from call to call; what can: {allowed}")
        try:
            # A confidence for this call is meant for all classes.
            options = replace(self.options, thresholds=None) if "confidence" in changes else self.options
            return selection_of(replace(options, **changes), self.model.meaning, self.runtime.num_classes)
        except ValueError as error:
            raise UserError(str(error)) from error

    def _go_through(self, items: Sequence[Item], selection: Selection) -> Iterator[tuple[Frame, Detections]]:
        live = []
        for source in sources_of(items, ahead=2 * AT_ONCE):
            if source.live:
                live.append(source)
                continue
            try:
                with source:
                    frames = usable_frames(source, unusable=_tell_unusable, damaged=logger.warning)
                    with closing(prepared_batches(frames, source, AT_ONCE, self.prepare, self.times)) as batches:
                        for batch, prepared in batches:
                            names = [frame.source for frame in batch]
                            yield from zip(batch, self.detect_prepared(prepared, names, selection))
            except SourceError as error:
                if len(items) == 1:
                    raise
                _tell_unusable(str(error))
            _tell_broken(what_broke(source))
        if live:
            yield from self._go_through_live(live, selection, alone=len(items) == 1)

    def _go_through_live(
        self, sources: Sequence[FrameSource], selection: Selection, *, alone: bool
    ) -> Iterator[tuple[Frame, Detections]]:
        with Streams(sources) as streams:
            for moment in streams:
                for note in moment.notes:
                    _tell_note(note)
                if moment.frames:
                    prepared = self.prepare([frame.image for frame in moment.frames])
                    names = [frame.source for frame in moment.frames]
                    yield from zip(moment.frames, self.detect_prepared(prepared, names, selection))
                for ended in moment.ended:
                    if ended.problem is not None and alone:
                        raise SourceError(ended.problem)
                    if ended.problem is not None:
                        _tell_unusable(ended.problem)
                    else:
                        _tell_broken(ended.damage or what_broke(ended.source))


def _tell_broken(line: str | None) -> None:
    if line is not None:
        logger.warning(line)


def _tell_note(note: Note) -> None:
    logger.log(logging.WARNING if note.warning else logging.INFO, note.line)


def _tell_unusable(reason: str) -> None:
    logger.warning("not used: %s", reason)
