"""Measure ways of training: one run per rung and seed of a file such as scripts/ladder.yaml, then a table.

    python scripts/ladder.py configs/yolov3_tiny_bccd.yaml --rungs scripts/ladder.yaml --output runs/ladder \
        --set data.root=/path/to/bccd --jobs 2

Runs that are finished are not made again, stopped ones go on, so it can be stopped at any time. The score is that of
the last epoch's weights, not of the best: nothing is chosen by the validation data.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from yolov3.errors import UserError  # noqa: E402  the line above finds it in a checkout that is not installed
from yolov3.files.strict_yaml import read_yaml  # noqa: E402


@dataclass(frozen=True)
class Task:
    """One run: the rung's name and settings, and the seed."""

    rung: str
    settings: tuple[str, ...]
    seed: int

    @property
    def folder(self) -> str:
        return f"{re.sub(r'[^a-z0-9]+', '-', self.rung.lower()).strip('-')}-{self.seed}"


def settings_of(rungs: dict[str, Any], name: str) -> list[str]:
    """All settings of a rung, those of the rungs it stands on first. Raises UserError."""
    if name not in rungs:
        raise UserError(f"no rung {name!r}; there are: {', '.join(rungs)}")
    below = settings_of(rungs, rungs[name]["on"]) if "on" in rungs[name] else []
    return [*below, *rungs[name]["set"]]


def run_task(task: Task, config: Path, output: Path, threads: int) -> None:
    """Train in a process of its own, unless it was done already."""
    folder = output / task.folder
    if read_result(folder):
        return
    command = [sys.executable, "-m", "yolov3", "train"]
    if (folder / "weights" / "last.pt").exists():
        command += ["--resume", str(folder)]
    else:
        own = [f"train.seed={task.seed}", f"train.output={output}", f"train.name={task.folder}"]
        command += [str(config), *task.settings, *own]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    output.mkdir(parents=True, exist_ok=True)
    with (output / f"{task.folder}.log").open("a") as log:
        code = subprocess.run(command, stdout=log, stderr=log, env=environment, check=False).returncode
    print(f"{task.folder}: {'done' if code == 0 else f'ended with {code}, see {log.name}'}", flush=True)


def read_result(folder: Path) -> dict[str, float] | None:
    """AP50, AP and minutes of a finished run; None of any other."""
    results, timing = folder / "results.csv", folder / "timing.csv"
    if not results.exists() or not timing.exists():
        return None
    with results.open() as stream:
        last = list(csv.DictReader(stream))[-1]
    with timing.open() as stream:
        seconds = sum(float(row["seconds"]) for row in csv.DictReader(stream))
    epochs = read_yaml(folder / "config.yaml")["train"]["epochs"]
    if int(last["epoch"]) < epochs or not last["metrics/AP"]:
        return None
    return {"AP50": float(last["metrics/AP50"]), "AP": float(last["metrics/AP"]), "minutes": seconds / 60}


def table(rungs: list[str], tasks: list[Task], output: Path) -> Iterator[str]:
    """The lines of a Markdown table, a row per rung that has a finished run."""
    yield "| way of training | AP50 | AP | minutes | runs |"
    yield "|---|--:|--:|--:|--:|"
    for rung in rungs:
        found = [result for task in tasks if task.rung == rung and (result := read_result(output / task.folder))]
        if found:
            cells = [_spread([result[key] for result in found]) for key in ("AP50", "AP")]
            minutes = statistics.mean(result["minutes"] for result in found)
            yield f"| {rung} | {' | '.join(cells)} | {minutes:.1f} | {len(found)} |"


def _spread(values: list[float]) -> str:
    """The mean, and the largest distance from it where there are several."""
    mean = statistics.mean(values)
    return f"{mean:.3f}" + (f" ± {max(abs(value - mean) for value in values):.3f}" if len(values) > 1 else "")


def main() -> int:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="experiment file that all rungs start from")
    parser.add_argument("--rungs", type=Path, required=True, help="file of rungs, such as scripts/ladder.yaml")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--only", nargs="+", metavar="RUNG", help="these rungs alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", nargs="+", default=[], metavar="section.key=value", help="settings for all runs")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time, sharing the cores evenly")
    arguments = parser.parse_args()
    content = read_yaml(arguments.rungs)
    rungs = content["rungs"]
    chosen = arguments.only or list(rungs)
    tasks = [
        Task(name, (*content.get("all", []), *arguments.set, *settings_of(rungs, name)), seed)
        for name in chosen
        for seed in arguments.seeds
    ]
    threads = max(1, (os.cpu_count() or 1) // arguments.jobs)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for future in [pool.submit(run_task, task, arguments.config, arguments.output, threads) for task in tasks]:
            future.result()
    print("\n".join(table(chosen, tasks, arguments.output)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"error: {error}")
