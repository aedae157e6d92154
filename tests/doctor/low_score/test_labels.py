"""Boxes of the data that mean something else, on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.boxes import cxcywh_to_xyxy, xywh_to_xyxy, xyxy_to_cxcywh, xyxy_to_xywh
from yolov3.doctor.low_score.explain import explain_low_score
from yolov3.doctor.low_score.labels import CONVENTIONS, fit_scale, pairs_to_measure, with_boxes
from yolov3.doctor.low_score.trial import open_trial
from yolov3.geometry import Geometry


def half(boxes: np.ndarray) -> np.ndarray:
    return np.tile((boxes[:, 2:] - boxes[:, :2]) / 2, 2)


READ_AS = {
    "left, top, width, height were read as corners": lambda boxes: xyxy_to_xywh(boxes),
    "centre, width, height were read as corners": lambda boxes: xyxy_to_cxcywh(boxes),
    "corners were read as left, top, width, height": lambda boxes: xywh_to_xyxy(boxes),
    "corners were read as centre, width, height": lambda boxes: cxcywh_to_xyxy(boxes),
    "centres were read as top left corners": lambda boxes: boxes + half(boxes),
    "top left corners were read as centres": lambda boxes: boxes - half(boxes),
    "x and y were exchanged": lambda boxes: boxes[:, [1, 0, 3, 2]],
}
"""What comes of the true boxes."""

BOXES = st.lists(st.tuples(*[st.floats(0, 500)] * 2, *[st.floats(1, 300)] * 2), min_size=1, max_size=5).map(
    lambda rows: xywh_to_xyxy(np.array(rows))
)


@pytest.mark.parametrize("mistake", CONVENTIONS)
@given(boxes=BOXES)
def test_each_convention_undoes_its_mistake(mistake, boxes):
    np.testing.assert_allclose(CONVENTIONS[mistake](READ_AS[mistake](boxes)), boxes, atol=1e-9)


@pytest.mark.parametrize("mistake", CONVENTIONS)
def test_boxes_that_were_read_wrongly(model, data, relabelled, mistake):
    wrong = relabelled(data, lambda sample: (READ_AS[mistake](sample.boxes), sample.labels))
    explanation = explain_low_score(model, wrong, device="cpu")
    assert explanation.best is not None and explanation.best.kind == "labels", explanation.verdict
    assert mistake in explanation.best.words


@pytest.mark.parametrize("factors", [(0.5, 0.5), (2.0, 1.5)])
def test_boxes_on_another_scale(model, data, relabelled, factors):
    scale = np.tile(factors, 2)
    wrong = relabelled(data, lambda sample: (sample.boxes * scale + 9, sample.labels))
    explanation = explain_low_score(model, wrong, device="cpu")
    assert explanation.best is not None and "on another scale" in explanation.best.words, explanation.verdict
    assert explanation.best.ap50 > 0.9


def test_boxes_of_resized_images(model, data, relabelled):
    wrong = relabelled(
        data, lambda sample: (sample.boxes * np.tile(np.array((640, 480)) / sample.size[::-1], 2), sample.labels)
    )
    explanation = explain_low_score(model, wrong, device="cpu")
    assert explanation.best is not None and "that were resized to about" in explanation.best.words, explanation.verdict
    assert explanation.best.ap50 > 0.9


def test_boxes_in_the_networks_input(model, data, relabelled):
    fitting = model.meaning.preprocessing
    wrong = relabelled(
        data, lambda sample: (Geometry.fit(sample.size, fitting).boxes_to_network(sample.boxes), sample.labels)
    )
    explanation = explain_low_score(model, wrong, device="cpu")
    assert explanation.best is not None and "of the network's input" in explanation.best.words, explanation.verdict


@given(BOXES, st.tuples(*[st.floats(0.2, 5)] * 2), st.tuples(*[st.floats(-50, 50)] * 2))
def test_a_scale_is_told_exactly(boxes, factors, offsets):
    found = fit_scale(boxes, boxes * np.tile(factors, 2) + np.tile(offsets, 2))
    np.testing.assert_allclose(found[0], factors, rtol=1e-6)
    np.testing.assert_allclose(found[1], offsets, atol=1e-4)


def test_boxes_of_the_data_are_not_written_over(data):
    before = [sample.boxes.copy() for sample in data.samples]
    with_boxes(data, lambda sample: sample.boxes).samples[0].boxes[:] = -1
    for sample, boxes in zip(data.samples, before, strict=True):
        np.testing.assert_array_equal(sample.boxes, boxes)


def test_boxes_turned_inside_out_match_nothing(data):
    changed = with_boxes(data, lambda sample: sample.boxes[:, [2, 3, 0, 1]])
    for sample in changed.samples:
        assert (sample.areas == 0).all() and (sample.boxes[:, 2:] >= sample.boxes[:, :2]).all()


def test_lone_truths_are_paired_wherever_their_boxes_lie(model, data, relabelled):
    trial = open_trial(model, data, images=12, device="cpu", seed=0)
    found = trial.found(trial.look())
    far = relabelled(trial.dataset, lambda sample: (sample.boxes * 3, sample.labels))
    pairs = pairs_to_measure(far, found)
    assert len(pairs) >= 8
    factors, _ = fit_scale(np.stack([pair.truth for pair in pairs]), np.stack([pair.box for pair in pairs]))
    np.testing.assert_allclose(factors, (1 / 3, 1 / 3), rtol=0.05)
