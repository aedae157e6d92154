"""A model out of PyTorch: from its weights to a graph in a file, and the proof of what changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import torch

from yolov3.datasets.dataset import Dataset
from yolov3.errors import UserError
from yolov3.evaluation.measure import Evaluation
from yolov3.export.images import FittedImages, calibration_images, labelled_images
from yolov3.export.options import ExportChanges, ExportOptions
from yolov3.export.proof import POINTS, Proof, measured, prove
from yolov3.export.quantise import layers_in_float, quantise, quantise_within
from yolov3.files.atomic import file_sha256, write_text_atomically
from yolov3.files.run_folder import make_run_folder
from yolov3.formats.load import load_files
from yolov3.formats.model import LoadedModel
from yolov3.formats.model_files import base_name, find_model
from yolov3.graphs.facts import GraphFacts
from yolov3.graphs.onnx_file import write_onnx
from yolov3.graphs.onnx_graph import onnx_of
from yolov3.graphs.openvino_file import write_openvino
from yolov3.machine.extras import require_extra
from yolov3.runtimes.onnx_runtime import OnnxRuntime
from yolov3.runtimes.opening import facts_of_float32, facts_of_model
from yolov3.runtimes.openvino_runtime import OpenVinoRuntime
from yolov3.runtimes.runtime import Runtime
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

CPU = torch.device("cpu")
REPORT = "export.json"


@dataclass(frozen=True)
class ExportReport:
    """What was written and what it is worth: ``files``, the graph's first; the graph's ``facts``; the runtime that proved
    it; the ``proof``; and of int8 the convolutions that compute in floating point."""

    files: tuple[Path, ...]
    facts: GraphFacts
    runtime: str
    proof: Proof
    in_float: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return self.proof.passed is not False

    def as_plain(self) -> dict[str, Any]:
        """Plain values: the content of ``export.json``."""
        return {
            "files": [path.name for path in self.files],
            **json.loads(self.facts.as_text()),
            "runtime": self.runtime,
            "convolutions_in_floating_point": list(self.in_float),
            "proof": self.proof.as_plain(),
        }


def export_model(
    options: ExportOptions | None = None, *, watcher: Watcher | None = None, **changes: Unpack[ExportChanges]
) -> ExportReport:
    """Export a model: ``export_model(weights="best.pt", to="onnx")``. ``changes`` are fields of the options.

    The files are there whatever the proof says; ``passed`` tells it. Raises UserError for what the user can mend.
    """
    options = ExportOptions(**changes) if options is None else replace(options, **changes)
    watcher = watcher or Watcher()
    _require_libraries(options)
    files = find_model(options.weights, cfg=options.cfg, names=options.names)
    model = load_files(files)
    facts = _facts_of(model, files.weights, options)
    data = labelled_images(options, model)
    images = calibration_images(options, model, facts) if options.precision == "int8" else None
    watcher.report(f"{model.description} ({files.weights}) to {options.to}, {options.precision}")
    graph = _graph_of(model, facts, options)
    torch_runtime = TorchRuntime.of(model.detector(), CPU, torch.float32)
    before = None
    if data is not None:
        watcher.report(f"measuring PyTorch on {counted(len(data), 'image')}")
        before = measured(torch_runtime, facts, data, options, watcher)
    if images is not None:
        graph = _in_integers(graph, facts, images, data, before, options, watcher)
    folder = make_run_folder(Path(options.output), options.name or _name_of(files.weights))
    written = _write(folder / _name_of(files.weights), graph, facts, options)
    runtime = _open(written[0], facts, options)
    proof = prove(torch_runtime, runtime, facts, data, before, options, watcher)
    in_float = tuple(layers_in_float(graph)) if images is not None else ()
    report = ExportReport(written, facts, f"{runtime.name} {runtime.precision}", proof, in_float)
    write_text_atomically(folder / REPORT, json.dumps(report.as_plain(), indent=1) + "\n")
    return report


def _require_libraries(options: ExportOptions) -> None:
    """Before anything long begins. Raises UserError that names the extra."""
    needed = ["onnx", "onnxscript", {"onnx": "onnxruntime", "openvino": "openvino"}[options.to]]
    for module in (*needed, *(["nncf"] if options.precision == "int8" else [])):
        require_extra(module, f"yolov3 export --to {options.to}")


def _name_of(weights: Path) -> str:
    """What a model's files are called: of a run's best.pt the run's name."""
    if weights.parent.name == "weights" and weights.stem in ("best", "last") and weights.absolute().parents[1].name:
        return weights.absolute().parents[1].name
    return base_name(weights)


def _facts_of(model: LoadedModel, weights: Path, options: ExportOptions) -> GraphFacts:
    try:
        preprocessing = model.meaning.preprocessing.changed(options.image_size, options.fit)
    except ValueError as error:
        raise UserError(str(error)) from error
    facts = facts_of_model(model, preprocessing)
    return replace(
        facts,
        outputs=options.outputs,
        input="float32" if options.outputs == "darknet" else facts.input,
        precision=options.precision,
        dynamic=options.dynamic,
        suppressed=options.suppressed,
        source=weights.name,
        source_sha256=file_sha256(weights),
        made_with=f"{facts.made_with}, torch {torch.__version__}",
    )


def _graph_of(model: LoadedModel, facts: GraphFacts, options: ExportOptions) -> Any:
    """In floating point: an ``onnx.ModelProto`` or an ``openvino.Model``."""
    whole = facts.precision == "float16" and options.to == "onnx"
    proto = onnx_of(model.detector(), facts if whole else facts_of_float32(facts))
    if options.to == "onnx":
        return proto
    openvino: Any = require_extra("openvino", "writing OpenVINO's files")
    return openvino.Core().read_model(proto.SerializeToString())


def _write(path: Path, graph: Any, facts: GraphFacts, options: ExportOptions) -> tuple[Path, ...]:
    if options.to == "openvino":
        return write_openvino(path.with_name(f"{path.name}.xml"), graph, facts)
    target = path.with_name(f"{path.name}.onnx")
    write_onnx(target, graph, facts)
    return (target,)


def _open(path: Path, facts: GraphFacts, options: ExportOptions) -> Runtime:
    return (OnnxRuntime if options.to == "onnx" else OpenVinoRuntime).open(path, facts, CPU)


def _in_integers(
    graph: Any,
    facts: GraphFacts,
    images: FittedImages,
    data: Dataset | None,
    before: Evaluation | None,
    options: ExportOptions,
    watcher: Watcher,
) -> Any:
    """The graph in int8; with labelled images, as much of it as the limit allows beside PyTorch ``before``."""
    watcher.report(f"int8: fitted to {len(images)} images, as the model sees them")
    small = quantise(graph, facts, images)
    if data is None or before is None:
        return small
    drop = POINTS * (before.coco.ap50 or 0.0) - _points(small, facts, data, options, watcher)
    if drop <= options.max_drop:
        return small
    watcher.report(f"int8: AP50 would lose {drop:.2f} points; layers go back to floating point until it holds")

    def measure(compiled: Any, numbers: list[int]) -> float:
        some = replace(data, samples=tuple(data.samples[number] for number in numbers))
        return _points(compiled, facts, some, options, Watcher())  # a layer at a time: too much to tell

    return quantise_within(graph, facts, images, measured=len(data), measure=measure, max_drop=options.max_drop)


def _points(graph: Any, facts: GraphFacts, data: Dataset, options: ExportOptions, watcher: Watcher) -> float:
    """AP50 in points of a graph that is not in a file."""
    if options.to == "onnx":
        runtime: Runtime = OnnxRuntime.open(graph.SerializeToString(), facts, CPU)
    elif hasattr(graph, "create_infer_request"):
        runtime = OpenVinoRuntime.of_compiled(graph, facts)
    else:
        runtime = OpenVinoRuntime.open(graph, facts, CPU)
    return POINTS * (measured(runtime, facts, data, options, watcher).coco.ap50 or 0.0)
