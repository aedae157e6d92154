"""Charts are SVG in the page's colours that fetch nothing, and whose names do not meet."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from yolov3.reporting.charts import INK, Bar, Line, bar_chart, calibration_chart, line_chart, with_own_names

X = np.linspace(0, 1, 20)


def lines(count: int) -> list[Line]:
    return [Line(f"class {number} <&>", X, X * number / max(1, count), (0.5, 0.1)) for number in range(count)]


CHARTS = {
    "a line": lambda: line_chart(lines(1), across="score", up="F1"),
    "no line": lambda: line_chart([], across="score", up="F1"),
    "many lines": lambda: line_chart(lines(80), across="recall", up="precision"),
    "a line without points": lambda: line_chart([Line("none", X[:0], X[:0])], across="x", up="y"),
    "losses": lambda: line_chart([Line("box", X + 1, X + 1)], across="epoch", up="loss", limits=None, log=True),
    "bars": lambda: bar_chart([Bar("cat $x$", 0.5, (0.4, 0.6), "cats"), Bar("dog", 0.0)], along="AP50", limit=1),
    "no bars": lambda: bar_chart([], along="points"),
    "negative bars": lambda: bar_chart([Bar("a", -2.0, (-3.0, -1.0)), Bar("b", 1.0)], along="points"),
    "80 bars": lambda: bar_chart([Bar(str(number), number / 80) for number in range(80)], along="AP50", limit=1),
    "calibration": lambda: calibration_chart([0.1, 0.9], [0.0, 1.0], [10, 1]),
    "no calibration": lambda: calibration_chart([], [], []),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_one_element_that_fetches_nothing(name):
    svg = with_own_names(CHARTS[name](), "a-")
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg") and root.get("viewBox")
    assert INK not in svg and "currentColor" in svg
    assert (
        not re.findall(r'(?:src|href)="(?!#)', svg)
        and "<metadata" not in svg
        and "http" not in svg.replace("http://www.w3.org/1999/xlink", "")
    )
    assert "#000000" not in svg, "black would not be seen in a dark page"


def test_names_are_text_and_bars_lead_to_places():
    svg = CHARTS["bars"]()
    assert "cat $x$" in svg and 'xlink:href="#cats"' in svg
    assert "class 0 &lt;&amp;&gt;" in CHARTS["many lines"]()


def test_a_chart_is_the_same_each_time_and_two_in_a_page_share_no_names():
    assert CHARTS["many lines"]() == CHARTS["many lines"]()
    first, second = (with_own_names(CHARTS["bars"](), prefix) for prefix in ("a-", "b-"))
    names = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert names[0] and not names[0] & names[1]
    for svg, own in zip((first, second), names):
        used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'<use xlink:href="#([^"]+)"', svg))
        assert used and used <= own and 'xlink:href="#cats"' in svg, "what lies outside of the chart keeps its name"


def test_lines_beyond_the_colours_are_grey_and_have_no_legend():
    svg = CHARTS["many lines"]()
    assert svg.count("class ") == 10


def test_no_window_system_is_chosen_for_the_process():
    before = "matplotlib.pyplot" in sys.modules
    CHARTS["a line"]()
    assert ("matplotlib.pyplot" in sys.modules) is before
