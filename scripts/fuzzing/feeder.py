"""A child process, started, given work, watched, ended and replaced: whatever an input does to it, the work goes on."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzzing.child import STATE
from fuzzing.findings import Finding
from fuzzing.reader import Limits, Reader

LONGEST_START = 300.0  # seconds for imports and valid files
LOOK = 0.2  # seconds between two looks at where the child stands
TICKS = os.sysconf("SC_CLK_TCK")


class FeederError(RuntimeError):
    """The child does not come up: not an input's fault."""


@dataclass(frozen=True)
class Done:
    """What became of a task: ``seconds`` without what was spent on starting processes; ``most`` bytes of memory that an input
    took, of those that the process survived."""

    inputs: int
    accepted: int
    seconds: float
    most: int


class Feeder:
    """Feeds the readers of a catalogue, one task after the other. To be closed."""

    def __init__(self, catalogue: Path, limits: Limits, found: Callable[[Finding, Reader], None]) -> None:
        self._catalogue, self._limits, self._found = catalogue, limits, found
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._buffer = b""

    def feed(self, reader: Reader, *, seed: int, start: int, count: int, seconds: float) -> Done:
        """Feed a reader with its changed files from number ``start`` on, at most ``count`` and about so long."""
        return self._work(reader, {"seed": seed, "start": start, "count": count, "seconds": seconds})

    def replay(self, reader: Reader, files: Sequence[Path]) -> Done:
        """Feed a reader with files."""
        names = [str(file.absolute()) for file in files]
        return self._work(reader, {"start": 0, "count": len(names), "seconds": float("inf"), "files": names})

    def close(self) -> None:
        """End the process and remove its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                with contextlib.suppress(OSError):  # what was not written any more
                    stream.close()
            self._process = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def _work(self, reader: Reader, task: dict[str, Any]) -> Done:
        first, end, began = task["start"], task["start"] + task["count"], time.monotonic()
        accepted, seconds, most = 0, 0.0, 0
        while task["start"] < end:
            answer = self._ask(reader, {"reader": reader.name, **task})
            accepted += answer.get("accepted", 0)
            seconds += answer.get("seconds", 0.0)
            most = max(most, answer.get("most", 0))
            task = {**task, "start": task["start"] + answer["done"]}
            task["count"] = end - task["start"]
            if time.monotonic() - began > task["seconds"]:
                break
        return Done(task["start"] - first, accepted, seconds, most)

    def _ask(self, reader: Reader, task: dict[str, Any]) -> dict[str, Any]:
        """The answer to a task; after a death, that of the inputs up to the one that caused it."""
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        self._process.stdin.flush()
        idle = time.monotonic()
        while True:
            line = self._line(LOOK)
            if line is None:
                number, used, waited = self._stand()
                if number:
                    idle = time.monotonic()
                slow = number and (used > self._limits.seconds + LOOK or waited > self._limits.patience)
                if slow:
                    return self._dead(
                        reader, task, "hang", f"no end after {used:.1f} s of a processor, {waited:.1f} s in all"
                    )
                if time.monotonic() - idle > LONGEST_START:
                    raise FeederError(f"{reader.name}: does not begin\n{self._output()}")
            elif line == b"":
                code = self._process.wait()
                name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                return self._dead(reader, task, "crash", name)
            else:
                answer: dict[str, Any] = json.loads(line)
                if "done" in answer:
                    return answer
                data = None if answer["data"] is None else base64.b64decode(answer["data"])
                self._found(Finding(reader.name, data=data, **answer["fault"]), reader)
                idle = time.monotonic()

    def _dead(self, reader: Reader, task: dict[str, Any], kind: str, what: str) -> dict[str, Any]:
        number, _, _ = self._stand()
        output = self._output()
        if not number:
            self.close()
            raise FeederError(f"{reader.name}: the process ended outside of any input ({what})\n{output}")
        data = (self._folder / reader.name / reader.file).read_bytes()
        self._found(Finding(reader.name, kind, "no end" if kind == "hang" else what, f"{what}\n{output}", data), reader)
        self.close()
        return {"done": number - task["start"]}

    def _start(self) -> None:
        memory = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
        (self._folder / "state").write_bytes(bytes(STATE.size))
        words = [sys.executable, str(Path(__file__).with_name("child.py")), str(self._catalogue), str(self._folder)]
        self._process = subprocess.Popen(
            [*words, str(self._limits.seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(self._folder)},
            start_new_session=True,  # Ctrl-C is for whoever started it
        )
        self._buffer = b""
        line = self._line(LONGEST_START)
        if not line:
            output = self._output()
            self.close()
            raise FeederError(f"the process that feeds does not start\n{output}")

    def _line(self, patience: float) -> bytes | None:
        """The next line; none within so many seconds: None; no more: empty."""
        assert self._process is not None and self._process.stdout is not None
        end = time.monotonic() + patience
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            block = os.read(self._process.stdout.fileno(), 1 << 16)
            if not block:
                return b""
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _stand(self) -> tuple[int, float, float]:
        """The number of the present input (0: none) and how long it has used a processor and the clock."""
        number, used, began = STATE.unpack((self._folder / "state").read_bytes())
        return number, self._processor_time() - used, time.monotonic() - began

    def _processor_time(self) -> float:
        assert self._process is not None
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just died
            return 0.0
        return (int(fields[11]) + int(fields[12])) / TICKS

    def _output(self) -> str:
        try:
            return (self._folder / "output").read_bytes()[-3000:].decode("utf-8", "replace")
        except OSError:
            return ""
