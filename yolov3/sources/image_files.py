"""Image files as frames, decoded some way ahead."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from yolov3.images.files import ImageError, read_image
from yolov3.sources.frames import Frame, FrameSource, Unusable

READERS = 2  # threads that decode images while the network works


class ImageFiles(FrameSource):
    """The images of files, in order. Of a file that is cut off comes what there is, as damaged."""

    name = "images"

    def __init__(self, paths: Sequence[Path], *, ahead: int) -> None:
        self.paths, self.ahead = paths, ahead
        self.length = len(paths)

    def __iter__(self) -> Iterator[Frame | Unusable]:
        paths = iter(self.paths)
        waiting: list[Future[Frame | Unusable]] = []
        with ThreadPoolExecutor(READERS) as pool:
            try:
                while True:
                    for path in itertools.islice(paths, self.ahead - len(waiting)):
                        waiting.append(pool.submit(_read, path))
                    if not waiting:
                        return
                    yield waiting.pop(0).result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _read(path: Path) -> Frame | Unusable:
    try:
        return Frame(read_image(path), str(path))
    except ImageError as first:
        try:
            return Frame(read_image(path, tolerate_truncation=True), str(path), damaged=True)
        except ImageError:
            return Unusable(str(first))
