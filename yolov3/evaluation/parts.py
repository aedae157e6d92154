"""Measuring with several processes: each finds what is in parts of the samples, the first puts together and measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.evaluation.evaluate import EvaluateOptions, Measurement, open_measurement
from yolov3.evaluation.measure import Evaluation
from yolov3.evaluation.predict import AllFound
from yolov3.files.atomic import file_sha256
from yolov3.processes.world import World
from yolov3.sharing.parts import Parts, shared
from yolov3.sharing.records import detections_of, record_of
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

LARGEST_PART = 1024  # samples; what is lost with a process that dies
EACH = 4  # parts for a process; each begins with reader processes of its own


def evaluate_in_parts(
    options: EvaluateOptions, world: World, *, resume: Path | None = None, watcher: Watcher | None = None
) -> Evaluation | None:
    """Measure as :func:`yolov3.evaluation.evaluate.evaluate` does, each process of a ``world`` with its parts of the samples,
    on one machine or on several that share the folder; or finish what others have begun in the folder ``resume``. The
    evaluation in the first process, None in the others.

    Raises UserError.
    """
    if options.output is None:
        raise UserError("several processes share an evaluation through its folder: give output")
    watcher = watcher or Watcher()
    output = Path(options.output)
    here = replace(options, device=world.device_text(options.device))
    measurement = open_measurement(here, watcher if world.is_first else Watcher())
    batches = measurement.batches()

    def open_parts() -> Parts:
        pieces = divide(len(batches), options.batch_size, world.size)
        parts = Parts.of_run(output, options.folder_name, _plan(options, measurement), pieces, resume)
        watcher.report(measurement.told)
        return parts

    with shared(open_parts, world, watcher) as (parts, own):
        times = _do(options, measurement, parts, {number: _numbers(batches, parts, number) for number in own}, watcher)
        parts.wait(watcher)
        everybody = world.gather(times)
        if everybody is None:
            return None
        evaluation = measurement.conclude(_all_found(measurement, batches, parts, everybody), parts.folder)
        parts.remove()
        return evaluation


def divide(batches: int, batch_size: int, processes: int) -> list[tuple[int, int]]:
    """The parts, each of some of so many batches."""
    length = max(1, min(LARGEST_PART // batch_size, batches // (EACH * processes)))
    return [(first, min(first + length, batches)) for first in range(0, batches, length)]


def _plan(options: EvaluateOptions, measurement: Measurement) -> dict[str, str]:
    """What makes a measurement the one that it is."""
    apart = ("weights", "data", "workers", "output", "name", "device")
    weights = Path(measurement.model.source)
    return {
        "weights": file_sha256(weights) if weights.is_file() else str(weights),
        "data": f"{measurement.dataset.source} ({counted(len(measurement.dataset), 'image')})",
        **{field.name: repr(getattr(options, field.name)) for field in fields(options) if field.name not in apart},
    }


def _numbers(batches: Sequence[tuple[int, ...]], parts: Parts, number: int) -> list[int]:
    """The numbers of the samples of a part."""
    first, last = parts.pieces[number]
    return [sample for batch in batches[first:last] for sample in batch]


def _do(
    options: EvaluateOptions, measurement: Measurement, parts: Parts, own: Mapping[int, list[int]], watcher: Watcher
) -> StageTimes:
    """Do parts, each with the numbers of its samples; where the time went."""
    times = StageTimes()
    for number, samples in own.items():
        with parts.writing(number) as growing:
            part = measurement.dataset.part(samples)
            found = measurement.find(part, workers=options.workers, watcher=watcher)
            growing.add({"nonfinite": found.nonfinite})
            for each in found.detections:
                growing.add(record_of(each))
        times.add(found.times)
    return times


def _all_found(
    measurement: Measurement, batches: Sequence[tuple[int, ...]], parts: Parts, times: list[StageTimes]
) -> AllFound:
    """What is in the records, in the order of the samples."""
    together = StageTimes()
    for each in times:
        together.add(each)
    together.share(len(times))
    dataset, nonfinite = measurement.dataset, 0
    detections: list[Detections] = [Detections.empty()] * len(dataset)
    for part in range(len(parts.pieces)):
        head, *records = parts.read(part)
        numbers = _numbers(batches, parts, part)
        if len(records) != len(numbers) or not isinstance(head.get("nonfinite"), int):
            raise UserError(f"{parts.folder}: part {part} of the run is damaged; begin a new one")
        for record, number in zip(records, numbers):
            sample = dataset.samples[number]
            detections[number] = detections_of(
                record, parts.folder, names=dataset.names, size=sample.size, source=str(sample.path)
            )
        nonfinite += head["nonfinite"]
    return AllFound(detections, nonfinite, together)
