"""Which program computes a model: that of its file, or the one that is asked for; what cannot be is told with a way out."""

from __future__ import annotations

import json
import logging
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import yolov3
from yolov3.errors import UserError
from yolov3.formats.load import FACTS, load_model, open_model
from yolov3.formats.model import ExportedModel, LoadedModel
from yolov3.formats.model_files import EXPORTED_SUFFIXES
from yolov3.geometry import Geometry
from yolov3.graphs.facts import FactsError, GraphFacts, InnerSuppression
from yolov3.images.files import read_image
from yolov3.runtimes import opening
from yolov3.runtimes.onnx_runtime import OnnxRuntime
from yolov3.runtimes.opening import (
    LIBRARIES,
    OPENERS,
    PRECISIONS,
    RuntimeChoice,
    check_rules,
    facts_of_float32,
    input_kind_of,
    open_runtime,
)
from yolov3.runtimes.openvino_runtime import OpenVinoRuntime
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import Selection, postprocess
from yolov3.structures import ModelMeaning, Preprocessing

PREPROCESSING = Preprocessing((96, 64))
KINDS = {"a.onnx": OnnxRuntime, "a.xml": OpenVinoRuntime}


@pytest.fixture
def model(micro) -> LoadedModel:
    """The tiny network as a file gives it."""
    return LoadedModel(micro, ModelMeaning(("cat", "dog"), PREPROCESSING), source="a.pt", description="tiny")


# ---- weights ----


def test_weights_are_computed_by_pytorch_unless_something_else_is_said(model, cache, images, by_torch, assert_the_same):
    for choice in (RuntimeChoice(device="cpu"), RuntimeChoice("cpu", "float32", "torch")):
        runtime = open_runtime(model, PREPROCESSING, choice)
        assert isinstance(runtime, TorchRuntime) and runtime.precision == "float32"
        assert_the_same(runtime(images), by_torch(images))
    assert open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", "bfloat16")).precision == "bfloat16"
    assert not cache.exists()


def test_weights_may_be_computed_by_any_of_them(model, cache, images, by_torch, assert_the_same, caplog):
    """One graph, made once, does for onnxruntime, for OpenVINO, and for the choice between them."""
    caplog.set_level(logging.INFO)
    for name in ("onnxruntime", "openvino", "auto"):
        runtime = open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", runtime=name))
        assert runtime.name == name or name == "auto"
        assert (runtime.device, runtime.precision, runtime.num_classes) == ("cpu", "float32", 2)
        assert_the_same(runtime(images), by_torch(images))
        if name != "auto":
            with pytest.raises(UserError, match=r"--imgsz 64 64"):
                runtime(images[:, :, :64])
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".onnx"]
    (told,) = [record.message for record in caplog.records if record.message.startswith("runtime: ")]
    assert all(name in told for name in LIBRARIES)


def test_weights_for_images_of_many_sizes(model, images, by_torch, assert_the_same, exported, monkeypatch):
    content, facts = exported(dynamic=True)
    wanted: list[GraphFacts] = []
    monkeypatch.setattr(opening, "cached_onnx", lambda network, facts: wanted.append(facts) or content)
    runtime = open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", runtime="onnxruntime", any_size=True))
    for given in (images, images[..., :32, :32].contiguous(), images.transpose(2, 3).contiguous()):
        assert_the_same(runtime(given), by_torch(given))
    made_with = f"yolov3 {yolov3.__version__}"
    assert wanted == [replace(facts, description="tiny, 96x64 letterbox", made_with=made_with)]


def test_weights_whose_images_come_in_fractions(model, images, by_torch, assert_the_same):
    """Darknet's way of resizing gives fractions of a pixel's value, which a graph of bytes would round."""
    preprocessing = Preprocessing((96, 64), resize="darknet")
    assert input_kind_of(preprocessing) == "float32" and input_kind_of(PREPROCESSING) == "uint8"
    runtime = open_runtime(model, preprocessing, RuntimeChoice("cpu", runtime="onnxruntime"))
    fractions = (images.float() + 0.4) / 256
    assert_the_same(runtime(fractions), by_torch(fractions))


def test_a_smaller_type_is_computed_by_those_that_have_it(model, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(opening, "cached_onnx", lambda network, facts: opened.append(facts.precision) or b"")
    with pytest.raises(UserError, match=r"^onnxruntime computes weights in float32 here, not in bfloat16$"):
        open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", "bfloat16", "onnxruntime"))
    assert opened == []
    for runtime in PRECISIONS:
        with pytest.raises(UserError, match=r"precision float16 needs a GPU"):
            open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", "float16", runtime))
        with pytest.raises(
            UserError, match=r"int8 needs images to calibrate with; yolov3 export WEIGHTS --precision int8"
        ):
            open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", "int8", runtime))


def test_openvino_computes_in_a_smaller_type_from_the_same_graph(model, exported, monkeypatch, images):
    wanted: list[str] = []
    content, facts = exported()
    monkeypatch.setattr(opening, "cached_onnx", lambda network, facts: wanted.append(facts.precision) or content)
    runtime = open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", "bfloat16", "openvino"))
    assert wanted == ["float32"] and runtime.precision in ("bfloat16", "float32")  # as the processor can
    assert facts_of_float32(replace(facts, precision="bfloat16")) == facts


def test_only_what_is_installed_is_chosen_among(model, monkeypatch, exported, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(opening, "cached_onnx", lambda network, facts: exported()[0])
    monkeypatch.setattr(opening, "has_extra", lambda module: module in ("torch", "openvino"))
    open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", runtime="auto"))
    assert "onnxruntime" not in caplog.text and "openvino" in caplog.text
    monkeypatch.setattr(opening, "has_extra", lambda module: module == "torch")
    caplog.clear()
    assert open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", runtime="auto")).name == "torch"
    assert caplog.text == ""


@pytest.mark.parametrize(("runtime", "extra"), [("onnxruntime", "onnx"), ("openvino", "openvino")])
def test_a_library_that_is_missing_is_told_before_a_graph_is_made(model, monkeypatch, cache, runtime, extra):
    monkeypatch.setitem(sys.modules, runtime, None)
    with pytest.raises(UserError, match=rf"^--runtime {runtime} needs {runtime}; install .* 'yolov3\[{extra}\]'$"):
        open_runtime(model, PREPROCESSING, RuntimeChoice("cpu", runtime=runtime))
    assert not cache.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told(model, written):
    for each in (model, open_model(written("a.onnx"))):
        with pytest.raises(UserError, match=r"^device 'cuda' was asked for, but torch sees 0 CUDA devices here$"):
            open_runtime(each, PREPROCESSING, RuntimeChoice("cuda"))


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_real_model_finds_the_same_in_real_images(shared, name):
    model = load_model(shared / "darknet" / "yolo-fastest-1.1.weights")
    preprocessing = model.meaning.preprocessing
    runtimes = [open_runtime(model, preprocessing, RuntimeChoice("cpu", runtime=each)) for each in ("torch", name)]
    paths = sorted((shared / "images").glob("*.jpg"))
    assert paths
    for path in paths:
        image = read_image(path)
        geometry = Geometry.fit(image.shape[:2], preprocessing)
        fitted = torch.from_numpy(geometry.apply_image(image)[None]).permute(0, 3, 1, 2)
        (own,), (found,) = (postprocess(runtime(fitted), [geometry], Selection()) for runtime in runtimes)
        assert torch.equal(own.labels, found.labels) and len(own)
        torch.testing.assert_close(found.boxes, own.boxes, rtol=0, atol=0.05)
        torch.testing.assert_close(found.scores, own.scores, rtol=0, atol=1e-4)


# ---- exported graphs ----


def test_every_ending_of_a_graph_has_a_reader_and_a_runtime():
    assert set(OPENERS) == set(FACTS) == set(EXPORTED_SUFFIXES)
    assert set(LIBRARIES) == set(PRECISIONS)


@pytest.mark.parametrize("name", KINDS)
def test_a_graph_is_computed_by_the_program_of_its_file(written, images, by_torch, assert_the_same, cache, name):
    model = open_model(written(name))
    own = "onnxruntime" if name == "a.onnx" else "openvino"
    for choice in (RuntimeChoice(), RuntimeChoice("cpu", "float32", own), RuntimeChoice("cpu", "auto", "auto")):
        runtime = open_runtime(model, PREPROCESSING, choice)
        assert isinstance(runtime, KINDS[name]) and runtime.precision == "float32"
        assert_the_same(runtime(images), by_torch(images))
    assert not cache.exists()


@pytest.mark.parametrize("name", KINDS)
def test_an_ending_may_be_in_capitals(written, name):
    path = written(name)
    if path.suffix == ".xml":
        path.with_suffix(".bin").rename(path.with_name("b.bin"))
    capitals = path.rename(path.with_name(f"b{path.suffix.upper()}"))
    assert isinstance(open_runtime(open_model(capitals), PREPROCESSING, RuntimeChoice("cpu")), KINDS[name])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("precision", ["bfloat16", "float16", "int8"])
def test_a_graph_is_computed_in_its_own_precision(written, name, precision):
    path = written(name)
    with pytest.raises(UserError) as caught:
        open_runtime(open_model(path), PREPROCESSING, RuntimeChoice("cpu", precision))
    assert str(caught.value) == (
        f"{path}: was exported in float32 and computes in that; for {precision} export it again with --precision {precision}"
    )


@pytest.mark.parametrize(
    ("name", "runtime", "own"),
    [
        ("a.onnx", "torch", "onnxruntime"),
        ("a.onnx", "openvino", "onnxruntime"),
        ("a.xml", "onnxruntime", "openvino"),
        ("a.xml", "torch", "openvino"),
    ],
)
def test_a_graph_is_computed_by_no_other_program(written, name, runtime, own):
    path = written(name)
    with pytest.raises(UserError) as caught:
        open_runtime(open_model(path), PREPROCESSING, RuntimeChoice("cpu", runtime=runtime))
    assert str(caught.value) == f"{path}: is computed by {own}; --runtime {runtime} is for weights"


@pytest.mark.parametrize("name", KINDS)
def test_a_graph_of_one_size_takes_no_other(written, name):
    path = written(name)
    with pytest.raises(UserError) as caught:
        open_runtime(open_model(path), PREPROCESSING, RuntimeChoice("cpu", any_size=True))
    assert (
        str(caught.value) == f"{path}: was exported for one size of images; for --rect export it again with --dynamic"
    )
    with pytest.raises(
        UserError, match=r"not 64x64; export it again with --imgsz 64 64, or with --dynamic for any size"
    ):
        open_runtime(open_model(path), Preprocessing((64, 64)), RuntimeChoice("cpu"))


@pytest.mark.parametrize("name", KINDS)
def test_a_graph_of_any_size_takes_all_of_them(written, images, by_torch, assert_the_same, name):
    model = open_model(written(name, dynamic=True))
    runtime = open_runtime(model, Preprocessing((64, 64)), RuntimeChoice("cpu", any_size=True))
    assert_the_same(runtime(images), by_torch(images))
    assert_the_same(runtime(images[:, :, :64]), by_torch(images[:, :, :64]))


def test_a_graph_that_changed_since_it_was_read_is_a_mistake_in_a_line(written):
    for name in KINDS:
        model = open_model(written(name))
        Path(model.source).write_bytes(b"something else")
        with pytest.raises(UserError, match=rf"{name}: (onnxruntime|OpenVINO) cannot use it: "):
            open_runtime(model, PREPROCESSING, RuntimeChoice("cpu"))


# ---- graphs that suppress boxes themselves ----


def test_rules_below_those_of_a_graph_cannot_be_kept(facts_of, model):
    rules = InnerSuppression(0.25, 0.45, False, 300)
    exported = ExportedModel.of(Path("a.onnx"), facts_of(suppressed=rules))
    for confidence in (0.25, 0.5, 1.0):
        check_rules(exported, Selection(confidence=confidence))
    with pytest.raises(UserError) as caught:
        check_rules(exported, Selection(confidence=0.1))
    assert str(caught.value) == (
        "a.onnx: suppresses boxes itself and has dropped all below a score of 0.25, but 0.1 was asked for; give --conf 0.25, "
        "or export it again without --nms"
    )
    check_rules(ExportedModel.of(Path("a.onnx"), facts_of()), Selection(confidence=0.0))
    check_rules(model, Selection(confidence=0.0))


# ---- damaged files, as a whole ----


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".onnx", ".xml", ".bin"])
def test_a_mutated_file_is_a_mistake_in_a_line(written, ending):
    path = written("a.onnx" if ending == ".onnx" else "a.xml")
    target = path.with_suffix(ending)
    content = target.read_bytes()
    numbers = random.Random(ending)
    refused = 0
    for _ in range(2000):
        changed = mutated(content, numbers)
        target.write_bytes(changed)
        try:
            open_runtime(open_model(path), PREPROCESSING, RuntimeChoice("cpu"))
        except UserError as error:
            assert "\n" not in str(error) and str(error).startswith((str(path), str(target)))
            refused += 1
        assert refused or changed == content
    assert refused == 2000
    target.write_bytes(content)
    open_runtime(open_model(path), PREPROCESSING, RuntimeChoice("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_mutated_graph_that_is_sealed_all_the_same_is_too_or_is_run(written, name):
    """Somebody may seal anew what he has changed; of the description alone, which is ours to read."""
    path = written(name)
    facts = open_model(path).facts
    text = facts.as_text()
    numbers = random.Random(name)
    for _ in range(2000):
        changed = mutated(text.encode(), numbers).decode("latin-1")
        try:
            model = ExportedModel.of(path, GraphFacts.from_text(changed))
            runtime = open_runtime(model, model.meaning.preprocessing, RuntimeChoice("cpu"))
        except (FactsError, UserError) as error:
            assert "\n" not in str(error)
        else:
            assert runtime.num_classes >= 1 and json.loads(changed)["version"] == 1


def mutated(content: bytes, numbers: random.Random) -> bytes:
    """A content that differs: bytes flipped, cut out, doubled, or the end cut off."""
    changed = bytearray(content)
    kind = numbers.randrange(5)
    place, length = numbers.randrange(len(content)), numbers.randrange(1, 40)
    if kind == 0:
        del changed[place:]
    elif kind == 1:
        del changed[place : place + length]
    elif kind == 2:
        changed[place:place] = changed[place : place + length]
    else:
        for _ in range(1 if kind == 3 else length):
            changed[numbers.randrange(len(content))] ^= numbers.randrange(1, 256)
    return bytes(changed) if bytes(changed) != content else content[:-1]
