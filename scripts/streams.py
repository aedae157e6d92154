"""Several streams in one process beside a process for each: images a second, their delay, memory.

    python scripts/streams.py best.pt --streams 4 --seconds 20

A server of this script sends Motion-JPEG images of ``--size`` at ``--rate`` to all. They are looked at as `Detector.stream`
does with a list of streams (a thread for each camera, one batch for all), then by as many processes with one stream each.
Printed are the images a second of all together, the median and the 95th percentile of the delay from capture to result,
how many frames were passed over, and the memory that the processes hold together: RSS counts what they share in each, PSS
once. Every process waits until all are ready; ``--threads`` is for each of them (default: torch's own choice).
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from yolov3.shapes.scene import draw_image  # noqa: E402  the line above finds it in a checkout that is not installed
from yolov3.watching.quantiles import Quantiles  # noqa: E402

WORKER = "--look-at"
IMAGES = 32  # different ones that are sent in turn


@dataclass(frozen=True)
class Measured:
    """What one process or several came to: images a second, milliseconds of delay, frames passed over, MB of memory."""

    name: str
    rate: float
    delay: float
    late_delay: float
    passed_over: int
    rss: float
    pss: float


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="a model")
    parser.add_argument("--streams", type=int, default=4, help="how many (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="that are measured (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=25.0, help="images a second of a stream (default: %(default)s)")
    parser.add_argument("--size", default="640x480", help="of the images (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="of each process")
    parser.add_argument("--imgsz", type=int, help="side of the network's input")
    parser.add_argument(WORKER, dest="look_at", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.look_at:
        return look(options)
    width, height = map(int, options.size.split("x"))
    with served(options.streams, options.rate, (height, width)) as addresses:
        rows = [
            measure("one process", [addresses], options),
            measure(f"{len(addresses)} processes", [[address] for address in addresses], options),
        ]
    print("| | images/s | delay, ms | 95 %, ms | passed over | RSS, MB | PSS, MB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        delays = f"{row.delay:.0f} | {row.late_delay:.0f}"
        print(f"| {row.name} | {row.rate:.1f} | {delays} | {row.passed_over} | {row.rss:.0f} | {row.pss:.0f} |")
    return 0


def measure(name: str, groups: Sequence[Sequence[str]], options: argparse.Namespace) -> Measured:
    """A process for each group of addresses, all at the same time."""
    more = [f"--{key}={getattr(options, key)}" for key in ("threads", "imgsz") if getattr(options, key) is not None]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        processes = []
        for number, addresses in enumerate(groups):
            listing = Path(folder) / f"{number}.streams"
            listing.write_text("\n".join(addresses))
            command = [sys.executable, __file__, options.weights, WORKER, str(listing), f"--seconds={options.seconds}"]
            process = subprocess.Popen([*command, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout is not None and process.stdin is not None
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"{name}: a process could not begin")
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [json.loads(process.stdout.readline() or "{}") for process in processes if process.stdout]
    if not all(answers):
        raise SystemExit(f"{name}: a process ended before its time")
    delays = Quantiles()
    for answer in answers:
        for delay in answer["delays"]:
            delays.add(delay)
    return Measured(
        name=name,
        rate=sum(len(answer["delays"]) / answer["seconds"] for answer in answers),
        delay=1000 * delays.at(0.5),
        late_delay=1000 * delays.at(0.95),
        passed_over=sum(answer["passed_over"] for answer in answers),
        rss=sum(answer["rss"] for answer in answers) / 1e6,
        pss=sum(answer["pss"] for answer in answers) / 1e6,
    )


def look(options: argparse.Namespace) -> int:
    """Be one of the processes: say when frames of all streams have come, look for the time, tell what it came to."""
    import torch

    from yolov3 import Detector

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    count = len(Path(options.look_at).read_text().splitlines())
    detector = Detector(options.weights, allow_network=True, image_size=options.imgsz)
    detector.warm_up()
    seen: set[str] = set()
    delays: list[float] = []
    passed_over, start = 0, 0.0
    for frame, _ in detector.stream(options.look_at):
        if len(seen) < count:
            seen.add(frame.source)
            if len(seen) == count:
                print("ready", flush=True)
                sys.stdin.readline()
                start = time.monotonic()
            continue
        captured = time.monotonic() - (frame.age or 0.0)
        if captured < start:  # it came while the others were waited for
            continue
        delays.append(frame.age or 0.0)
        passed_over += frame.passed_over
        if time.monotonic() - start > options.seconds:
            break
    seconds = time.monotonic() - start
    memory = {name.lower(): 1024 * kilobytes for name, kilobytes in memory_of_this_process().items()}
    print(json.dumps({"delays": delays, "passed_over": passed_over, "seconds": seconds, **memory}), flush=True)
    return 0


def memory_of_this_process() -> dict[str, int]:
    """RSS and PSS in kB, as Linux says them."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    found = {line.partition(":")[0]: line.split()[1] for line in lines}
    return {name: int(found[name]) for name in ("Rss", "Pss")}


@contextlib.contextmanager
def served(count: int, rate: float, size: tuple[int, int]) -> Iterator[list[str]]:
    """The addresses of so many cameras that send drawn images of ``size`` (height, width)."""
    images = [draw_image(np.random.default_rng(number), size).image for number in range(IMAGES)]
    bodies = [cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes() for image in images]

    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            due, number = time.monotonic(), 0
            with contextlib.suppress(OSError):
                while True:
                    body = bodies[number % IMAGES]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
                    self.wfile.write(head.encode() + body + b"\r\n")
                    due, number = due + 1 / rate, number + 1
                    time.sleep(max(0.0, due - time.monotonic()))

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield [f"http://127.0.0.1:{server.server_port}/{number}" for number in range(count)]
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
