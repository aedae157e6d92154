"""All readers in turns, by some processes at once, until the time is over or enough was fed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.feeder import Feeder
from fuzzing.findings import Finding, Findings, Tally, reader_of
from fuzzing.reader import Limits, Reader

TURN = 2.0  # seconds a reader has before the next one's turn


@dataclass(frozen=True)
class Plan:
    """``catalogue`` is a Python file with ``READERS``; those of ``readers`` are fed, by ``processes``, for ``seconds`` or
    until each had ``inputs`` (both None: for ever)."""

    catalogue: Path
    readers: Sequence[Reader]
    seconds: float | None = None
    inputs: int | None = None
    processes: int = 1
    limits: Limits = field(default_factory=Limits)


def run(plan: Plan, tally: Tally, findings: Findings, tell: Callable[[str], None] = lambda line: None) -> None:
    """Feed them. ``tell`` is given a line for each new fault; the tally is saved after each turn."""
    end = time.monotonic() + (plan.seconds if plan.seconds is not None else float("inf"))
    left = {reader.name: plan.inputs if plan.inputs is not None else 1 << 62 for reader in plan.readers}
    turns, lock, broken = deque(plan.readers), threading.Lock(), []

    def keep(finding: Finding, reader: Reader) -> None:
        if findings.add(finding, Path(reader.file).suffix):
            tell(f"{finding.reader}: {finding.kind}: {finding.what}")

    def feed() -> None:
        feeder = Feeder(plan.catalogue, plan.limits, keep)
        try:
            while time.monotonic() < end and not broken:
                with lock:
                    if not turns:
                        return
                    reader = turns.popleft()
                    start = tally.inputs[reader.name]
                seconds = min(TURN, max(0.0, end - time.monotonic()))
                done = feeder.feed(reader, seed=tally.seed, start=start, count=left[reader.name], seconds=seconds)
                with lock:
                    left[reader.name] -= done.inputs
                    tally.add(reader.name, done.inputs, done.accepted, done.seconds, done.most)
                    tally.save()
                    if left[reader.name] > 0:
                        turns.append(reader)
        except Exception as error:
            broken.append(error)
        finally:
            feeder.close()

    threads = [threading.Thread(target=feed) for _ in range(max(1, min(plan.processes, len(plan.readers))))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        end = 0.0
        for thread in threads:
            thread.join()
        raise
    if broken:
        raise broken[0]


def replay(
    catalogue: Path, readers: Sequence[Reader], cases: Sequence[Path], limits: Limits | None = None
) -> list[Finding]:
    """Feed saved inputs again; the faults that are still there. Raises KeyError for a reader that there is not."""
    found: list[Finding] = []
    by_name = {reader.name: reader for reader in readers}
    feeder = Feeder(catalogue, limits or Limits(), lambda finding, reader: found.append(finding))
    try:
        for name in sorted({reader_of(case) for case in cases}):
            feeder.replay(by_name[name], [case for case in cases if reader_of(case) == name])
    finally:
        feeder.close()
    return found
