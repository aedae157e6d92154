"""What a person gets of a detection run besides its files."""

from __future__ import annotations

from yolov3.inference.detect import DetectSummary
from yolov3.words import counted

MOST_CLASSES = 12  # are named


def summary_lines(summary: DetectSummary) -> list[str]:
    """What was found, where the time went, what could not be used, what was written."""
    named = list(summary.boxes.items())[:MOST_CLASSES]
    found = ", ".join(f"{count} {name}" for name, count in named)
    more = len(summary.boxes) - len(named)
    counts = f"{counted(summary.frames, 'image')}, {counted(sum(summary.boxes.values()), 'box')}"
    lines = [counts + (f": {found}" if found else "")]
    if more > 0:
        lines[0] += f" and {more} more {'class' if more == 1 else 'classes'}"
    times = summary.times
    stages = {
        "reading": times.milliseconds("reading"),
        "preprocessing": times.milliseconds("fitting"),
        "network": times.milliseconds("network"),
        "post-processing": times.milliseconds("selecting"),
        "drawing and writing": times.milliseconds("writing"),
    }
    lines.append("milliseconds per image: " + ", ".join(f"{name} {value:.1f}" for name, value in stages.items()))
    if not summary.is_whole:
        were = "was" if len(summary.damaged) == 1 else "were"
        lines.append(
            f"{counted(len(summary.problems), 'file')} could not be used, {len(summary.damaged)} {were} damaged"
        )
    if summary.folder is not None:
        lines.append(f"written: {summary.folder}")
    return lines
