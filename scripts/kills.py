"""What is left when a process is killed (-9) while it writes: commands at random moments of their way, and writers that say
after each version of a file that it is written.

    python scripts/kills.py                          # 1,000 kills in all
    python scripts/kills.py train checkpoint --kills 20

A kill passes when every file under a final name can be read as what it is, and when of what was said to be written nothing
is missing: the last version of a checkpoint or a graph, every entry of a list, a video up to its last second.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from full_disk import Command, prepare, read

KILLS = 1000
COMMANDS = ("train", "evaluate", "detect", "export", "convert-pt", "convert-safetensors", "convert-weights", "download",
            "demo")  # fmt: skip
ENCODER = 5.0  # seconds for an encoder to end after us
LONGEST = 0.4  # seconds that a writer may write before it is killed
Say = Callable[[int], None]
Writer = Callable[[Path, Say], None]
Look = Callable[[Path, int], str | None]


@dataclass
class Count:
    """Kills of one kind: how many came before the end, and what was wrong after which."""

    kills: int = 0
    hit: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self, name: str, seconds: float) -> str:
        """For people."""
        return f"{name}: {self.kills} kills, {self.hit} of them in the midst, wrong {len(self.wrong)}, {seconds:.0f} s"


def main(words: list[str] | None = None) -> int:
    """Run what the words name; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join((*COMMANDS, *WRITERS))}")
    parser.add_argument("--kills", type=int, help="of each; by default 1,000 in all")
    arguments = parser.parse_args(words)
    kinds = arguments.kinds or [*COMMANDS, *WRITERS]
    each = arguments.kills or -(-KILLS // len(kinds))
    total, wrong = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        commands = prepare(Path(folder))
        if not Path("shapes.tar").exists():
            shutil.make_archive("shapes", "tar", "shapes")
        if "graph" in kinds and _wait(_begin(make_graph), None):
            raise SystemExit("no graph can be made here: pip install 'yolov3[onnx]'")
        for kind in kinds:
            start = time.monotonic()
            out, chance = Path(folder) / "out", random.Random(kind)
            if kind in WRITERS:
                count = kill_writer(*WRITERS[kind], out, each, chance)
            else:
                count = kill_command(commands[kind], out, each, chance)
            print(count.line(kind, time.monotonic() - start), *count.wrong[:5], sep="\n  ", flush=True)
            total, wrong = total + count.kills, wrong + len(count.wrong)
    print(f"{total} kills, {wrong} after which something was wrong")
    return min(wrong, 1)


def kill_command(command: Command, out: Path, kills: int, chance: random.Random) -> Count:
    """Run a command so many times and kill it and its processes at any moment of the time that it takes."""
    count = Count()
    start = time.monotonic()
    _renew(out)
    code = _wait(_begin(functools.partial(command, out)), None)
    length = time.monotonic() - start
    if code:
        count.wrong.append(f"without a kill it ends with {code}")
    for _ in range(kills):
        _renew(out)
        moment = chance.uniform(0, length)
        code = _wait(_begin(functools.partial(command, out)), moment)
        count.kills += 1
        count.hit += code == -signal.SIGKILL
        count.wrong += [f"killed after {moment:.2f} s: {line}" for line in unreadable(out)]
    return count


def kill_writer(write: Writer, look: Look, out: Path, kills: int, chance: random.Random) -> Count:
    """Let a process write version after version, kill it, look; the next goes on in the same place."""
    count = Count()
    _renew(out)
    for _ in range(kills):
        reading, writing = os.pipe()

        def run(reading: int = reading, writing: int = writing) -> int:
            os.close(reading)
            write(out, lambda version: os.write(writing, version.to_bytes(8, "little")) and None)
            return 0

        child = _begin(run)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            first = stream.read(8)  # it has begun
            code = _wait(child, chance.uniform(0, LONGEST))
            said = first + stream.read()
        last = int.from_bytes(said[len(said) // 8 * 8 - 8 : len(said) // 8 * 8], "little") if len(said) >= 8 else 0
        count.kills += 1
        count.hit += code == -signal.SIGKILL
        problem = look(out, last)
        count.wrong += [f"after version {last}: {problem}"] if problem else []
        count.wrong += unreadable(out)
    return count


def unreadable(out: Path) -> list[str]:
    """The files under final names that cannot be read; what is hidden was never there."""
    found = []
    for path in sorted(out.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(out).parts):
            try:
                if path.suffix != ".mp4":
                    read(path)
                elif b"moof" in path.read_bytes():  # else its first second was not over: it has no fragment yet
                    _read_video(path)
            except Exception as error:
                found.append(f"{path.relative_to(out)} cannot be read: {type(error).__name__} {error}"[:300])
    return found


def _read_video(path: Path) -> None:
    """An encoder in a process of its own, which sees that we are gone, has a moment to finish."""
    deadline = time.monotonic() + ENCODER
    while True:
        try:
            return read(path)
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _renew(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()


def _begin(run: Callable[[], int]) -> int:
    """Run in a child that is the first of a session; its number."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        silent = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(silent, number)
        code = run()
    finally:
        os._exit(code)


def _wait(child: int, moment: float | None) -> int:
    """How a child ended that was killed after so many seconds, with all its processes, if it had not ended before."""
    deadline = None if moment is None else time.monotonic() + moment
    while True:
        number, status = os.waitpid(child, 0 if deadline is None else os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        if deadline is not None and time.monotonic() >= deadline:
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:  # it is not yet the first of its session
                os.kill(child, signal.SIGKILL)
            deadline = None
        else:
            time.sleep(0.0005)


def _save_checkpoints(out: Path, say: Say) -> None:
    import torch

    from yolov3.formats.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint

    path = out / "last.pt"
    model = load_checkpoint(path if path.exists() else Path("model.pt"))
    version = read_checkpoint(path)["experiment"]["version"] if path.exists() else 0
    while True:
        version += 1
        with torch.no_grad():
            next(model.network.parameters()).fill_(version)
        experiment = {"version": version}
        save_checkpoint(path, model.network, meaning=model.meaning, experiment=experiment, keep_previous=True)
        say(version)


def _look_at_checkpoint(out: Path, last: int) -> str | None:
    from yolov3.formats.checkpoint import read_checkpoint

    content = read_checkpoint(out / "last.pt")
    version = content["experiment"]["version"]
    weights = next(iter(content["weights"].values()))
    if not last <= version <= last + 1 or not bool((weights == version).all()):
        return f"holds version {version}"
    return None


def make_graph() -> int:
    """The graph that the writer of graphs writes, which takes seconds to make."""
    from yolov3.cli import main as command_line

    return command_line(["export", "model.pt", "--to", "onnx", "--output", "first"])


def _write_graphs(out: Path, say: Say) -> None:
    from dataclasses import replace

    import onnx

    from yolov3.graphs.onnx_file import read_onnx_facts, write_onnx

    path = out / "model.onnx"
    (first,) = Path("first").rglob("*.onnx")
    graph, facts = onnx.load(first), read_onnx_facts(first)
    version = int(read_onnx_facts(path).meaning.names[0]) if path.exists() else 0
    while True:
        version += 1
        names = (str(version), *facts.meaning.names[1:])
        write_onnx(path, graph, replace(facts, meaning=replace(facts.meaning, names=names)))
        say(version)


def _look_at_graph(out: Path, last: int) -> str | None:
    from yolov3.graphs.onnx_file import read_onnx_facts

    version = int(read_onnx_facts(out / "model.onnx").meaning.names[0])
    return None if last <= version <= last + 1 else f"holds version {version}"


def _write_lists(out: Path, say: Say) -> None:
    from yolov3.files.growing import GrowingText

    text, version = GrowingText(out / "list.json", "[0", "]\n"), 0
    while True:
        version += 1
        text.add(f",\n{version}")
        say(version)


def _look_at_list(out: Path, last: int) -> str | None:
    held = json.loads((out / "list.json").read_text())
    return (
        None if held == list(range(len(held))) and len(held) - 1 in (last, last + 1) else f"holds {len(held)} entries"
    )


def _write_videos(out: Path, say: Say) -> None:
    import numpy as np

    from yolov3.videos.writer import VideoWriter

    frames, image = 0, np.zeros((96, 128, 3), np.uint8)
    video = VideoWriter(out / "film.mp4", rate=10.0, size=(96, 128))
    while True:
        frames += 1
        image[:] = frames % 256
        video.write(image)
        say(frames)


def _look_at_video(out: Path, last: int) -> str | None:
    from yolov3.sources.videos import VideoFile

    if last < 10:
        return None
    with VideoFile(out / "film.mp4") as video:
        frames = len(list(video))
    return None if frames > last - 10 else f"{frames} frames can be read"


WRITERS: dict[str, tuple[Writer, Look]] = {
    "checkpoint": (_save_checkpoints, _look_at_checkpoint),
    "graph": (_write_graphs, _look_at_graph),
    "list": (_write_lists, _look_at_list),
    "video": (_write_videos, _look_at_video),
}


if __name__ == "__main__":
    sys.exit(main())
