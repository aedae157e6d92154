"""The verdict on an export, by what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yolov3.export.agreement import Agreement
from yolov3.export.proof import Precisions, Proof, judge
from yolov3.graphs.facts import GraphFacts
from yolov3.structures import Level, ModelMeaning

FACTS = GraphFacts(ModelMeaning(("a",)), (Level(32, ((10.0, 10.0),)),), 1, "small")
CLOSE = Agreement(images=4, score=1e-5, box=0.01, both=9, gained=0, lost=0, near=0)
LABELS = Precisions(100, 0.5, 0.497, 0.3, 0.29)


@pytest.mark.parametrize(
    ("agreement", "passed"),
    [
        (CLOSE, True),
        (replace(CLOSE, score=1e-3, box=0.1), True),
        (replace(CLOSE, score=1.1e-3), False),
        (replace(CLOSE, box=0.11), False),
        (replace(CLOSE, lost=1), False),
        (replace(CLOSE, gained=1, lost=1, near=2), True),  # at the threshold: nothing new
    ],
)
def test_float32_is_judged_by_its_numbers(agreement, passed):
    verdict, why = judge(FACTS, agreement, None, 0.5)
    assert verdict is passed and "limits 0.001 and 0.1" in why
    assert judge(FACTS, agreement, replace(LABELS, ap50_after=0.0), 0.5)[0] is passed


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "int8"])
def test_others_are_judged_by_what_labelled_images_say(precision):
    facts = replace(FACTS, precision=precision)
    far = replace(CLOSE, score=0.2, box=9, lost=3)
    assert judge(facts, far, LABELS, 0.5) == (True, "AP50 loses 0.30 points (limit 0.5)")
    assert judge(facts, far, LABELS, 0.25) == (False, "AP50 loses 0.30 points (limit 0.25)")
    better = replace(LABELS, ap50_after=0.51)
    assert judge(facts, far, better, 0) == (True, "AP50 gains 1.00 points (limit 0)")
    verdict, why = judge(facts, CLOSE, None, 0.5)
    assert verdict is None and why == f"no labelled images to measure {precision} on; give them with --check DATA"


def test_a_proof_in_plain_values():
    plain = Proof(CLOSE, LABELS, True, "it holds").as_plain()
    assert plain["verdict"] == "passed" and plain["agreement"]["both"] == 9
    assert plain["precisions"]["ap50_drop_in_points"] == pytest.approx(0.3)
    assert Proof(CLOSE, None, None, "nobody knows").as_plain()["verdict"] == "not judged"
    assert Proof(CLOSE, None, False, "no").as_plain() | {"agreement": 0} == {
        "verdict": "failed", "why": "no", "agreement": 0, "precisions": None,
        "limits_of_float32": {"score": 1e-3, "box": 0.1},
    }  # fmt: skip
