"""A day's load through one process: many images and videos, with the memory and the file descriptors that the process holds
on the way. Exit code 1 when either grows.

    python scripts/endurance.py --weights yolov3-tiny.weights --images pictures/ --count 200000 --videos 20

The images of the folder are taken again and again under new names (links), the videos are drawn; json, csv and text labels
are written of all.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from yolov3.inference.detect import detect
from yolov3.inference.detector import Detector
from yolov3.machine.resident import held_memory
from yolov3.shapes.dataset import write_shapes_video
from yolov3.sources.find import IMAGE_SUFFIXES
from yolov3.watching.watcher import Watcher

EVERY = 500  # frames between two looks
WARM = 0.1  # of the looks are not judged: caches fill
GROWTH = 0.05  # of the memory, from the first to the last quarter, that is none
FRAMES = 250  # of a video


@dataclass(frozen=True)
class Sample:
    """What a process holds after so many ``frames``: bytes of memory, descriptors of files."""

    frames: int
    memory: int
    descriptors: int


class Looking(Watcher):
    """Looks at the process every so many frames."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.before = 0
        self.told: list[str] = []

    def warn(self, line: str) -> None:
        self.told.append(line)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        if (self.before + done) % EVERY == 0:
            self.samples.append(look(self.before + done))


def look(frames: int) -> Sample:
    """What this process holds now."""
    return Sample(frames, held_memory(), sum(1 for _ in Path("/proc/self/fd").iterdir()))


def growth(samples: list[Sample]) -> tuple[float, int]:
    """How the median memory (share) and the descriptors of the last quarter differ from those of the first, without the
    looks while things get warm."""
    judged = samples[int(WARM * len(samples)) :]
    quarter = max(1, len(judged) // 4)
    first, last = judged[:quarter], judged[-quarter:]
    memory = [statistics.median(each.memory for each in part) for part in (first, last)]
    descriptors = [min(each.descriptors for each in part) for part in (first, last)]
    return memory[1] / memory[0] - 1, descriptors[1] - descriptors[0]


def main(words: list[str] | None = None) -> int:
    """Run; 1 where memory or descriptors grow, or something could not be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--images", type=Path, required=True, help="a folder of images")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--imgsz", type=int, default=None)
    options = parser.parse_args(words)
    images = sorted(path for path in options.images.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    detector = Detector(options.weights, image_size=options.imgsz, device="cpu")
    watcher, start = Looking(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        video = place / "film.mp4"
        write_shapes_video(video, frames=FRAMES, fps=25, seed=0)
        rounds = max(1, options.videos)
        for turn in range(rounds):
            pictures = place / "pictures"
            pictures.mkdir()
            for number in range(turn * options.count // rounds, (turn + 1) * options.count // rounds):
                image = images[number % len(images)]
                (pictures / f"{number:09d}{image.suffix}").symlink_to(image.resolve())
            for source, save in ((pictures, ("json", "csv", "txt")), (video, ("drawn", "json", "csv", "txt"))):
                if source == pictures or options.videos:
                    done = detect(
                        weights=detector.model, source=source, detector=detector.options, save=save, batch_size=8,
                        output=place / "out", watcher=watcher,
                    )  # fmt: skip
                    watcher.before += done.frames
            shutil.rmtree(pictures)
            shutil.rmtree(place / "out")
            if watcher.samples:
                last = watcher.samples[-1]
                print(
                    f"{last.frames} frames, {last.memory / 2**20:.0f} MiB, {last.descriptors} descriptors, "
                    f"{last.frames / (time.monotonic() - start):.0f} a second", flush=True,
                )  # fmt: skip
    memory, descriptors = growth(watcher.samples)
    print(f"memory {memory:+.1%}, descriptors {descriptors:+d}, told {len(watcher.told)} warnings")
    return int(memory > GROWTH or descriptors > 0 or bool(watcher.told))


if __name__ == "__main__":
    sys.exit(main())
