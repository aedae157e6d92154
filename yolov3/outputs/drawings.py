"""Drawn images and videos: ``NAME.jpg`` (or the image's own kind), ``NAME.mp4``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from yolov3.errors import UserError
from yolov3.images.files import WRITTEN_SUFFIXES, write_image
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result
from yolov3.videos.opening import OpenVideo, open_video


class Drawings(Output):
    """A video of each source that has a rate, an image of every other frame. A video that could not be written once ends
    there."""

    def __init__(self, folder: Path, options: OutputOptions | None = None) -> None:
        self.folder, self.options = folder, options or OutputOptions()
        self._told = False
        self._videos: dict[str, OpenVideo | None] = {}  # None: it has ended before its source

    def write(self, result: Result) -> None:
        if result.frame.index is None:
            suffix = Path(result.frame.source).suffix.lower()
            suffix = suffix if suffix in WRITTEN_SUFFIXES else ".jpg"
            write_image(self.folder / f"{result.name}{suffix}", result.drawn())
            return
        try:
            if result.name not in self._videos:
                self._videos[result.name] = None
                self._videos[result.name] = self._begin(result)
            video = self._videos[result.name]
            if video is not None:
                video.write(result.drawn())
        except UserError:
            video, self._videos[result.name] = self._videos[result.name], None
            if video is not None:
                video.give_up()
            raise

    def end(self, name: str) -> None:
        video = self._videos.pop(name, None)
        if video is not None:
            video.close()

    def close(self) -> None:
        with ExitStack() as stack:  # all, also after one that cannot be finished
            for name in list(self._videos):
                stack.callback(self.end, name)

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
