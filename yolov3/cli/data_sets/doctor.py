"""``yolov3 doctor TARGET [section.key=value ...]``"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.errors import UserError

if TYPE_CHECKING:
    from yolov3.doctor.finding import Examination, Finding

HELP = "examine data: what is wrong, where, how often, what it costs, what to do"

_SHOWN = 5


@dataclass(frozen=True)
class DoctorWords:
    """What is examined, with which settings; how many places of a finding are shown; what warnings count for; whether a
    program reads the answer."""

    target: str
    overrides: tuple[str, ...]
    places: int
    strict: bool
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="folder of a data set, data YAML, .data file, COCO json, experiment YAML, or folder of a run. Exit codes: "
        "0 fine, 1 warnings, 2 errors",
    )
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="settings laid over the target's")
    parser.add_argument("--places", type=int, default=_SHOWN, metavar="N", help="so many places of a finding are told")
    parser.add_argument("--strict", action="store_true", help="for the exit code, warnings are errors")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> DoctorWords:
    """The command's words. Raises UserError for a number that cannot be."""
    if arguments.places < 0:
        raise UserError(f"--places must be at least 0, found {arguments.places}")
    return DoctorWords(arguments.target, tuple(arguments.overrides), arguments.places, arguments.strict, arguments.json)


def run(words: DoctorWords) -> int:
    """Examine, and tell what was found. Raises UserError for what cannot be examined."""
    from yolov3.doctor.examine import examine
    from yolov3.options.experiment_options import tell_shipped
    from yolov3.watching.watcher import Bar

    tell_shipped(words.target)
    with output_kept_free(words.json), Bar("looking at images") as bar:
        found = examine(words.target, overrides=words.overrides, most_places=words.places, watcher=bar)
    if words.json:
        print_json(found.as_plain())
    else:
        _print(found)
    return found.exit_code(strict=words.strict)


def _print(found: Examination) -> None:
    from yolov3.watching.lines import print_line
    from yolov3.watching.words import counted

    for split in found.splits:
        sizes = f"{counted(split.images, 'image')}, {counted(split.boxes, 'box')}"
        print_line(f"{split.name}: {sizes}; {counted(len(found.classes), 'class')} ({split.source})")
    for finding in found.findings:
        print_line("")
        print_line("\n".join(_lines(finding)))
    print_line("")
    counts = ", ".join(counted(found.count(each), each) for each in ("error", "warning", "note"))
    print_line(f"{shlex.quote(found.target)}: {counts}")


def _lines(finding: Finding) -> list[str]:
    lines = [f"{finding.severity}: {finding.kind}: {finding.what}"]
    if finding.costs:
        lines.append(f"  costs: {finding.costs}")
    if finding.advice:
        lines.append(f"  advice: {finding.advice}")
    lines += [f"  at: {place}" for place in finding.places]
    rest = finding.count - len(finding.places)
    if rest > 0 and finding.places:
        lines.append(f"  and {rest} more")
    return lines
