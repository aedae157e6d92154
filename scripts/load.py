"""A server under growing load: requests a second, how long they take, whether each answer belongs to its image.

    python scripts/load.py best.pt --requests 10000 --clients 1 2 4 8 16 32

starts `yolov3 serve` on this machine and sends it drawn images, or those of a `--folder`, from so many clients at a time, each
of whom waits for its answer before it sends the next. What one client gets that asks for every image alone is what the
others' answers are held against: the same boxes, to 0.05 pixels and 0.001 in score; images in which the same is found as in
another are left out. A 503 is counted and asked again when it says. Printed are a row for each number of clients, with the
images of a batch on average and the server's memory behind it; at the end what was lost or mixed up, with exit code 1 if
anything was. Clients and server share the processors.

`--batch-size 1` shows what batching brings; words behind `--` go to `yolov3 serve`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import queue
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from yolov3.shapes.scene import draw_image  # noqa: E402  the line above finds it in a checkout that is not installed

PIXELS, SCORE = 0.05, 0.001  # by which the answers to one image may differ: batches round otherwise
SECONDS = 60.0  # that a client waits


@dataclass
class Level:
    """What so many ``clients`` got: milliseconds of each request, how many were told to come again, and what was wrong."""

    clients: int
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    again: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self, batch: float, memory: float) -> str:
        """The line of the table."""
        rate = len(self.milliseconds) / self.seconds
        median, late = np.percentile(self.milliseconds, [50, 99])
        return (
            f"| {self.clients} | {len(self.milliseconds)} | {rate:.1f} | {median:.1f} | {late:.1f} | {self.again} | "
            f"{batch:.1f} | {memory:.0f} |"
        )


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print a table; 1 where an answer was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="a model")
    parser.add_argument("--requests", type=int, default=10_000, help="in all (default: %(default)s)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32], help="at a time")
    parser.add_argument("--images", type=int, default=64, help="different ones (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="with JPEG files; default: drawn ones")
    parser.add_argument("--size", default="640x480", help="of drawn images (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=8, help="most images at once (default: %(default)s)")
    given = list(sys.argv[1:] if words is None else words)
    split = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:split])
    width, height = map(int, options.size.split("x"))
    images = [picture(number, (height, width)) for number in range(options.images)]
    if options.folder is not None:
        images = [path.read_bytes() for path in sorted(options.folder.rglob("*.jpg"))[: options.images]]
    serve = ["--weights", options.weights, "--batch-size", str(options.batch_size), *given[split + 1 :]]
    wrong: list[str] = []
    with running(serve) as (port, process):
        expected = [ask(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS), image)[1] for image in images]
        images, expected = different(images, expected)
        print(f"{len(images)} images")
        print("| clients | requests | requests/s | median, ms | 99 %, ms | 503 | images in a batch | memory, MB |")
        print("|--:|--:|--:|--:|--:|--:|--:|--:|")
        for clients in options.clients:
            before = batches(port)
            level = load(port, images, expected, clients, options.requests // len(options.clients))
            count, total = (after - first for first, after in zip(before, batches(port)))
            print(level.row(total / max(1, count), resident_megabytes(process.pid)), flush=True)
            wrong += level.wrong
    print(f"{len(wrong)} lost or wrong" + "".join(f"\n  {line}" for line in wrong[:10]))
    return 1 if wrong else 0


def picture(number: int, size: tuple[int, int]) -> bytes:
    """A JPEG of things at other places than in the others."""
    image = draw_image(np.random.default_rng(number), size).image
    return cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


def different(images: Sequence[bytes], answers: Sequence[Any]) -> tuple[list[bytes], list[Any]]:
    """Those in which no other has the same detections: of these one sees whose answer it is."""
    count = Counter(json.dumps(answer["detections"]) for answer in answers)
    pairs = [pair for pair in zip(images, answers) if count[json.dumps(pair[1]["detections"])] == 1]
    if not pairs:
        raise SystemExit("the model finds nothing in these images by which answers could be told apart")
    return [image for image, _ in pairs], [answer for _, answer in pairs]


@contextlib.contextmanager
def running(words: Sequence[str]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The port of a server, and its process."""
    command = [sys.executable, "-m", "yolov3", "serve", "--port", "0", "--conf", "0.1", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.search(r" at http://\S+:(\d+)/", line)
            if found is None:
                raise SystemExit(f"the server did not begin: {line}")
            yield int(found[1]), process
        finally:
            process.terminate()


def ask(connection: http.client.HTTPConnection, image: bytes) -> tuple[int, Any]:
    """The status and what it answers to an image; of a 503 the seconds to wait."""
    connection.request("POST", "/detect", image, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 503:
        return 503, float(answer.headers.get("Retry-After", "1"))
    return answer.status, json.loads(body)


def load(port: int, images: Sequence[bytes], expected: Sequence[Any], clients: int, requests: int) -> Level:
    """Send so many requests from so many clients."""
    level = Level(clients)
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in itertools.islice(itertools.cycle(range(len(images))), requests):
        numbers.put(number)
    threads = [threading.Thread(target=_client, args=(port, images, expected, numbers, level)) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    level.seconds = time.perf_counter() - start
    if len(level.milliseconds) != requests:
        level.wrong.append(f"{clients} clients: {requests} requests, {len(level.milliseconds)} answers")
    return level


def _client(
    port: int, images: Sequence[bytes], expected: Sequence[Any], numbers: queue.SimpleQueue[int], level: Level
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    while True:
        try:
            number = numbers.get_nowait()
        except queue.Empty:
            return
        start = time.perf_counter()
        status, answer = ask(connection, images[number])
        while status == 503:
            level.again += 1
            time.sleep(answer)
            status, answer = ask(connection, images[number])
        level.milliseconds.append(1000 * (time.perf_counter() - start))
        if status != 200 or not alike(answer["detections"], expected[number]["detections"]):
            level.wrong.append(f"image {number}: status {status}, another answer than alone")


def alike(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether both are the same boxes; those near the threshold may be in one alone, those of one score in another order."""
    unsure = 0.1 + SCORE

    def fits(one: Any, other: Any) -> bool:
        near = max(abs(a - b) for a, b in zip(one["box"], other["box"])) <= PIXELS
        return near and one["class"] == other["class"] and abs(one["score"] - other["score"]) <= SCORE

    if len(first) == len(second) and all(map(fits, first, second)):
        return True

    def covers(some: Sequence[Any], others: Sequence[Any]) -> bool:
        return all(one["score"] < unsure or any(fits(one, other) for other in others) for one in some)

    return covers(first, second) and covers(second, first)


def batches(port: int) -> tuple[float, float]:
    """How many batches there were, and the images in them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    count, total = (re.search(rf"^yolov3_batch_size_{name} (\S+)", text, re.MULTILINE) for name in ("count", "sum"))
    assert count is not None and total is not None, text
    return float(count[1]), float(total[1])


def resident_megabytes(pid: int) -> float:
    """What a process holds; 0 where the system does not say it in /proc."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0.0
    return int(fields[1]) * 4096 / 1e6


if __name__ == "__main__":
    sys.exit(main())
