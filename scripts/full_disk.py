"""What happens when the disk is full, at every size: each command is run with files that may not grow beyond a limit, from
nothing to the largest file it writes.

    python scripts/full_disk.py                        # all commands, 50 limits each
    python scripts/full_disk.py detect convert --sizes 10

A run passes when it ends in time, without a traceback, with an exit code other than 0 unless it wrote all that it writes
without a limit, when every file under a final name can be read, and when no temporary file stays.
"""

from __future__ import annotations

import argparse
import csv
import functools
import http.server
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120.0  # that a run may take
Command = Callable[[Path], int]


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and what is wrong with that."""

    code: int
    said: str
    problems: tuple[str, ...]


def main() -> int:
    """Run what the words name; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", metavar="COMMAND")
    parser.add_argument("--sizes", type=int, default=50)
    arguments = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, command in prepare(Path(folder)).items():
            if not arguments.commands or name in arguments.commands:
                wrong += sweep(name, command, Path(folder) / "out", arguments.sizes)
    return min(wrong, 1)


def prepare(folder: Path) -> dict[str, Command]:
    """Small data and a small model, and the commands that are run with them."""
    import cv2
    import torch

    from yolov3.formats.checkpoint import save_checkpoint
    from yolov3.models.yolov3 import YOLOv3
    from yolov3.shapes.dataset import CLASSES, write_shapes_dataset, write_shapes_video
    from yolov3.structures import ModelMeaning, Preprocessing

    torch.set_num_threads(1)
    cv2.setNumThreads(1)  # its threads do not survive a fork
    os.chdir(folder)
    data = write_shapes_dataset(folder / "shapes", train=8, val=4, unseen=3, seed=0)
    write_shapes_video(data / "unseen" / "film.mp4", frames=30, fps=25, seed=0)
    network = YOLOv3(num_classes=len(CLASSES), variant="yolov3-tiny", width=0.0625)
    save_checkpoint(folder / "model.pt", network, meaning=ModelMeaning(CLASSES, Preprocessing(size=(96, 128))))
    small = (
        "model.variant=yolov3-tiny", "model.width=0.0625", "model.image_size=96", "train.epochs=2",
        "train.batch_size=4", "train.workers=0", "train.device=cpu", f"data.root={data}",
    )  # fmt: skip
    everything = ("--save-txt", "--save-json", "--save-csv", "--save-crop")
    measure = ("evaluate", "--weights", "model.pt", "--data", str(data), "--device", "cpu")
    return {
        "train": words("train", *small, "train.output=OUT"),
        "evaluate": words(*measure, "--workers", "0", "--output", "OUT"),
        "evaluate-workers": words(*measure, "--workers", "2", "--batch-size", "2", "--output", "OUT"),
        "detect": words(
            "detect",
            "--weights",
            "model.pt",
            "--source",
            str(data / "unseen"),
            "--max-det",
            "3",
            "--device",
            "cpu",
            *everything,
            "--output",
            "OUT",
        ),
        "export": words("export", "model.pt", "--to", "onnx", "--output", "OUT"),
        **{
            f"convert-{kind}": words("convert", "model.pt", f"OUT/new.{kind}")
            for kind in ("pt", "safetensors", "weights")
        },
        "download": functools.partial(download_from_here, folder),
        "demo": words("demo", "--images", "8", "--epochs", "1", "--output", "OUT"),
    }  # fmt: skip


def words(*given: str) -> Command:
    """The command of a command line, in which OUT is the folder to be filled."""

    def run(out: Path) -> int:
        from yolov3.cli import main as command_line

        return command_line([word.replace("OUT", str(out)) for word in given])

    return run


def download_from_here(folder: Path, out: Path) -> int:
    """Fetch a file and an archive from a server of this process."""
    from yolov3.downloads.download import download
    from yolov3.downloads.manifest import RemoteFile
    from yolov3.downloads.unpack import unpack
    from yolov3.errors import UserError

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            download(RemoteFile("model.pt", (f"{address}/model.pt",), None, None), out)
            archive = RemoteFile("shapes.tar", (f"{address}/shapes.tar",), None, None)
            unpack(download(archive, out), out / "unpacked")
        except UserError as error:
            print(error)
            return 2
        finally:
            server.shutdown()
    return 0


def sweep(name: str, command: Command, out: Path, sizes: int) -> int:
    """Run a command at so many limits and print what is wrong; the number of runs with which something is."""
    if name == "download" and not Path("shapes.tar").exists():
        shutil.make_archive("shapes", "tar", "shapes")
    whole = run_limited(command, out, None)
    written = files_in(out)
    largest = max(written.values(), default=0)
    if whole.code or whole.problems:
        print(f"{name}: without a limit it ends with {whole.code}: {whole.problems}\n{whole.said}")
        return 1
    # Half of them between the sizes of its files, so that each of them is the one that fails; the others spread evenly.
    middle = sorted(written.values())
    picked = {middle[len(middle) * number * 2 // sizes] - 1 for number in range(sizes // 2)}
    even = {round(largest ** (number / (sizes - 1))) - 1 for number in range(sizes)}
    limits = sorted(limit for limit in (picked | even) if 0 <= limit < largest)[:: max(1, len(picked | even) // sizes)]
    start, wrong, codes = time.monotonic(), 0, []
    for limit in limits:
        outcome = run_limited(command, out, limit)
        problems = list(outcome.problems)
        if outcome.code == 0 and files_in(out).keys() != written.keys():
            problems.append(f"exit code 0 without {sorted(written.keys() - files_in(out).keys())[:3]}")
        codes.append(outcome.code)
        if problems:
            wrong += 1
            print(f"{name} at {limit} bytes, exit code {outcome.code}: {problems}\n{outcome.said[-3000:]}\n")
    told = {code: codes.count(code) for code in sorted(set(codes))}
    print(f"{name}: {len(limits)} limits up to {largest} bytes, exit codes {told}, wrong {wrong}, "
          f"{time.monotonic() - start:.0f} s", flush=True)  # fmt: skip
    return wrong


def run_limited(command: Command, out: Path, limit: int | None) -> Outcome:
    """Run a command in a child that may write so many bytes into a file."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(reading)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        code = 1
        try:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            code = command(out)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writing)
    timer = threading.Timer(SECONDS, os.killpg, (child, signal.SIGKILL))
    timer.start()
    with os.fdopen(reading, "rb") as stream:
        said = stream.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    timer.cancel()
    return Outcome(code, said, tuple(problems_of(code, said, out)))


def problems_of(code: int, said: str, out: Path) -> list[str]:
    """What is wrong with how a run ended and with what it left."""
    problems = [f"{word!r} was printed" for word in ("Traceback", "terminate called", "enforce fail") if word in said]
    if code < 0:
        problems.append(f"ended by signal {-code}")
    for path in sorted(out.rglob("*")):
        if path.name.startswith(".") and path.suffix != ".part":  # a download that is gone on with
            problems.append(f"{path.name} stayed")
        elif path.is_file() and not path.name.startswith("."):
            try:
                read(path)
            except Exception as error:
                problems.append(f"{path.relative_to(out)} cannot be read: {type(error).__name__} {error}"[:300])
    return problems


def files_in(out: Path) -> dict[str, int]:
    """The files below a folder with their sizes; TensorBoard's have another name each time."""
    paths = (path for path in out.rglob("*") if path.is_file() and not path.name.startswith("events.out"))
    return {str(path.relative_to(out)): path.stat().st_size for path in paths}


def read(path: Path) -> None:
    """Read a file as what it is. Raises whatever comes of it when it is not whole."""
    from yolov3.files.strict_yaml import read_yaml
    from yolov3.formats.load import load_model
    from yolov3.graphs.onnx_file import read_onnx_facts
    from yolov3.images.files import read_image
    from yolov3.sources.videos import VideoFile

    if path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".yaml":
        read_yaml(path)
    elif path.suffix in (".jpg", ".png"):
        read_image(path)
    elif path.suffix == ".mp4":
        with VideoFile(path) as video:
            assert len(list(video)) > 0
    elif path.suffix in (".pt", ".safetensors", ".weights"):
        load_model(path)
    elif path.suffix == ".onnx":
        read_onnx_facts(path)
    elif path.suffix == ".csv":
        rows = list(csv.reader(path.read_text().splitlines()))
        assert len({len(row) for row in rows}) == 1, "rows of different lengths"
    elif path.suffix == ".html":
        assert path.read_text().rstrip().endswith("</html>"), "its end is missing"
    elif path.suffix == ".txt":
        text = path.read_text()
        assert not text or text.endswith("\n"), "its end is missing"


if __name__ == "__main__":
    sys.exit(main())
