"""A page is one file that says all its records hold, escapes them, and works in a real browser, on a phone and in the dark."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from yolov3.reporting.charts import Bar, Line, bar_chart, line_chart
from yolov3.reporting.page import (
    Cell,
    Chart,
    Gallery,
    Matrix,
    Page,
    Picture,
    Point,
    Section,
    Table,
    Tile,
    place_name,
    render,
)

NASTY = "<script>alert('x')</script>&\"quoted\""
DOT = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
X = np.linspace(0, 1, 9)
ALARMS = "gallery-background"
COSTS = bar_chart([Bar("background", 4.1, None, ALARMS)], along="points")
ROWS = [("cat", [Cell(5, 0.9, True), Cell(1, 0.1, False, ALARMS)]), (NASTY, [Cell(0, 0), Cell(2, 1, True)])]
TABLE = Table(("class", "AP50"), [("cat", "0.5"), ("dog", "0.7"), (NASTY, "-")], "all")
PICTURES = [Picture(DOT, f"{NASTY}.jpg", "cat 0.9"), Picture("", "gone.jpg", "dog")]
CLASSES = [
    TABLE,
    Matrix("true, found", ["cat", NASTY], ROWS),
    Chart("", line_chart([Line("cat", X, X)], across="x", up="y")),
]
PAGE = Page(
    title=f"a model of {NASTY}",
    about="where it is from",
    tiles=[Tile("AP50", "0.862", "0.80 to 0.90"), Tile("images", "87")],
    points=[Point(f"background costs most {NASTY}", "look at them", ALARMS), Point("that is all")],
    sections=[
        Section("costs", "Where it goes", "each alone", [Chart("costs", COSTS, "background 4.1")]),
        Section("classes", "Classes", "by class", CLASSES),
        Section("galleries", "Pictures", "to look at", [Gallery(ALARMS, "False alarms", "surest first", PICTURES)]),
    ],
)


@pytest.fixture(scope="module")
def html() -> str:
    return render(PAGE)


class Strict(HTMLParser):
    """Remembers names, links, and elements that were not closed."""

    EMPTY = frozenset(("meta", "link", "img", "br", "path", "use", "rect"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.names += [values["id"]] if "id" in values else []
        self.links += [value for key, value in attrs if key in ("href", "xlink:href", "src")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        before = list(self.open)
        self.handle_starttag(tag, attrs)
        self.open = before

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_elements_are_closed_names_are_single_and_links_lead_somewhere(html):
    parser = Strict()
    parser.feed(html)
    assert parser.open == [] and len(set(parser.names)) == len(parser.names)
    for link in parser.links:
        assert link.startswith("data:") or link[1:] in parser.names, link
    assert "gallery-background" in parser.names and "#gallery-background" in parser.links


def test_what_it_holds_is_said_and_escaped(html):
    parser = Strict()
    parser.feed(html)
    text = " ".join(" ".join(parser.text).split())
    said = (
        "AP50 0.862 0.80 to 0.90",
        "background costs most",
        "4.1 points",
        "look at them",
        "0.7",
        "cat 0.9",
        "image gone",
    )
    assert not [words for words in said if words not in text]
    assert html.count("<script>") == 1 and "alert('x')" not in re.sub(r"&lt;script&gt;alert\(&#39;x&#39;\)", "", html)


def test_a_page_of_nothing_is_a_page():
    parser = Strict()
    parser.feed(render(Page("nothing", "", [], [], [])))
    assert parser.open == []


def test_places_have_plain_names():
    assert place_name("cell", 3, "Räd <x>") == "cell-3-r-d-x" and place_name("a", "B c") == "a-b-c"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser_nothing_is_fetched_nothing_complains_and_links_work(browser, html, tmp_path, width, dark):
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    browser.dark(dark)
    browser.requests()
    browser.open(path, width)
    assert [address for address in browser.requests() if not address.startswith("data:")] == [path.as_uri()]
    assert browser.logs() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width, "nothing is wider than the window"
    light = sum(map(int, re.findall(r"\d+", browser.run("return getComputedStyle(document.body).backgroundColor"))[:3]))
    assert (light < 200) is dark
    browser.run("document.querySelector('.matrix a').click()")
    assert browser.run("return location.hash") == "#gallery-background"
    top = browser.run("return document.getElementById('gallery-background').getBoundingClientRect().top")
    assert 0 <= top < 900
    browser.run("document.querySelector('.chart svg a').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    browser.run("document.querySelectorAll('table.numbers thead th')[1].click()")
    rows = browser.run(
        "return [...document.querySelectorAll('table.numbers tbody tr')].map(row => row.cells[1].textContent)"
    )
    assert rows == ["0.7", "0.5", "-"]
    assert browser.logs() == []
