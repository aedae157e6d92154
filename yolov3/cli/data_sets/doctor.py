"""``yolov3 doctor TARGET [section.key=value ...]``"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolov3.dialogue.answer import add_json_option, output_kept_free, print_json
from yolov3.dialogue.numbers import COUNT, COUNT_FROM_ZERO
from yolov3.options.model_options import add_darknet_options

if TYPE_CHECKING:
    from yolov3.checks.finding import Finding
    from yolov3.config.experiment import Experiment
    from yolov3.doctor.finding import Examination
    from yolov3.doctor.low_score.explain import Explanation
    from yolov3.watching.watcher import Watcher

HELP = "examine data: what is wrong, where, how often, what it costs, what to do"

_SHOWN = 5


@dataclass(frozen=True)
class DoctorWords:
    """What is examined, with which settings; which model's score on it is explained, on so many images; whether a network is
    to learn by heart, and a few steps are measured (None: where an experiment was named); how many places of a finding are
    shown; what warnings count for; whether a program reads the answer."""

    target: str
    overrides: tuple[str, ...]
    weights: Path | None
    cfg: Path | None
    names: Path | None
    images: int
    device: str
    learn: bool
    step: bool | None
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
    parser.add_argument(
        "--weights", type=Path, metavar="W",
        help="a model whose score on the validation images is too low: the usual mistakes are undone one at a time, and "
        "the one that repairs the score is named",
    )  # fmt: skip
    add_darknet_options(parser, of="W")
    parser.add_argument("--images", type=COUNT, default=32, metavar="N", help="so many images are tried with W")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N, for W")
    parser.add_argument(
        "--learn", action="store_true",
        help="let the experiment's network learn eight training images by heart, in some minutes: what cannot be learned so "
        "will not be learned at all",
    )  # fmt: skip
    parser.add_argument(
        "--step", action=argparse.BooleanOptionalAction, default=None,
        help="measure what a training costs in time and memory, by a few steps; by default of an experiment and of a run",
    )  # fmt: skip
    parser.add_argument(
        "--places", type=COUNT_FROM_ZERO, default=_SHOWN, metavar="N", help="so many places of a finding are told"
    )
    parser.add_argument("--strict", action="store_true", help="for the exit code, warnings are errors")
    add_json_option(parser)


def parse(arguments: argparse.Namespace) -> DoctorWords:
    """The command's words. Raises UserError for a number that cannot be."""
    return DoctorWords(
        target=arguments.target,
        overrides=tuple(arguments.overrides),
        weights=arguments.weights,
        cfg=arguments.cfg,
        names=arguments.names,
        images=arguments.images,
        device=arguments.device,
        learn=arguments.learn,
        step=arguments.step,
        places=arguments.places,
        strict=arguments.strict,
        json=arguments.json,
    )


def run(words: DoctorWords) -> int:
    """Examine, and tell what was found. Raises UserError for what cannot be examined."""
    from yolov3.doctor.examine import examine_target
    from yolov3.doctor.learning.trial import try_to_learn
    from yolov3.doctor.target import find_target
    from yolov3.options.experiment_options import tell_shipped
    from yolov3.watching.lines import print_line
    from yolov3.watching.watcher import Bar

    tell_shipped(words.target)
    target = find_target(words.target, words.overrides)
    with output_kept_free(words.json), Bar("looking at images") as bar:
        found = examine_target(target, most_places=words.places, watcher=bar)
    if words.step or (words.step is None and target.is_training):
        found = found.with_findings(_cost(target.experiment))
    if not words.json:
        _print(found)
    why = trial = None
    if words.weights is not None:
        with output_kept_free(words.json), Bar("undoing mistakes") as bar:
            why = _explained(words, words.weights, target.experiment, bar)
    if words.learn:
        with output_kept_free(words.json), Bar("learning by heart") as bar:
            trial = try_to_learn(target.experiment, watcher=bar)
    if words.json:
        more = {"score": why, "learning": trial}
        print_json({**found.as_plain(), **{name: part.as_plain() for name, part in more.items() if part is not None}})
    elif why is not None:
        _print_score(why)
    if trial is not None and not words.json:
        print_line("")
        print_line(f"{'note' if trial.learnt else 'warning'}: learning: {trial.verdict}")
    code = found.exit_code(strict=words.strict)
    is_warned = (why is not None and why.best is not None) or (trial is not None and not trial.learnt)
    return max(code, 2 if words.strict else 1) if is_warned else code


def _cost(experiment: Experiment) -> tuple[Finding, ...]:
    from yolov3.checks.finding import Finding
    from yolov3.doctor.costs.measure import measure_cost
    from yolov3.watching.watcher import Bar

    with Bar("what training costs") as bar:
        cost = measure_cost(experiment, watcher=bar)
    return (cost,) if isinstance(cost, Finding) else tuple(cost.findings())


def _explained(words: DoctorWords, weights: Path, experiment: Experiment, watcher: Watcher) -> Explanation:
    from yolov3.catalogue.opening import open_dataset
    from yolov3.doctor.low_score.explain import explain_low_score
    from yolov3.formats.load import open_model

    model = open_model(weights, cfg=words.cfg, names=words.names)
    dataset = open_dataset(experiment.data, "val")
    return explain_low_score(model, dataset, images=words.images, device=words.device, watcher=watcher)


def _print_score(why: Explanation) -> None:
    from yolov3.watching.lines import print_line

    print_line("")
    print_line(f"{'note' if why.best is None else 'warning'}: score: {why.verdict}")
    most = sorted(why.tried, key=lambda each: -each.gain)[:3]
    tried = "; ".join(f"{each.words}: {each.ap50:.3f}" for each in most)
    print_line(f"  {len(why.tried)} mistakes were supposed; those that would change most: {tried}")


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
