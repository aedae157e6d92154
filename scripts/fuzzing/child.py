"""A process that feeds readers: as many inputs in a row as it is told to, each watched for what it raises and takes.

Tasks come as lines of json on the standard input, answers go as such to the standard output; what readers and their
libraries print goes to a file. Where it stands is in a small shared file, so that whoever started it sees an input that
never ends, and finds the input of a process that died where the reader found it.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import mmap
import os
import resource
import struct
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, TextIO

SCRIPTS = Path(__file__).resolve().parents[1]
STATE = struct.Struct("<qdd")  # which input (from 1; 0: none), the processor's and the clock's seconds when it began
ROOM = 6 << 30  # bytes of address space beyond what is there: what asks for more has no bound
MOST_KEPT = 10  # open files or threads that inputs may leave behind, all of a task together
LONGEST_LINE, MOST_LINES = 2200, 200  # of a message
_STEERING = {chr(number) for number in (*range(32), *range(127, 160))} | set("\u2028\u2029\u202e")


@dataclass(frozen=True)
class Fault:
    """What went wrong with an input: the ``kind`` (exception, memory, hang, message; leak: with all of a task), ``what``
    tells it from other faults, ``details`` are for people."""

    kind: str
    what: str
    details: str


class Child:
    """The readers of a catalogue, in a folder."""

    def __init__(self, catalogue: ModuleType, folder: Path, seconds: float, answers: TextIO) -> None:
        from yolov3.errors import UserError

        self._mistakes = UserError
        self._readers = {reader.name: reader for reader in catalogue.READERS}
        self._folder, self._seconds, self._answers = folder, seconds, answers
        self._seeds: dict[str, list[bytes]] = {}
        self._most = 0  # bytes that an input of the present task took
        self._smallest: dict[tuple[str, str, str], int] = {}
        with (folder / "state").open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), STATE.size)
        self._peak = open("/proc/self/clear_refs", "w", encoding="ascii")  # noqa: PTH123, SIM115

    def work(self, task: dict[str, Any]) -> None:
        """Feed one reader with what the task says: files, or ``count`` changed ones from number ``start`` on."""
        reader = self._readers[task["reader"]]
        folder, self._most = self._folder / reader.name, 0
        seeds = self._prepared(reader, folder)
        resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + ROOM, resource.RLIM_INFINITY))
        path, data = folder / reader.file, b""
        began, done, accepted, held = time.monotonic(), 0, 0, _held()
        for number in range(task["start"], task["start"] + task["count"]):
            if "files" in task:
                data = Path(task["files"][number]).read_bytes()
            else:
                data = reader.change(Random(f"{task['seed']} {reader.name} {number}"), seeds)
            path.write_bytes(data)
            fault, ended_well = self._feed(reader, path, len(data), number)
            done, accepted = done + 1, accepted + ended_well
            if fault:
                self._tell(reader.name, fault, data)
            if time.monotonic() - began > task["seconds"]:
                break
        grown = {what: count - held[what] for what, count in _held().items() if count > held[what] + MOST_KEPT}
        if grown:
            self._tell(reader.name, Fault("leak", " ".join(grown), f"after {done} inputs more are held: {grown}"), data)
        _trim_output()
        self._answer(done=done, accepted=accepted, seconds=time.monotonic() - began, most=self._most)

    def _prepared(self, reader: Any, folder: Path) -> list[bytes]:
        if reader.name not in self._seeds:
            folder.mkdir(exist_ok=True)
            os.mkfifo(folder / "pipe")
            seeds = reader.prepare(folder)
            assert seeds, f"{reader.name}: no valid files"
            path = folder / reader.file
            path.parent.mkdir(parents=True, exist_ok=True)
            for seed in seeds:  # what is read once (imports, caches) counts for no input
                path.write_bytes(seed)
                try:
                    reader.read(path)
                except self._mistakes as error:
                    raise SystemExit(f"{reader.name}: a valid file is refused: {error}") from error
            self._seeds[reader.name] = seeds
        return self._seeds[reader.name]

    def _feed(self, reader: Any, path: Path, size: int, number: int) -> tuple[Fault | None, bool]:
        """The fault of an input, and whether it was read without complaint."""
        self._peak.write("5")
        self._peak.flush()  # the peak is measured from here on
        before = _memory("VmHWM")
        start = time.process_time()
        self._state[:] = STATE.pack(number + 1, start, time.monotonic())
        fault, ended_well = None, False
        try:
            reader.read(path)
            ended_well = True
        except self._mistakes as error:
            fault = _fault_of_message(str(error))
        except MemoryError:
            fault = Fault("memory", f"MemoryError {_place()}", traceback.format_exc())
        except (Exception, SystemExit) as error:
            fault = Fault("exception", f"{type(error).__name__} {_place()}", traceback.format_exc())
        self._state[:8] = bytes(8)
        took = time.process_time() - start
        if took > self._seconds:
            fault = Fault("hang", "slow", f"took {took:.1f} s of a processor")
        grown = _memory("VmHWM") - before
        self._most = max(self._most, grown)
        if grown > reader.memory(size):
            fault = Fault("memory", "peak", f"a file of {size} bytes took {grown / 2**20:.0f} MiB")
        return fault, ended_well

    def _tell(self, reader: str, fault: Fault, data: bytes) -> None:
        """Answer with a fault, and with its input where none so small was told for it."""
        key = (reader, fault.kind, fault.what)
        smaller = len(data) < self._smallest.get(key, sys.maxsize)
        if smaller:
            self._smallest[key] = len(data)
        given = base64.b64encode(data).decode() if smaller else None
        self._answer(fault={"kind": fault.kind, "what": fault.what, "details": fault.details}, data=given)

    def _answer(self, **values: Any) -> None:
        self._answers.write(json.dumps(values) + "\n")
        self._answers.flush()


def _held() -> dict[str, int]:
    """So many files are open, so many threads run."""
    return {"files": len(os.listdir("/proc/self/fd")), "threads": len(os.listdir("/proc/self/task"))}  # noqa: PTH208


def _memory(key: str) -> int:
    """Bytes, as the system counts them."""
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - a thousand times a second
        text = file.read()
    place = text.index(key.encode()) + len(key) + 1
    return 1024 * int(text[place : text.index(b"kB", place)])


def _place() -> str:
    """Where the present exception came from: the innermost lines of ours and of all."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    own = [frame for frame in frames if "/yolov3/" in frame.filename and "site-packages" not in frame.filename]
    names = [f"{Path(frame.filename).name}:{frame.name}" for frame in (*own[-1:], *frames[-1:])]
    return " ".join(dict.fromkeys(names))


def _fault_of_message(text: str) -> Fault | None:
    """What makes a message unfit to be shown."""
    lines = text.split("\n")
    if any(len(line) > LONGEST_LINE for line in lines) or len(lines) > MOST_LINES:
        return Fault("message", "long", f"{len(text)} letters in {len(lines)} lines: {text[:500]!a}")
    if _STEERING & set(text) - {"\n"} or any("\ud800" <= letter <= "\udfff" for letter in text):
        return Fault("message", "steers", ascii(text[:2000]))
    return None


def _trim_output() -> None:
    if os.fstat(1).st_size > 1 << 20:
        os.ftruncate(1, 0)


def load_catalogue(path: Path) -> ModuleType:
    """The module in a file; its ``READERS`` are those that are fed."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    catalogue, folder, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    tasks = os.fdopen(os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for here, there in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(here, there)
    os.chdir(folder)
    sys.path[:0] = [str(SCRIPTS), str(SCRIPTS.parent)]
    child = Child(load_catalogue(catalogue), folder, seconds, answers)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    child._answer(ready=True)
    for line in tasks:
        child.work(json.loads(line))


if __name__ == "__main__":
    main()
