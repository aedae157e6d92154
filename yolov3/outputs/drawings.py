"""Drawn images and videos: ``NAME.jpg`` (or the image's own kind), ``NAME.mp4``."""

from __future__ import annotations

from pathlib import Path

from yolov3.images.files import WRITTEN_SUFFIXES, write_image
from yolov3.outputs.catalogue import OutputOptions
from yolov3.outputs.output import Output, Result
from yolov3.outputs.video_writer import VideoWriter


class Drawings(Output):
    """A video of each source that has a rate, an image of every other frame."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._videos: dict[str, VideoWriter] = {}

    def write(self, result: Result) -> None:
        if result.frame.index is None:
            suffix = Path(result.frame.source).suffix.lower()
            suffix = suffix if suffix in WRITTEN_SUFFIXES else ".jpg"
            write_image(self.folder / f"{result.name}{suffix}", result.drawn())
            return
        if result.name not in self._videos:
            height, width = result.frame.image.shape[:2]
            assert result.rate is not None, "a video has a rate"
            path = self.folder / f"{result.name}.mp4"
            self._videos[result.name] = VideoWriter(path, rate=result.rate, size=(height, width))
        self._videos[result.name].write(result.drawn())

    def end(self, name: str) -> None:
        if name in self._videos:
            self._videos.pop(name).close()

    def close(self) -> None:
        for name in list(self._videos):
            self.end(name)


def open_output(folder: Path, options: OutputOptions) -> Drawings:
    """Drawings in a folder."""
    return Drawings(folder)
