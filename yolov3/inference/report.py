"""What a person gets of a detection run besides its files."""

from __future__ import annotations

from yolov3.inference.detect import DetectSummary
from yolov3.outputs.lines import boxes_in_words
from yolov3.watching.tables import NumberTable
from yolov3.watching.words import counted

MOST_CLASSES = 12  # are named


def result_lines(summary: DetectSummary) -> list[str]:
    """What was found, what was written."""
    lines = [f"{counted(summary.frames, 'image')}, {boxes_in_words(summary.boxes, MOST_CLASSES)}"]
    lines += [f"counted in {line}" for line in summary.counts]
    if summary.folder is not None:
        lost = f", without {counted(len(summary.lost), 'file')} that could not be" if summary.lost else ""
        lines.append(f"written: {summary.folder}{lost}")
    return lines


def summary_lines(summary: DetectSummary) -> list[str]:
    """What was found, where the time went, what could not be used, what was written."""
    found, *written = result_lines(summary)
    times = summary.times
    stages = {
        "reading": times.milliseconds("reading"),
        "preprocessing": times.milliseconds("fitting"),
        "network": times.milliseconds("network"),
        "post-processing": times.milliseconds("selecting"),
        "drawing and writing": times.milliseconds("writing"),
    }
    lines = [found, "milliseconds per image: " + ", ".join(f"{name} {value:.1f}" for name, value in stages.items())]
    if summary.problems or summary.damaged:
        damaged = len(summary.damaged)
        lines.append(
            f"{counted(len(summary.problems), 'file')} could not be used, {damaged} {'was' if damaged == 1 else 'were'} "
            f"damaged"
        )
    return lines + written


def stream_table(summary: DetectSummary) -> NumberTable | None:
    """How each live source did, milliseconds in the columns of times; None where there was none."""
    if not summary.streams:
        return None
    headings = ("stream", "frames", "a second", "passed over", "reconnects", "frozen", "delay, ms", "95 %")
    stages = {"waiting": "waiting", "preprocessing": "fitting", "network": "network", "post-processing": "selecting"}
    rows = []
    for stream in summary.streams:
        counts = (stream.frames, f"{stream.rate:.1f}", stream.passed_over, stream.reconnects, stream.frozen)
        seconds = (stream.delay, stream.late_delay, *(stream.stages[stage] for stage in stages.values()))
        times = [f"{1000 * value:.1f}" if value == value else "-" for value in seconds]
        rows.append((stream.name, *map(str, counts), *times))
    return NumberTable((*headings, *stages), tuple(rows), spared=(*stages, "frozen", "a second"))
