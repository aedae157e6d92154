"""H.264 by the program ``ffmpeg``, where it is installed with an encoder that works here: a quarter of the bytes of MPEG-4
part 2, and what browsers play. OpenCV's own wheels have no such encoder.

The program writes fragments, so that what has been written can be played whatever becomes of it or of us: at the end of its
input, also when we were killed, it writes what it still has and ends.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from yolov3.errors import UserError
from yolov3.files.temporary import discard
from yolov3.machine.opencv_messages import opencv_silenced
from yolov3.structures import Size
from yolov3.watching.words import counted

ENCODERS: dict[str, tuple[str, ...]] = {
    "libx264": ("-preset", "veryfast", "-crf", "23"),
    "libopenh264": ("-b:v", "4M"),
    "h264_videotoolbox": ("-b:v", "4M"),
    "h264_mf": ("-b:v", "4M"),
    "h264_nvenc": ("-cq", "23"),
}
"""The encoders that are tried, the best first, and how much they are to keep."""

SECONDS = 20.0  # for what takes a fraction of one: a trial, or the end of a file
FINEST_RATE = 100_000  # denominators of rates are no larger
LEAST_SIDE = 32  # pixels; encoders that have no smaller images are many


@lru_cache
def find_encoder() -> tuple[str, str] | None:
    """The path of ``ffmpeg`` and the encoder of it that works on this machine; None where there is none."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    listed = _run([program, "-hide_banner", "-encoders"]).split()
    for encoder in ENCODERS:
        if encoder in listed and _works(program, encoder):
            return program, encoder
    return None


class H264Writer:
    """Writes a video as :class:`yolov3.videos.writer.VideoWriter` does, with the ``encoder`` that :func:`find_encoder` found.
    Raises UserError when it cannot be written."""

    def __init__(self, path: Path, *, rate: float, size: Size, encoder: tuple[str, str]) -> None:
        self.path, self.frames = path, 0
        self.size = even_size(size)
        with path.open("wb"):  # what cannot be made is told by us, in our words
            pass
        program, name = encoder
        height, width = self.size
        exact = Fraction(rate).limit_denominator(FINEST_RATE)
        command = [
            *(program, "-hide_banner", "-loglevel", "error", "-xerror", "-y"),
            *("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", str(exact), "-i", "pipe:0"),
            *("-an", "-c:v", name, *ENCODERS[name], "-pix_fmt", "yuv420p", "-bf", "0", "-g", str(max(1, round(rate)))),
            *(
                "-movflags",
                "+frag_keyframe+empty_moov+default_base_moof",
                "-flush_packets",
                "1",
                "-f",
                "mp4",
                str(path),
            ),
        ]
        # A session of its own: Ctrl-C is for us, and we tell it to end. It hears of a full disk, and says so.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            restore_signals=False,
        )  # fmt: skip

    def write(self, image: np.ndarray) -> None:
        """Add an (H, W, 3) uint8 RGB frame. Raises UserError when it cannot be written; what was before can be played."""
        if image.shape[:2] != self.size:
            image = cv2.resize(image, (self.size[1], self.size[0]), interpolation=cv2.INTER_AREA)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR).data)
        except OSError as error:  # it has ended
            raise self._failure() from error
        self.frames += 1

    def close(self) -> None:
        """Finish the file. Raises UserError when not all frames are in it."""
        if self._process.stdin is not None and self._process.stdin.closed:
            return
        failure: UserError | None = None
        try:
            assert self._process.stdin is not None
            self._process.stdin.close()
            code = self._process.wait(SECONDS)
            failure = self._failure() if code else None
        except (OSError, subprocess.TimeoutExpired):
            failure = self._failure()
        finally:
            self.give_up()
        if failure is not None:
            raise failure

    def give_up(self) -> None:
        """End as things are; a file without a frame goes."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        if not self.frames or (self._has_failed() and not self._can_be_played()):
            discard(self.path)

    def _failure(self) -> UserError:
        """What ended the program, in its own last words."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        said = ""
        try:
            code = self._process.wait(SECONDS)
            if self._process.stderr is not None:
                said = self._process.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        except subprocess.TimeoutExpired:
            self._process.kill()
            code, said = self._process.wait(), "it does not end"
        rest = "; what it had written can be played" if self._can_be_played() else ""
        return UserError(
            f"{self.path}: ffmpeg ended with {code} after {counted(self.frames, 'frame')}: {said or 'without a word'}{rest}"
        )

    def _has_failed(self) -> bool:
        return self._process.returncode != 0

    def _can_be_played(self) -> bool:
        """Whether the file has a frame."""
        with opencv_silenced():
            return cv2.VideoCapture(str(self.path)).read()[0]


def even_size(size: Size) -> Size:
    """The size that a video of such frames has: (height, width), even, and not too small for an encoder."""
    return max(2, size[0] - size[0] % 2), max(2, size[1] - size[1] % 2)


def _works(program: str, encoder: str) -> bool:
    """Whether an image comes through: encoders are listed that have no hardware here."""
    source = f"color=black:size={4 * LEAST_SIDE}x{4 * LEAST_SIDE}:rate=1"
    command = [program, "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", source, "-frames:v", "1"]
    return _ends_well([*command, "-c:v", encoder, *ENCODERS[encoder], "-pix_fmt", "yuv420p", "-f", "null", "-"])


def _ends_well(command: list[str]) -> bool:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")
