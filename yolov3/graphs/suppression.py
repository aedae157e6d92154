"""Non-maximum suppression as a part of an ONNX graph: the same rules as yolov3/selecting, in ONNX's operators.

Legend: B images, N places, C classes, K survivors, M the most detections of an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yolov3.graphs.facts import InnerSuppression
from yolov3.machine.extras import require_extra

if TYPE_CHECKING:
    import onnx

PREFIX = "suppression"


def append_suppression(model: onnx.ModelProto, rules: InnerSuppression) -> None:
    """Change a graph that ends in boxes (B, N, 4), objectness (B, N), classes (B, N, C) into one that ends in boxes
    (B, M, 4), scores (B, M), labels (B, M) int64, best first, and count (B,) int64: how many of the M are detections; the
    others' scores are 0.

    A place has the one label that it is surest of. A box is suppressed by a better one of its class, or of any.
    """
    build = _Builder(model)
    batch = _batch_of(model)
    scores = build("Mul", build("Unsqueeze", "objectness", build.numbers([2])), "classes")
    best = build("ReduceMax", scores, build.numbers([2]), keepdims=0)
    labels = build("ArgMax", scores, axis=2, keepdims=0)
    by_class = _scores_by_class(build, best, labels, model, agnostic=rules.class_agnostic)
    survivors = build(
        "NonMaxSuppression",
        "boxes",
        by_class,
        build.numbers([rules.max_detections]),
        build.floats([rules.nms_threshold]),
        build.floats([rules.confidence]),
    )
    places = build("Gather", survivors, build.numbers([0, 2]), axis=1)  # (K, 2): image, place
    ones = build("ConstantOfShape", build("Shape", places, end=1), value=build.tensor(np.ones(1, np.float32)))
    nothing = build("ConstantOfShape", build("Shape", best), value=build.tensor(np.zeros(1, np.float32)))
    kept = build("Mul", best, build("ScatterND", nothing, places, ones))
    num_places = build("Shape", best, start=1, end=2)
    most = build("Min", num_places, build.numbers([rules.max_detections]))
    top, order = build.several("TopK", 2, kept, most, axis=1, largest=1, sorted=1)
    build("Identity", top, name="scores")
    build("GatherElements", labels, order, axis=1, name="labels")
    rows = build("Unsqueeze", order, build.numbers([2]))
    chosen = build("GatherND", "boxes", rows, batch_dims=1)
    found = build("Cast", build("Greater", top, build.floats([0.0])), to=build.kind("INT64"))
    build("ReduceSum", found, build.numbers([1]), keepdims=0, name="count")
    build.rename("boxes", "all_boxes")
    build("Identity", chosen, name="boxes")
    build.finish(batch)


def _scores_by_class(build: _Builder, best: str, labels: str, model: onnx.ModelProto, *, agnostic: bool) -> str:
    """(B, C, N): of each place the best score in the row of its class and zero elsewhere; (B, 1, N) where classes do not
    matter."""
    row = build("Unsqueeze", best, build.numbers([1]))
    if agnostic:
        return row
    classes = next(each for each in model.graph.output if each.name == "classes")
    count = classes.type.tensor_type.shape.dim[2].dim_value
    own = build("OneHot", labels, build.numbers([count]), build.floats([0.0, 1.0]), axis=1)
    return build("Mul", own, row)


def _batch_of(model: onnx.ModelProto) -> int | str:
    first = model.graph.input[0].type.tensor_type.shape.dim[0]
    return first.dim_param or first.dim_value


class _Builder:
    """Adds nodes to a graph: called with an operator and the names of its inputs it gives the name of the output."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.onnx: Any = require_extra("onnx", "writing ONNX graphs")
        self.model, self.graph = model, model.graph
        self._count = 0

    def __call__(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        output = name or self._next()
        node = self.onnx.helper.make_node(operator, list(inputs), [output], f"{PREFIX}_{output}", **attributes)
        self.graph.node.append(node)
        return output

    def several(self, operator: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """The names of several outputs of a node."""
        names = [self._next() for _ in range(outputs)]
        node = self.onnx.helper.make_node(operator, list(inputs), names, f"{PREFIX}_{names[0]}", **attributes)
        self.graph.node.append(node)
        return names

    def numbers(self, values: list[int]) -> str:
        """A constant vector of int64."""
        return self._constant(np.array(values, np.int64))

    def floats(self, values: list[float]) -> str:
        """A constant vector of float32."""
        return self._constant(np.array(values, np.float32))

    def tensor(self, values: np.ndarray) -> Any:
        """Values as an attribute."""
        return self.onnx.numpy_helper.from_array(values)

    def kind(self, name: str) -> int:
        """ONNX's number of a type."""
        return int(getattr(self.onnx.TensorProto, name))

    def rename(self, old: str, new: str) -> None:
        """Give a value another name wherever it is made or read."""
        for node in self.graph.node:
            for names in (node.input, node.output):
                for index, each in enumerate(names):
                    if each == old:
                        names[index] = new

    def finish(self, batch: int | str) -> None:
        """Make the new values the graph's outputs."""
        make, float32, int64 = self.onnx.helper.make_tensor_value_info, self.kind("FLOAT"), self.kind("INT64")
        outputs = [
            make("boxes", float32, [batch, "detections", 4]),
            make("scores", float32, [batch, "detections"]),
            make("labels", int64, [batch, "detections"]),
            make("count", int64, [batch]),
        ]
        del self.graph.output[:]
        self.graph.output.extend(outputs)

    def _constant(self, values: np.ndarray) -> str:
        name = self._next()
        self.graph.initializer.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def _next(self) -> str:
        self._count += 1
        return f"{PREFIX}_{self._count}"
