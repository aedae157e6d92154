"""What a benchmark of detection measures, of which programs."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.inference.benchmark import STAGES, DetectionBenchmarkOptions, benchmark_detection
from yolov3.machine.extras import has_extra

pytestmark = pytest.mark.usefixtures("own_cache")


def test_every_program_that_is_here_takes_its_turn(weights, images):
    image = min(images.iterdir())
    found = benchmark_detection(DetectionBenchmarkOptions([weights], image=image, rounds=2))
    names = [row.runtime.partition(" ")[0] for row in found.rows if row.precision == "float32"]
    expected = ["torch", *(["onnxruntime"] if has_extra("onnxruntime") else [])]
    expected += [*(["openvino"] if has_extra("openvino") else []), *(["opencv"] if has_extra("onnxscript") else [])]
    assert names == expected and str(image) in found.image
    for row in found.rows:
        assert set(row.stages) == set(STAGES) and row.stages["network"] > 0
        assert row.alone >= row.stages["network"] * 0.5 and row.images_per_second == pytest.approx(1000 / row.alone)
        assert row.share is None or 0 < row.share <= 1
    assert found.rates["float32"] > 1e8 and found.operations > 0
    plain = found.as_plain()
    assert plain["rows"][0]["runtime"] == "torch" and plain["rows"][0]["images_per_second"] > 0


def test_an_exported_graph_is_measured_as_it_is(weights, tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    from yolov3.export.export import export_model

    (graph,) = export_model(weights=weights, output=tmp_path).files
    found = benchmark_detection(DetectionBenchmarkOptions([graph], rounds=1))
    assert [(row.model, row.runtime, row.share) for row in found.rows] == [("tiny.onnx", "onnxruntime", None)]
    assert found.operations is None and found.image.startswith("a drawn JPEG of 768x576")


def test_mistakes_are_told(weights, tmp_path):
    with pytest.raises(UserError, match="--rounds must be at least 1, found 0"):
        DetectionBenchmarkOptions([weights], rounds=0)
    with pytest.raises(UserError, match="no model to measure"):
        DetectionBenchmarkOptions([])
    with pytest.raises(UserError, match=r"none\.jpg: cannot be read"):
        benchmark_detection(DetectionBenchmarkOptions([weights], image=tmp_path / "none.jpg"))
