"""The curves of a run over its epochs, from the numbers of ``results.csv``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from yolov3.files.atomic import write_atomically
from yolov3.journal.rows import EpochRow


def draw_curves(path: Path, history: Sequence[EpochRow]) -> bool:
    """Draw the rows of a run as a PNG, a panel beside the other. False, and nothing is written, where no row is there.
    Raises UserError when the file cannot be written."""
    if not history:
        return False
    # The figure alone, without pyplot, which would choose a window system for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels, rows = history[-1].panels(), [row.as_plain() for row in history]
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, columns) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
        for column in columns:
            points = [(row["epoch"], row[column]) for row in rows if row[column] is not None]
            if points:
                axes.plot(*zip(*points), marker="o" if len(points) < 40 else None, markersize=3, label=column)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
        if title == "loss":
            axes.set_yscale("log")
        elif title != "learning rate":
            axes.set_ylim(0, 1)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    write_atomically(path, lambda file: file.write(stream.getvalue()))
    return True
