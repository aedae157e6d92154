"""A signal at any moment of any command ends it in time, with its exit code, in one line, and leaves nothing half done.

What runs before the first line of ours is Python's own start, some hundredths of a second, in which it answers by itself.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import pytest
import yaml

from yolov3.processes.stopping import DOUBLED, EXIT_CODES, Stopped, Stopping
from yolov3.shapes.dataset import write_shapes_dataset, write_shapes_video

IN_TIME = 2.0  # seconds within which every command ends
STEP = 10.0  # seconds for a training, which ends its step first
LOAD = 1.0  # seconds more, for a machine that is busy with other tests
EACH = int(os.environ.get("SIGNALS", "36"))  # signals for each command in the long test

DOWNLOAD = """
import sys
from dataclasses import replace
import yolov3.downloads.manifest as manifest
from yolov3.downloads.manifest import known_files

known = known_files()
entry = known["yolov3-tiny"]
known["yolov3-tiny"] = replace(entry, file=replace(entry.file, urls=(sys.argv[1],), size=None, digest=None))
from yolov3.__main__ import program
import yolov3.downloads.fetch
manifest.known_files = lambda: known
program(["download", "yolov3-tiny", "--output", sys.argv[2]])
"""


@dataclass(frozen=True)
class Ended:
    """How a program ended that got ``number`` ``moment`` seconds after its first line: its code, the seconds it took, what it
    wrote, and the processes that were still there."""

    number: int
    moment: float
    code: int
    seconds: float
    output: str
    left: list[str]

    def problem(self, longest: float, done: int = 0) -> str | None:
        """What is wrong with it; ``done`` is the code of a run that is left alone."""
        if self.code not in (done, EXIT_CODES[self.number]):
            return f"ended with {self.code}"
        if self.code == done and "yolov3: stopped" in self.output:
            return f"says that it is stopped and ended with {done}"
        if self.seconds > longest:
            return f"took {self.seconds:.1f} seconds"
        if "Traceback" in self.output or "Exception ignored" in self.output or "terminate called" in self.output:
            return "traceback"
        return f"left {self.left}" if self.left else None


def processes_of(session: int) -> list[str]:
    """The processes that belong to a session, but for those that have ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = path.read_text().rpartition(")")
            state, _, _, own, *_ = rest.split()
            if int(own) == session and state != "Z":
                found.append(f"{name})")
    return found


def hears(process: subprocess.Popen, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), 16)
    return bool(caught >> (number - 1) & 1)


def hear_everything() -> None:
    """In the child: whoever starts the tests in the background may have signals ignored."""
    for number in EXIT_CODES:
        signal.signal(number, signal.SIG_DFL)


def end(command: list[str], number: int, moment: float, *, to_group: bool = False, doubled: bool = False) -> Ended:
    """Send a program a signal so many seconds after it has begun to hear, to it or to all of its processes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment,
        start_new_session=True, preexec_fn=hear_everything,
    ) as process:  # fmt: skip
        while process.poll() is None and not hears(process, signal.SIGTERM):
            time.sleep(0.001)
        time.sleep(moment)
        start = time.monotonic()
        send = os.killpg if to_group else os.kill
        with contextlib.suppress(ProcessLookupError):
            for _ in range(1 + doubled):
                send(process.pid, number)
                time.sleep(0.001)
        try:
            output, _ = process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            output += "\n(killed by the test)"
        seconds = time.monotonic() - start
    deadline = time.monotonic() + 1
    while (left := processes_of(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in left:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Ended(number, moment, process.returncode, seconds, output, left)


def unreadable(folder: Path) -> list[str]:
    """The files under their final names that cannot be read as what they are."""
    return [f"{path}: {error!r}" for path in sorted(folder.rglob("*")) if path.is_file() and (error := _fault_of(path))]


def _fault_of(path: Path) -> Exception | None:
    from yolov3.formats.checkpoint import read_checkpoint

    if path.name.startswith("."):
        return None
    try:
        match path.suffix:
            case ".json":
                json.loads(path.read_text())
            case ".yaml":
                yaml.safe_load(path.read_text())
            case ".csv":
                rows = list(csv.reader(path.read_text().splitlines()))
                assert len({len(row) for row in rows}) <= 1, "rows of different lengths"
            case ".xml":
                ElementTree.parse(path)
            case ".pt":
                read_checkpoint(path)
            case ".jpg" | ".png":
                assert cv2.imread(str(path)) is not None, "no image"
            case ".mp4":
                video = cv2.VideoCapture(str(path))
                assert video.read()[0], "no frame"
            case ".html":
                assert path.read_text().rstrip().endswith("</html>"), "no end"
    except Exception as error:
        return error
    return None


@dataclass(frozen=True)
class Place:
    """Where the commands work: the data they read, and an address of a file that comes slowly."""

    folder: Path
    address: str

    def command(self, name: str, output: Path) -> list[str]:
        """A command line that writes into ``output``."""
        data, model, one = self.folder / "shapes", self.folder / "small.pt", self.folder / "classes"
        tiny = ["model.variant=yolov3-tiny", "model.width=0.125", "model.image_size=96", "train.batch_size=4"]
        outputs = ["--save-txt", "--save-json", "--save-csv", "--save-crop", "--save-conf"]
        words: dict[str, list[object]] = {
            "train": ["train", "--data", data, *tiny, "train.workers=2", "train.epochs=2", f"train.output={output}"],
            "evaluate": ["evaluate", "--weights", model, "--data", data, "--output", output, "--workers", "2"],
            "detect": ["detect", "--weights", model, "--source", data / "val", "--output", output, *outputs],
            "detect video": ["detect", "--weights", model, "--source", self.folder / "v.mp4", "--output", output, *outputs],
            "export": ["export", model, "--output", output],
            "convert": ["convert", model, output / "new.safetensors"],
            "doctor": ["doctor", data],
            "doctor --weights": ["doctor", data, "--weights", model],
            "split": ["split", data, "--out", output / "split"],
            "convert-data": ["convert-data", data, output / "voc", "--to", "voc", "--copy"],
            "compare": ["compare", model, self.folder / "other.pt", "--data", data, "--output", output],
            "demo": ["demo", "--epochs", "1", "--images", "16", "--output", output],
            "train-classifier": [
                "train-classifier", one, "--width", "0.0625", "--imgsz", "32", "--epochs", "2", "--output", output,
            ],
            "benchmark": ["benchmark", "--rounds", "1", *tiny[:-1], "train.batch_size=2"],
        }  # fmt: skip
        if name == "download":
            return [sys.executable, "-c", DOWNLOAD, self.address, str(output)]
        return [sys.executable, "-m", "yolov3", *map(str, words[name])]


COMMANDS = (
    "train", "evaluate", "detect", "detect video", "export", "convert", "doctor", "doctor --weights", "split",
    "convert-data", "compare", "download", "demo", "train-classifier", "benchmark",
)  # fmt: skip
TRAIN = ("train", "demo", "train-classifier")


@pytest.fixture(scope="module")
def files_of_commands(tmp_path_factory, write_seeing_model) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    write_shapes_dataset(folder / "shapes", train=24, val=12, unseen=0, seed=1)
    write_shapes_video(folder / "v.mp4", frames=60, fps=10, seed=1)
    for name in ("small.pt", "other.pt"):
        write_seeing_model(folder / name, width=0.125)
    images = sorted((folder / "shapes" / "train").iterdir())
    for number, image in enumerate(images):
        target = folder / "classes" / ("val" if number % 4 == 0 else "train") / f"c{number % 2}" / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(image.read_bytes())
    for number in range(2):
        (folder / "classes" / "val" / f"c{number}").mkdir(exist_ok=True)
        other = folder / "classes" / "val" / f"c{number}" / "more.png"
        other.write_bytes(images[number].read_bytes())
    return folder


@pytest.fixture
def place(files_of_commands, web, page) -> Place:
    web.pages["slow"] = page("application/octet-stream", bytes(1 << 20), pause=1.0)
    return Place(files_of_commands, web.address("slow"))


@pytest.mark.parametrize(
    ("name", "number", "moment"),
    [
        ("models", signal.SIGINT, 0.0),
        ("detect video", signal.SIGHUP, 0.3),
        ("evaluate", signal.SIGTERM, 2.5),
        ("download", signal.SIGINT, 0.5),
    ],
)
def test_a_signal_at_some_moments(place, tmp_path, name, number, moment):
    command = [sys.executable, "-m", "yolov3", "models"] if name == "models" else place.command(name, tmp_path / "out")
    ended = end(command, number, moment, to_group=True, doubled=True)
    assert ended.problem(IN_TIME + LOAD) is None, ended
    assert unreadable(tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_every_moment(place, tmp_path, name):
    (tmp_path / "whole").mkdir()
    start = time.monotonic()
    done = subprocess.run(place.command(name, tmp_path / "whole"), check=False, capture_output=True).returncode
    length = time.monotonic() - start
    chance, problems, codes, slowest = random.Random(name), [], [], 0.0
    for number in range(EACH):
        output = tmp_path / str(number)
        output.mkdir()
        ended = end(
            place.command(name, output),
            chance.choice(list(EXIT_CODES)),
            chance.uniform(0, 1.05 * length) if number % 4 else chance.uniform(0, 0.3),
            to_group=chance.random() < 0.5,
            doubled=chance.random() < 0.3,
        )
        codes.append(ended.code)
        slowest = max(slowest, ended.seconds)
        problem = ended.problem((STEP if name in TRAIN else IN_TIME) + LOAD, done)
        problems += [(problem, ended)] if problem else []
        problems += unreadable(output)
    print(
        f"{name}: {len(codes)} signals, {sum(code != done for code in codes)} stopped it, the slowest in {slowest:.2f} s"
    )
    assert problems == []


@pytest.fixture
def handlers() -> Iterator[Callable[[], list[object]]]:
    """Handlers as Python has them at its start, and a function that tells which they are."""
    given = {signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, given.get(number, signal.SIG_DFL)) for number in EXIT_CODES}
    yield lambda: [signal.getsignal(number) for number in EXIT_CODES]
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_signal_raises_and_handlers_come_back(handlers, number):
    before = handlers()
    with pytest.raises(KeyboardInterrupt) as caught, Stopping() as stopping:
        signal.raise_signal(number)
    assert isinstance(caught.value, Stopped) and caught.value.exit_code == EXIT_CODES[number] == 128 + number
    assert stopping.received == number and handlers() == before and signal.set_wakeup_fd(-1) == -1


def test_what_somebody_else_decided_stays(handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with Stopping():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_doubled_signal_is_one_also_of_two_kinds(handlers):
    with Stopping():
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        time.sleep(DOUBLED + 0.1)
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGINT)


PROGRAM = """
import os, signal, sys, threading, time
from yolov3.processes.stopping import Stopping, open_missing_streams, run_program
Stopping(ends_program=True).__enter__()
open_missing_streams()
class Swallows:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000): pass
def deaf():
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
def main():
    Stopping.current.begin()
    threading.Thread(target=time.sleep, args=(60,)).start()  # which nobody ends
    {body}
    return 0
run_program(main)
"""


def run_body(body: str, **settings) -> tuple[subprocess.CompletedProcess, float]:
    start = time.monotonic()
    program = PROGRAM.replace("{body}", body)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=hear_everything,
        **settings,
    )
    return done, time.monotonic() - start


KILL = "os.kill(os.getpid(), signal.SIGTERM)"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("print('done')", 0, ""),  # though a thread is left
        ("raise ValueError('ours')", 1, "ValueError: ours"),
        ("sys.exit(3)", 3, ""),
        (f"{KILL}; deaf()", 143, "yolov3: stopped\n"),
        ("Swallows(); time.sleep(60)", 143, "yolov3: stopped\n"),  # raised again, where it is heard
        (f"sys.modules['multiprocessing'] = type(sys)('multiprocessing'); {KILL}; deaf()", 143, "yolov3: stopped\n"),
        (f"import atexit; atexit.register(time.sleep, 60); {KILL}", 143, "yolov3: stopped\n"),
    ],
)
def test_a_program_ends_whatever_its_threads_do(body, code, said):
    done, seconds = run_body(body)
    assert (done.returncode, seconds < 4) == (code, True), done
    assert done.stderr == said or (code == 1 and said in done.stderr and "Traceback" in done.stderr)


def test_a_program_without_standard_streams_gets_some():
    body = "sys.stdout.flush(); print('x'); sys.stderr.flush(); return 5 if open(os.devnull).fileno() > 2 else 6"
    command = f'exec "{sys.executable}" -c "$PROGRAM" <&- >&- 2>&-'
    environment = {**os.environ, "PROGRAM": PROGRAM.replace("{body}", body)}
    assert subprocess.run(["sh", "-c", command], env=environment, timeout=30).returncode == 5
