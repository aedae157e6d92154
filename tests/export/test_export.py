"""A model out of PyTorch, as a whole: files, description, proof."""

from __future__ import annotations

import json

import pytest
import torch

from yolov3.errors import UserError
from yolov3.export import export as module
from yolov3.export.export import export_model
from yolov3.formats.load import load_model, open_model
from yolov3.inference.detector import Detector
from yolov3.shapes.dataset import CLASSES
from yolov3.watching.watcher import Watcher


@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_an_export_is_written_described_and_proven(to, weights, data, tmp_path):
    if to == "openvino":
        pytest.importorskip("openvino")
    report = export_model(weights=weights, to=to, check=data, output=tmp_path)
    names = {"onnx": ["tiny.onnx"], "openvino": ["tiny.xml", "tiny.bin"]}[to]
    assert [path.name for path in report.files] == names
    assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == sorted([*names, "export.json"])
    assert report.passed and report.proof.passed and report.proof.agreement.images == 4
    assert report.proof.precisions.images == 4 and abs(report.proof.precisions.drop) < 0.1
    plain = json.loads((tmp_path / "tiny" / "export.json").read_text())
    assert plain["proof"]["verdict"] == "passed" and plain["names"] == list(CLASSES)
    assert plain["source"] == "tiny.pt" and len(plain["source_sha256"]) == 64
    model = open_model(tmp_path / "tiny")  # the folder is a model
    assert model.facts == report.facts and model.meaning == load_model(weights).meaning


def test_the_graph_detects_what_the_weights_detect(weights, data, tmp_path):
    export_model(weights=weights, output=tmp_path)
    images = sorted((data / "val").iterdir())
    first, second = Detector(weights, confidence=0.4), Detector(tmp_path / "tiny", confidence=0.4)
    assert second.runtime.name == "onnxruntime"
    for image in images:
        found = [each(image) for each in (first, second)]
        assert len(found[0]) == len(found[1]) > 0 and found[0].labels.tolist() == found[1].labels.tolist()
        assert torch.allclose(found[0].boxes, found[1].boxes, atol=1e-2)
        assert torch.allclose(found[0].scores, found[1].scores, atol=1e-4)


def test_with_suppression_inside_it_finds_the_same(weights, data, tmp_path):
    report = export_model(weights=weights, nms=True, confidence=0.4, check=data, output=tmp_path)
    assert report.passed and report.proof.agreement.both > 0
    with pytest.raises(UserError, match=r"has dropped all below a score of 0\.4, but 0\.25 was asked for"):
        Detector(tmp_path / "tiny")
    image = min((data / "val").iterdir())
    first, second = (Detector(each, confidence=0.45)(image) for each in (weights, tmp_path / "tiny"))
    assert len(first) == len(second) > 0 and torch.allclose(first.boxes, second.boxes, atol=1e-2)


def test_another_size_is_exported_as_it_is_asked_for(weights, tmp_path):
    report = export_model(weights=weights, image_size=(64, 96), outputs="darknet", output=tmp_path, name="small")
    assert report.facts.size == (64, 96) and report.facts.input_name == "frame" and report.passed
    with pytest.raises(UserError, match="exported for images of 64x96"):
        Detector(tmp_path / "small", image_size=(96, 96))
    with pytest.raises(UserError, match="multiples of 32"):
        export_model(weights=weights, image_size=100, output=tmp_path)


def test_a_graph_that_is_not_the_model_fails(weights, data, tmp_path, monkeypatch):
    """As if the exporter had lost a number."""
    real = module.onnx_of

    def wrong(network, facts):
        with torch.no_grad():
            network.heads[0].predict.bias[4] += 0.1
        try:
            return real(network, facts)
        finally:
            with torch.no_grad():
                network.heads[0].predict.bias[4] -= 0.1

    monkeypatch.setattr(module, "onnx_of", wrong)
    report = export_model(weights=weights, output=tmp_path)
    assert not report.passed and "limits 0.001 and 0.1" in report.proof.why
    assert json.loads((tmp_path / "tiny" / "export.json").read_text())["proof"]["verdict"] == "failed"


def test_int8_is_fitted_measured_and_says_what_stays_in_floating_point(weights, data, tmp_path):
    pytest.importorskip("nncf")
    lines = []

    class Listening(Watcher):
        def report(self, line: str) -> None:
            lines.append(line)

    report = export_model(
        weights=weights,
        precision="int8",
        calibrate=data,
        check=data,
        max_drop=100,
        output=tmp_path,
        watcher=Listening(),
    )
    assert report.passed and len(report.in_float) == 2 and "int8: fitted to 12 images, as the model sees them" in lines
    model = open_model(tmp_path / "tiny")
    assert model.facts.precision == "int8" and Detector(model).runtime.precision == "int8"


def test_a_precision_without_labels_is_not_judged(weights, tmp_path):
    report = export_model(weights=weights, precision="float16", output=tmp_path)
    assert report.proof.passed is None and report.passed
    assert report.proof.agreement.score < 0.02


def test_a_graph_is_not_exported_again(weights, tmp_path):
    export_model(weights=weights, output=tmp_path)
    with pytest.raises(UserError, match=r"tiny\.onnx: an exported graph, .* give the weights that it was made of"):
        export_model(weights=tmp_path / "tiny", output=tmp_path)


def test_a_missing_extra_is_told_before_anything_is_written(weights, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"needs onnxruntime; install it with: pip install 'yolov3\[onnx\]'"):
        export_model(weights=weights, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_computed_in_another_type_is_not_judged(weights, data, tmp_path):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    report = export_model(weights=weights, to="openvino", precision="bfloat16", check=data, output=tmp_path)
    if report.runtime == "openvino bfloat16":
        assert report.proof.passed is not None and "AP50" in report.proof.why
    else:
        assert report.proof.passed is None and "this processor has no bfloat16" in report.proof.why
    assert report.facts.precision == "bfloat16"
