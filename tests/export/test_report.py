"""What a person is told of an export."""

from __future__ import annotations

from yolov3.export.agreement import Agreement
from yolov3.export.export import ExportReport
from yolov3.export.proof import Precisions, Proof
from yolov3.export.report import report_lines
from yolov3.graphs.facts import GraphFacts
from yolov3.structures import Level, ModelMeaning

FACTS = GraphFacts(ModelMeaning(("a",)), (Level(32, ((10.0, 10.0),)),), 1, "small", precision="int8")


def test_all_of_it_in_lines(tmp_path):
    file = tmp_path / "a.onnx"
    file.write_bytes(bytes(1_500_000))
    proof = Proof(Agreement(1, 0.25, 3.5, 1, 0, 2, 0), Precisions(4, 0.5, 0.4975, 0.25, 0.2), True, "it holds")
    assert report_lines(ExportReport((file,), FACTS, "onnxruntime int8", proof, ("one", "two"))) == [
        f"written: {tmp_path}: a.onnx 1.5 MB, export.json",
        "onnxruntime int8 beside torch float32 on 1 image: scores differ by at most 0.25, boxes by 3.5 pixels of the input; "
        "1 detection in both, 0 gained, 2 lost",
        "on 4 labelled images: AP50 0.5000 -> 0.4975, AP 0.2500 -> 0.2000",
        "2 convolutions in floating point: one, two",
        "verdict: passed: it holds",
    ]
    short = report_lines(ExportReport((file,), FACTS, "onnxruntime int8", Proof(proof.agreement, None, False, "no")))
    assert len(short) == 3 and short[-1] == "verdict: FAILED: no"
