"""A finding, as a line and as plain values."""

from __future__ import annotations

import json

from yolov3.checks.finding import MOST_PLACES, Finding, first_places


def test_places_that_nobody_keeps_are_not_made():
    made_so_far = []

    def places():
        for number in range(10_000):
            made_so_far.append(number)
            yield number

    assert first_places(places()) == tuple(map(str, range(MOST_PLACES))) and len(made_so_far) == MOST_PLACES


def test_it_is_a_line_with_an_example_where_it_names_none():
    finding = Finding("kind", "warning", "2 boxes are flat", ("a.xml:3", "b.xml:7"), 2, "they are lost", "draw them")
    assert finding.warning == "warning: 2 boxes are flat, such as a.xml:3; they are lost; draw them"
    named = Finding("kind", "error", "1 class without any object: cat", ("cat",), 1, "it is not learned", "label some")
    assert named.warning == "warning: 1 class without any object: cat; it is not learned; label some"
    assert finding.with_places(1).places == ("a.xml:3",)
    assert json.loads(json.dumps(finding.as_plain())) == finding.as_plain()
