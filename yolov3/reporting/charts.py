"""Charts as SVG for a page: in the page's own colours, with links, and nothing that is fetched.

matplotlib draws; what is black becomes the colour of the text around the chart, so that a chart is readable in a light
page and in a dark one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
"""A colour that nothing else has; in the page it is the text's."""

COLOURS = ("#3b82c4", "#d9822b", "#2f9e62", "#c0456b", "#8a63c9", "#9a7b2f", "#2aa5a5", "#7a8288", "#c9a227", "#5f6bd8")
"""Of lines and bars: told apart on white and on black."""

NAMED_LINES = 10
"""More lines than there are colours are drawn thin and grey, all but the first."""

WIDTH = 7.2  # inches of matplotlib, 72 units of the SVG each


@dataclass(frozen=True)
class Line:
    """A line of a chart: ``x`` and ``y`` (P,), and a point that is marked, where there is one."""

    name: str
    x: np.ndarray
    y: np.ndarray
    mark: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bar:
    """A bar of a chart, with the ends of its interval and the place in the page that a click leads to."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    link: str = ""


def line_chart(
    lines: Sequence[Line], *, across: str, up: str, limits: tuple[float, float] | None = (0, 1), log: bool = False
) -> str:
    """Lines over one axis. ``limits`` of the upright axis: None for as large as the numbers are."""
    with _chart(WIDTH, 3.6) as (figure, axes):
        for number, line in reversed(list(enumerate(lines))):
            named = number < NAMED_LINES
            colour = COLOURS[number % len(COLOURS)] if named else "#80808080"
            axes.plot(line.x, line.y, color=colour, linewidth=1.6 if named else 0.7, label=line.name if named else None)
            if line.mark is not None:
                axes.plot(*line.mark, "o", color=colour, markersize=5)
        axes.set(xlabel=across, ylabel=up, yscale="log" if log else "linear")
        if limits is not None:
            axes.set_ylim(limits[0] - 0.02 * (limits[1] - limits[0]), limits[1] * 1.02)
        handles, names = axes.get_legend_handles_labels()
        if len(lines) > 1:
            axes.legend(handles[::-1], names[::-1], fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        return _as_svg(figure)


def bar_chart(bars: Sequence[Bar], *, along: str, limit: float | None = None) -> str:
    """Lying bars, the first on top, their values beside them."""
    with _chart(WIDTH, 0.7 + 0.26 * len(bars)) as (figure, axes):
        places = np.arange(len(bars))
        values = [bar.value for bar in bars]
        for place, patch, bar in zip(
            places, axes.barh(places, values, color=COLOURS[0], height=0.7), bars, strict=True
        ):
            end = bar.value
            if bar.interval is not None:
                axes.plot(bar.interval, (place, place), color=INK, linewidth=1)
                end = max(end, bar.interval[1])
            axes.annotate(
                f"{bar.value:.3f}" if limit == 1 else f"{bar.value:.2f}", (max(end, 0), place), (4, 0),
                textcoords="offset points", va="center", fontsize=8,
            )  # fmt: skip
            if bar.link:
                patch.set_url(f"#{bar.link}")
        axes.set_yticks(places, [bar.name for bar in bars])
        axes.set(xlabel=along, ylim=(len(bars) - 0.4, -0.6))
        if limit is not None:
            axes.set_xlim(0, limit * 1.12)
        else:
            axes.margins(x=0.15)
        axes.grid(axis="y", visible=False)
        return _as_svg(figure)


def calibration_chart(scores: Sequence[float], shares: Sequence[float], counts: Sequence[int]) -> str:
    """The share that is right of the detections of each bin of scores, beside the score itself."""
    with _chart(4.2, 3.6) as (figure, axes):
        axes.plot((0, 1), (0, 1), color="#808080", linewidth=1, linestyle="--", label="as sure as right")
        sizes = 12 + 60 * np.sqrt(np.array(counts) / max(counts, default=1))
        axes.plot(scores, shares, color=COLOURS[0], linewidth=1)
        axes.scatter(scores, shares, s=sizes, color=COLOURS[0], label="this model")
        axes.set(xlabel="score", ylabel="share that is right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(fontsize=8, frameon=False)
        return _as_svg(figure)


@contextmanager
def _chart(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[str, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": "a report", "font.size": 9, "axes.grid": True, "grid.color": "#80808040",
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
        "text.parse_math": False, "axes.unicode_minus": False,
    }  # fmt: skip
    with matplotlib.rc_context(cast(Any, style)):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
        FigureCanvasSVG(figure)  # without pyplot, which would choose a window system for the whole process
        yield figure, figure.subplots()


def _as_svg(figure: Figure) -> str:
    """The element alone: no prolog, no metadata; its names begin with a number of its own, since a page has several."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)  # matplotlib repeats each text in a comment
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" xmlns:xlink="http://www.w3.org/1999/xlink">', svg
    )
    return svg.replace(INK, "currentColor").strip()


def with_own_names(svg: str, prefix: str) -> str:
    """The same chart, its inner names beginning with ``prefix``: a page has several, and names must not meet."""
    names = set(re.findall(r'id="([^"]+)"', svg))
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) & names
    svg = re.sub(r' id="([^"]+)"', lambda match: f' id="{prefix}{match[1]}"' if match[1] in used else "", svg)
    return re.sub(
        r'(url\(#|href="#)([^")]+)', lambda match: match[1] + (prefix if match[2] in used else "") + match[2], svg
    )
