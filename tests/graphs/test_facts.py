"""What a graph says of itself: there and back, and every description that cannot be used is refused in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.files.class_names import fault_of_name
from yolov3.graphs.facts import PRECISIONS, FactsError, GraphFacts, InnerSuppression
from yolov3.structures import Level, ModelMeaning, Preprocessing, Suppression

LEVELS = (Level(32, ((81.0, 82.0), (135.0, 169.0))), Level(16, ((10.0, 14.0), (23.5, 27.25)), 1.05, True))
FACTS = GraphFacts(
    ModelMeaning(("cat", "dög"), Preprocessing((64, 96), "stretch", "bilinear", 0.25), Suppression("iou", 0.7)),
    LEVELS,
    2,
    "tiny, 64x96",
    suppressed=InnerSuppression(0.25, 0.45, True, 300),
    source="best.pt",
    source_sha256="ab" * 32,
    made_with="yolov3 1.0, torch 2.14",
)

texts = st.text(max_size=12)
parts = st.floats(0, 1)
sides = st.integers(1, 64).map(lambda number: 32 * number)
levels = st.builds(
    Level,
    st.sampled_from((8, 16, 32)),
    st.lists(st.tuples(st.floats(0.5, 999), st.floats(0.5, 999)), min_size=1, max_size=3).map(tuple),
    st.floats(0.5, 2),
    st.booleans(),
)
meanings = st.builds(
    ModelMeaning,
    st.lists(texts.filter(lambda text: fault_of_name(text) is None), max_size=3).map(tuple),
    st.builds(
        Preprocessing,
        st.tuples(sides, sides),
        st.sampled_from(("letterbox", "stretch")),
        st.sampled_from(("area", "bilinear", "darknet")),
        parts,
    ),
    st.builds(Suppression, st.sampled_from(("iou", "diou")), st.floats(0.1, 10)),
)
facts_of_any_graph = st.builds(
    GraphFacts,
    meaning=meanings,
    levels=st.lists(levels, min_size=1, max_size=3).map(tuple),
    num_classes=st.integers(1, 1000),
    description=texts,
    outputs=st.sampled_from(("boxes", "raw", "darknet")),
    input=st.sampled_from(("uint8", "float32")),
    precision=st.sampled_from(PRECISIONS),
    dynamic=st.booleans(),
    suppressed=st.none() | st.builds(InnerSuppression, parts, parts, st.booleans(), st.integers(1, 1000)),
    source=texts,
    source_sha256=texts,
    made_with=texts,
).map(lambda facts: replace(facts, num_classes=len(facts.meaning.names) or facts.num_classes))


@given(facts_of_any_graph)
def test_there_and_back(facts):
    text = facts.as_text()
    assert text.isascii() and "\n" not in text
    assert GraphFacts.from_text(text) == facts


@pytest.mark.parametrize(
    ("changes", "input_name", "outputs"),
    [
        ({"outputs": "boxes", "suppressed": None}, "images", ("boxes", "objectness", "classes")),
        ({"outputs": "raw", "suppressed": None}, "images", ("raw_0", "raw_1")),
        ({"outputs": "darknet", "suppressed": None}, "frame", ("confs", "boxes")),
        ({}, "images", ("boxes", "scores", "labels", "count")),
    ],
)
def test_names_of_what_goes_in_and_comes_out(changes, input_name, outputs):
    facts = GraphFacts.from_text(json.dumps({**json.loads(FACTS.as_text()), **_plain(changes)}))
    assert (facts.input_name, facts.output_names) == (input_name, outputs)
    plain = json.loads(facts.as_text())
    assert plain["input"] == {"name": input_name, "kind": "uint8", "layout": "NCHW", "colours": "RGB"}
    assert plain["outputs"]["names"] == list(outputs)


def _plain(changes: dict) -> dict:
    kind = changes.get("outputs", "boxes")
    return {**{key: value for key, value in changes.items() if key != "outputs"}, "outputs": {"kind": kind}}


def test_the_stride_is_the_coarsest_and_the_size_that_of_the_model():
    assert FACTS.stride == 32 and FACTS.size == (64, 96)
    assert json.loads(FACTS.as_text())["stride"] == 32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its description is no JSON: Expecting value"),
        ("{", "its description is no JSON: "),
        ("[" * 100_000, "its description is no JSON: "),
        ("[]", "its description is of version None; this program reads version 1"),
        ("{}", "its description is of version None; this program reads version 1"),
        ('{"version": 2}', "its description is of version 2; this program reads version 1"),
        ('{"version": "1"}', "its description is of version '1'; this program reads version 1"),
        ('{"version": 1}', "its description cannot be used: "),
        ('{"version": 1, "num_classes": NaN}', "its description is no JSON: NaN is no number"),
        ('{"version": 1, "num_classes": -Infinity}', "its description is no JSON: -Infinity is no number"),
    ],
)
def test_another_text_is_refused(text, message):
    with pytest.raises(FactsError) as caught:
        GraphFacts.from_text(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("key", sorted(set(json.loads(FACTS.as_text())) - {"version", "stride"}))
def test_a_missing_entry_is_named(key):
    values = json.loads(FACTS.as_text())
    del values[key]
    with pytest.raises(FactsError, match=rf"^its description cannot be used: '{key}'$"):
        GraphFacts.from_text(json.dumps(values))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("outputs", {"kind": "masks"}, "outputs 'masks' and input 'uint8' are not known"),
        ("input", {"kind": "int4"}, "outputs 'boxes' and input 'int4' are not known"),
        ("precision", "int4", "precision 'int4' is not known"),
        ("levels", [{"stride": 0, "anchors": [[1, 2]]}], "a level needs a positive stride and anchors"),
        ("levels", [{"stride": 32, "anchors": [[1, 2]], "colour": 1}], "colour"),
        ("levels", [{"stride": 32.5, "anchors": [[1, 2]]}], "float"),
        ("levels", [], "it has 0 levels and 2 classes"),
        ("preprocessing", {"size": [60, 64]}, "the input size must be multiples of 32"),
        ("nms", {"kind": "soft", "diou_exponent": 1}, "the suppression must be by iou or diou, found 'soft'"),
        ("num_classes", "many", "many"),
        ("num_classes", 0, "it has 2 levels and 0 classes"),
        ("suppressed", {"confidence": 0.1}, "missing"),
        ("names", ["cat", None], "names: class 1: not a class name: it is no text but NoneType"),
        ("suppressed", [1], "must be a mapping"),
        ("suppressed", {**vars(FACTS.suppressed), "confidence": "high"}, "high"),
        ("suppressed", {**vars(FACTS.suppressed), "confidence": "inf"}, "cannot suppress with"),
        ("suppressed", {**vars(FACTS.suppressed), "nms_threshold": -0.1}, "cannot suppress with"),
        ("suppressed", {**vars(FACTS.suppressed), "max_detections": 0}, "cannot suppress with"),
    ],
)
def test_a_wrong_entry_is_refused(key, value, message):
    with pytest.raises(FactsError, match=r"^its description cannot be used: ") as caught:
        GraphFacts.from_text(json.dumps({**json.loads(FACTS.as_text()), key: value}))
    assert message in str(caught.value)


def _places(values, trail=()):
    """The ways to all entries of plain values."""
    entries = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in entries:
        yield (*trail, key)
        yield from _places(value, (*trail, key))


@pytest.mark.parametrize("place", list(_places(json.loads(FACTS.as_text()))), ids=lambda p: ".".join(map(str, p)))
@settings(max_examples=30)
@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.just([]), st.just({}), st.just([[1]])))
def test_whatever_stands_there_is_refused_or_can_be_used(place, value):
    values = json.loads(FACTS.as_text())
    target = values
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    try:
        facts = GraphFacts.from_text(json.dumps(values))
    except FactsError as error:
        assert str(error).startswith("its description ")
        return
    assert facts.stride > 0 and facts.output_names and facts.num_classes > 0
    assert facts.suppressed is None or isinstance(facts.suppressed.confidence, float)
    assert all(isinstance(name, str) for name in facts.meaning.names)
    assert GraphFacts.from_text(facts.as_text()).as_text() == facts.as_text()  # not ==: a number may be nan
