"""A picture of a run: its losses, its AP and its learning rate over the epochs, from ``results.csv``'s numbers."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import Any

from yolov3.formats.atomic import write_atomically

PANELS = (
    ("loss", ("train/box", "train/obj", "train/cls")),
    ("average precision", ("metrics/AP50", "metrics/AP", "metrics/AP_train")),
    ("learning rate", ("learning_rate",)),
)


def draw_curves(path: Path, history: list[dict[str, Any]]) -> bool:
    """Draw the rows of a run as a PNG. False, and nothing is written, where matplotlib is not installed or no row is
    there. Raises UserError when the file cannot be written."""
    if not history or importlib.util.find_spec("matplotlib") is None:
        return False
    # The figure alone, without pyplot, which would choose a window system for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, columns) in zip(figure.subplots(1, len(PANELS)), PANELS):
        for column in columns:
            points = [(row["epoch"], row[column]) for row in history if row.get(column) is not None]
            if points:
                axes.plot(*zip(*points), marker="o" if len(points) < 40 else None, markersize=3, label=column)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
    figure.axes[0].set_yscale("log")
    figure.axes[1].set_ylim(0, 1)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    write_atomically(path, lambda file: file.write(stream.getvalue()))
    return True
