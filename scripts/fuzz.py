"""Feed every reader with changed files: it ends well or in a UserError, soon, and with little memory, whatever is in them.

    python scripts/fuzz.py --seconds 3600

Prints how many inputs each reader had and how many a second. Each fault is kept as ``findings/READER--FAULT`` in the
folder of ``--out``, with what happened beside it as ``.why``; feed them again with ``--replay FILE...``. A run with the
same seed and folder goes on where the last one ended. Exit code 1 where there was a fault. Mended faults whose files are
small belong into tests/fuzz/cases/, where the tests feed them again. Runs on Linux, which tells what a process holds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from fuzzing.child import load_catalogue  # noqa: E402  the line above finds them in a checkout
from fuzzing.findings import Findings, Tally  # noqa: E402
from fuzzing.harness import Plan, replay, run  # noqa: E402
from fuzzing.reader import Limits, Reader  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

CATALOGUE = ROOT / "scripts" / "fuzzing" / "catalogue.py"


def main(words: list[str] | None = None) -> int:
    """Returns the exit code: 1 where there was a fault, 2 for a reader that there is not."""
    options = _parse(words)
    readers: list[Reader] = load_catalogue(options.catalogue).READERS
    console = Console()
    if options.replay:
        found = replay(options.catalogue, readers, options.replay, Limits(options.limit))
        for finding in found:
            console.print(f"{finding.reader}: {finding.kind}: {finding.what}\n{finding.details}", markup=False)
        return 1 if found else 0
    unknown = [name for name in options.reader if name not in {reader.name for reader in readers}]
    if unknown:
        console.print(f"no reader {unknown[0]}; there are {', '.join(reader.name for reader in readers)}", markup=False)
        return 2
    chosen = [reader for reader in readers if not options.reader or reader.name in options.reader]
    tally, findings = Tally.open(options.out / "inputs.json", options.seed), Findings(options.out / "findings")
    before = dict(tally.inputs)
    seconds = options.seconds if options.seconds or options.inputs else 60.0
    plan = Plan(options.catalogue, chosen, seconds, options.inputs, options.processes, Limits(options.limit))
    with console.status("feeding ...") as status:

        def tell(line: str) -> None:
            status.update(f"{sum(tally.inputs.values())} inputs, {len(findings.counts)} faults")
            console.print(line, markup=False)

        try:
            run(plan, tally, findings, tell)
        except KeyboardInterrupt:
            console.print("stopped", markup=False)
    console.print(_table(tally, before, findings))
    if findings.counts:
        console.print(f"{len(findings.counts)} faults, in {findings.folder}", markup=False)
    return 1 if findings.counts else 0


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, help="how long (default: a minute, or until --inputs are done)")
    parser.add_argument("--inputs", type=int, help="so many of each reader")
    parser.add_argument("--reader", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="other seed, other inputs")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="folder of counts and findings")
    parser.add_argument("--processes", type=int, default=1, help="so many at once")
    parser.add_argument("--limit", type=float, default=Limits.seconds, help="seconds of a processor for an input")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE, help="Python file with READERS")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="saved inputs, fed again")
    return parser.parse_args(words)


def _table(tally: Tally, before: dict[str, int], findings: Findings) -> Table:
    table = Table("reader", "inputs", "of them now", "a second", "read well", "most MiB", "faults")
    for name, inputs in sorted(tally.inputs.items()):
        faults = sum(count for fault, count in findings.counts.items() if fault.startswith(f"{name}--"))
        speed = f"{inputs / max(tally.seconds[name], 1e-9):.0f}"
        share = f"{100 * tally.accepted[name] / max(inputs, 1):.0f} %"
        table.add_row(
            name,
            str(inputs),
            str(inputs - before.get(name, 0)),
            speed,
            share,
            f"{tally.most[name] >> 20}",
            str(faults or ""),
        )
    table.add_section()
    table.add_row("all", str(sum(tally.inputs.values())), str(sum(tally.inputs.values()) - sum(before.values())))
    return table


if __name__ == "__main__":
    sys.exit(main())
