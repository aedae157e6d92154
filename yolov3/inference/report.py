"""What a person gets of a detection run besides its files."""

from __future__ import annotations

from yolov3.inference.detect import DetectSummary
from yolov3.outputs.lines import boxes_in_words
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
