"""Which of several runtimes is the fastest for a network on this machine: measured once, remembered."""

from __future__ import annotations

import json
import logging
import math
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically
from yolov3.graphs.cached import cache_folder, digest_of
from yolov3.graphs.facts import GraphFacts
from yolov3.models.contract import DetectionNetwork
from yolov3.runtimes.runtime import Runtime

logger = logging.getLogger(__name__)

ROUNDS = 5
"""Of which the median counts; the runtimes take turns, so that a machine that is busy for a while slows all alike."""


def fastest_of(
    names: Sequence[str], open_one: Callable[[str], Runtime], network: DetectionNetwork, facts: GraphFacts
) -> Runtime:
    """The fastest of the runtimes ``names``, opened; which it is is told in a line."""
    if len(names) == 1:
        return open_one(names[0])
    path = cache_folder() / f"{digest_of(network, facts)}.json"
    milliseconds = _remembered(path, names)
    opened = None
    if milliseconds is None:
        logger.info("making ready for this machine (once for this model): %s", ", ".join(names))
        opened = {name: open_one(name) for name in names}
        milliseconds = _measure(opened, facts)
        with suppress(OSError, UserError):  # a folder that may not be written: then it is measured again next time
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomically(path, json.dumps({"machine": _machine(), "milliseconds": milliseconds}))
    best, *others = sorted(names, key=milliseconds.__getitem__)
    beside = ", ".join(f"{name} {milliseconds[name]:.1f}" for name in others)
    logger.info("runtime: %s, %.1f ms an image (%s)", best, milliseconds[best], beside)
    return open_one(best) if opened is None else opened[best]


def _measure(runtimes: dict[str, Runtime], facts: GraphFacts) -> dict[str, float]:
    """Milliseconds of each for one image."""
    images = torch.zeros((1, *facts.size, 3), dtype=torch.uint8 if facts.input == "uint8" else torch.float32)
    seconds: dict[str, list[float]] = {name: [] for name in runtimes}
    for number in range(ROUNDS + 1):
        for name, runtime in runtimes.items():
            start = time.perf_counter()
            runtime(images.permute(0, 3, 1, 2))
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(each) for name, each in seconds.items()}


def _remembered(path: Path, names: Sequence[str]) -> dict[str, float] | None:
    """What was measured before on such a machine, where it holds all that is wanted."""
    try:
        values = json.loads(path.read_text())
        if values["machine"] != _machine():
            return None
        milliseconds = {name: float(values["milliseconds"][name]) for name in names}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return milliseconds if all(map(math.isfinite, milliseconds.values())) else None


def _machine() -> str:
    """What the speeds depend on beside the network."""
    processor = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{processor} {torch.get_num_threads()} torch {torch.__version__}"
