"""How fast a model detects on this machine: every program and precision that is here, each stage of an image's way, and the
share of what the machine can do at all.

All take turns within the same minutes, so that a machine that becomes slower for a while slows all alike; medians count.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from yolov3.errors import UserError
from yolov3.formats.load import open_model
from yolov3.formats.model import ExportedModel, LoadedModel, Model
from yolov3.graphs.cached import cached_onnx
from yolov3.images.files import decode_image
from yolov3.inference.detector import Detector
from yolov3.inference.options import DetectorOptions
from yolov3.machine.device import select_device, select_precision
from yolov3.machine.extras import has_extra
from yolov3.machine.resident import held_memory
from yolov3.models.cost import count_operations
from yolov3.runtimes.opening import LIBRARIES, PRECISIONS, facts_of_model
from yolov3.shapes.scene import draw_image
from yolov3.watching.watcher import Watcher

DRAWN_SIZE = (576, 768)  # (height, width) of the image that is drawn where none is given
STAGES = ("reading", "fitting", "network", "selecting")
PRODUCT_SIDE = 1024  # of the square matrices whose product is the machine's measure
OPENCV = "opencv"


@dataclass(frozen=True)
class DetectionBenchmarkOptions:
    """What is measured: the models ``weights``, the first also in every program and precision that is installed, on one
    ``image`` (a file; a drawn one where there is none), over so many ``rounds``."""

    weights: Sequence[str | Path]
    image: str | Path | None = None
    image_size: tuple[int, int] | None = None
    rounds: int = 30
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise UserError(f"--rounds must be at least 1, found {self.rounds}")
        if not self.weights:
            raise UserError("no model to measure")


@dataclass(frozen=True)
class Row:
    """A program and a precision: milliseconds of one image in each stage and ``alone``, the whole way from the bytes of a
    file to boxes; ``share`` of the machine's own rate that the network reaches, None where nobody knows that; the memory
    in MB that it took to get ready."""

    model: str
    runtime: str
    precision: str
    stages: dict[str, float]
    alone: float
    share: float | None
    memory: float

    @property
    def images_per_second(self) -> float:
        """One image after the other."""
        return 1000 / self.alone


@dataclass(frozen=True)
class DetectionBenchmark:
    """What was measured, on what: ``rates`` in operations a second of products of matrices by precision, ``operations`` of
    the network for one image, where they are known."""

    description: str
    image: str
    rows: tuple[Row, ...]
    rates: dict[str, float]
    operations: float | None

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **asdict(self),
            "rows": [{**asdict(row), "images_per_second": row.images_per_second} for row in self.rows],
        }


@dataclass(frozen=True)
class _Candidate:
    """What takes its turn: ``run`` goes the whole way once and gives the milliseconds of its stages."""

    model: str
    runtime: str
    precision: str
    run: Callable[[], dict[str, float]]
    memory: float


def benchmark_detection(options: DetectionBenchmarkOptions, *, watcher: Watcher | None = None) -> DetectionBenchmark:
    """Measure. Raises UserError for what cannot be measured."""
    watcher = watcher or Watcher()
    name, content = _image(options)
    candidates: list[_Candidate] = []
    description, network_operations = "", None
    for number, path in enumerate(options.weights):
        model = open_model(path)
        size = options.image_size or model.meaning.preprocessing.size
        if not number:
            description = f"{model.description} ({model.source})"
            if isinstance(model, LoadedModel):
                network_operations = float(count_operations(model.detector(), size))
        candidates += _candidates(model, path, content, options, watcher)
    rates = {each: _rate(each) for each in dict.fromkeys(candidate.precision for candidate in candidates)}
    taken: list[list[dict[str, float]]] = [[] for _ in candidates]
    for turn in range(options.rounds + 1):
        for candidate, measured in zip(candidates, taken):
            stages = candidate.run()
            if turn:
                measured.append(stages)
        watcher.advance(turn, options.rounds)
    rows = tuple(_row(candidate, measured, network_operations, rates) for candidate, measured in zip(candidates, taken))
    threads = torch.get_num_threads()
    machine = f"torch {torch.__version__}, {threads} threads, {torch.backends.cpu.get_cpu_capability()}"
    return DetectionBenchmark(f"{description}; {machine}", name, rows, rates, network_operations)


def _image(options: DetectionBenchmarkOptions) -> tuple[str, bytes]:
    """The bytes of a file, and what it is."""
    if options.image is not None:
        path = Path(options.image)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
        height, width = decode_image(content, str(path)).shape[:2]
        return f"{path} ({width}x{height})", content
    image = draw_image(np.random.default_rng(0), DRAWN_SIZE).image
    content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    return f"a drawn JPEG of {DRAWN_SIZE[1]}x{DRAWN_SIZE[0]}", content


def _candidates(
    model: Model, path: str | Path, content: bytes, options: DetectionBenchmarkOptions, watcher: Watcher
) -> list[_Candidate]:
    if isinstance(model, ExportedModel):
        detector = DetectorOptions(device=options.device, image_size=options.image_size)
        return [_detecting(model, detector, content)]
    device = select_device(options.device)
    found = []
    for runtime, module in LIBRARIES.items():
        if not has_extra(module) or (runtime != "torch" and device.type != "cpu"):
            continue
        for precision in PRECISIONS[runtime]:
            if precision == "float16" and device.type == "cpu":
                continue
            if precision == "bfloat16" and select_precision("auto", device) != torch.bfloat16:
                continue  # computed without hardware for it, it would tell nothing of the machine
            watcher.say(f"making ready: {runtime} {precision}")
            detector = DetectorOptions(options.device, precision, runtime, image_size=options.image_size)  # type: ignore[arg-type]
            fresh = open_model(path)  # a runtime may lay a network out anew
            found.append(_detecting(fresh, detector, content))
    if device.type == "cpu" and has_extra("onnxscript"):
        found.append(_opencv(model, content, options))
    return found


def _detecting(model: Model, options: DetectorOptions, content: bytes) -> _Candidate:
    before = held_memory() / 1e6
    detector = Detector(model, options)
    detector.warm_up()
    memory = held_memory() / 1e6 - before

    def run() -> dict[str, float]:
        return dict(detector(content).times)

    runtime = detector.runtime
    return _Candidate(Path(model.source).name, runtime.name, runtime.precision, run, memory)


def _opencv(model: LoadedModel, content: bytes, options: DetectionBenchmarkOptions) -> _Candidate:
    """OpenCV's own way, as its examples go it: decode, blob, forward; what comes out is not even looked at."""
    preprocessing = model.meaning.preprocessing.changed(options.image_size, None)
    facts = replace(facts_of_model(model, preprocessing), outputs="raw", input="float32")
    before = held_memory() / 1e6
    net = cv2.dnn.readNetFromONNX(np.frombuffer(cached_onnx(model.detector(), facts), np.uint8))
    outputs = net.getUnconnectedOutLayersNames()
    height, width = preprocessing.size

    def run() -> dict[str, float]:
        times = [time.perf_counter()]
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        times.append(time.perf_counter())
        assert image is not None
        blob = cv2.dnn.blobFromImage(image, 1 / 255, (width, height), swapRB=True)
        times.append(time.perf_counter())
        net.setInput(blob)
        net.forward(outputs)
        times.append(time.perf_counter())
        took = [1000 * (after - start) for start, after in itertools.pairwise(times)]
        return dict(zip(STAGES, (*took, 0.0)))

    run()
    return _Candidate(
        Path(model.source).name, f"{OPENCV} {cv2.__version__}", "float32", run, held_memory() / 1e6 - before
    )


def _row(
    candidate: _Candidate, measured: list[dict[str, float]], operations: float | None, rates: dict[str, float]
) -> Row:
    stages = {stage: statistics.median(each.get(stage, 0.0) for each in measured) for stage in STAGES}
    alone = statistics.median(sum(each.values()) for each in measured)
    rate, share = rates.get(candidate.precision), None
    if operations is not None and rate:
        share = operations / (stages["network"] / 1000) / rate
        share = share if share <= 1 else None  # the product that was measured is none of this machine's fast ones
    return Row(candidate.model, candidate.runtime, candidate.precision, stages, alone, share, candidate.memory)


def _rate(precision: str) -> float:
    """Operations a second of a product of matrices in a precision, the best of some."""
    side = PRODUCT_SIDE
    if precision == "int8":
        whole = torch.randint(-9, 9, (side, side), dtype=torch.int8)
        multiply = partial(torch._int_mm, whole, whole)
    else:
        parts = torch.rand(side, side).to(getattr(torch, precision))
        multiply = partial(torch.mm, parts, parts)
    best = 0.0
    for _ in range(6):
        start = time.perf_counter()
        try:
            multiply()
        except RuntimeError:  # this torch has no such product
            return 0.0
        seconds = time.perf_counter() - start
        best = max(best, 2 * side**3 / seconds)
        if seconds > 0.5:  # none of the fast ones
            break
    return best
