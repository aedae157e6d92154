"""What may be asked of an export, and what does not go together."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.export.options import ExportOptions
from yolov3.graphs.facts import InnerSuppression


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"to": "caffe"}, "models are exported to onnx or openvino, found 'caffe'"),
        (
            {"precision": "bfloat16"},
            "--to onnx is written in float32, float16, int8, found bfloat16; no program computes an ONNX graph in it on CPUs",
        ),
        (
            {"to": "openvino", "precision": "int4"},
            "--to openvino is written in float32, float16, bfloat16, int8, found int4",
        ),
        ({"nms": True, "outputs": "raw"}, "--nms needs boxes; it does not go with --outputs raw"),
        ({"max_drop": -1}, "--max-drop is in points of AP50, from 0 to 100, found -1"),
    ],
)
def test_what_cannot_be_is_told(values, message):
    with pytest.raises(UserError) as caught:
        ExportOptions("a.pt", **values)
    assert str(caught.value) == message


def test_the_thresholds_count_where_the_graph_suppresses():
    assert ExportOptions("a.pt", confidence=0.3).suppressed is None
    options = ExportOptions("a.pt", nms=True, confidence=0.3, nms_threshold=0.5, max_detections=7, class_agnostic=True)
    assert options.suppressed == InnerSuppression(0.3, 0.5, True, 7)
