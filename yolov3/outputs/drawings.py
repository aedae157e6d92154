"""Drawn images and videos: ``NAME.jpg`` (or the image's own kind), ``NAME.mp4``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from yolov3.errors import UserError
from yolov3.images.files import WRITTEN_SUFFIXES, write_image
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result
from yolov3.videos.opening import OpenVideo, open_video
from yolov3.videos.timeline import Timeline


class Drawings(Output):
    """A video of each source that has a rate, an image of every other frame. A video that could not be written once ends
    there. That of a live source lasts as long as what it shows, whatever was passed over."""

    def __init__(self, folder: Path, options: OutputOptions | None = None) -> None:
        self.folder, self.options = folder, options or OutputOptions()
        self._told = False
        self._videos: dict[str, OpenVideo | None] = {}  # None: it has ended before its source
        self._timelines: dict[str, Timeline] = {}

    def write(self, result: Result) -> None:
        if result.frame.index is None:
            suffix = Path(result.frame.source).suffix.lower()
            suffix = suffix if suffix in WRITTEN_SUFFIXES else ".jpg"
            write_image(self.folder / f"{result.name}{suffix}", result.drawn(), may_change=True)
            return
        try:
            if result.name not in self._videos:
                self._videos[result.name] = None
                self._videos[result.name] = self._begin(result)
            video = self._videos[result.name]
            times = self._times(result) if video is not None else 0
            if video is not None and times:
                drawn = result.drawn()
                for _ in range(times):
                    video.write(drawn)
        except UserError:
            video, self._videos[result.name] = self._videos[result.name], None
            if video is not None:
                video.give_up()
            raise

    def end(self, name: str) -> None:
        self._timelines.pop(name, None)
        video = self._videos.pop(name, None)
        if video is not None:
            video.close()

    def close(self) -> None:
        with ExitStack() as stack:  # all, also after one that cannot be finished
            for name in list(self._videos):
                stack.callback(self.end, name)

    def _times(self, result: Result) -> int:
        """How often the frame is shown."""
        if result.frame.instant is None or result.frame.seconds is None or result.rate is None:
            return 1
        timeline = self._timelines.setdefault(result.name, Timeline(result.rate))
        return timeline.times(result.frame.seconds)

    def _begin(self, result: Result) -> OpenVideo:
        height, width = result.frame.image.shape[:2]
        assert result.rate is not None, "a video has a rate"
        return open_video(
            self.folder / f"{result.name}.mp4", rate=result.rate, size=(height, width), codec=self.options.codec,
            tell=self._tell,
        )  # fmt: skip

    def _tell(self, line: str) -> None:
        """Once, however many videos there are."""
        if self.options.tell is not None and not self._told:
            self._told = True
            self.options.tell(line)


def open_output(folder: Path, options: OutputOptions) -> Drawings:
    """Drawings in a folder."""
    return Drawings(folder, options)
