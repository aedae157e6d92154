"""ONNX files of ours: one file with everything in it, its description in the metadata, sealed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolov3.errors import UserError
from yolov3.files.atomic import write_atomically
from yolov3.graphs.facts import KEY, GraphFacts
from yolov3.graphs.seal import OPEN_SEAL, SEAL_KEY, seal
from yolov3.graphs.sealed_file import facts_among, read_file, require_seal
from yolov3.machine.extras import require_extra

if TYPE_CHECKING:
    import onnx

LARGEST = 2**31  # bytes; protobuf reads no more


def write_onnx(path: Path, model: onnx.ModelProto, facts: GraphFacts) -> None:
    """Write a graph and its description. Raises UserError."""
    library: Any = require_extra("onnx", "writing ONNX files")
    library.helper.set_model_props(model, {KEY: facts.as_text(), SEAL_KEY: OPEN_SEAL})
    model.producer_name, _, model.producer_version = facts.made_with.partition(",")[0].partition(" ")
    content = seal(model.SerializeToString())
    write_atomically(path, lambda stream: stream.write(content))


def read_onnx_facts(path: Path) -> GraphFacts:
    """The description of a graph in a file, which is whole and keeps everything in itself. Raises UserError."""
    return facts_of_onnx(path, read_sealed_onnx(path))


def read_sealed_onnx(path: Path) -> bytes:
    """The whole content of a file that is as it was sealed. Raises UserError."""
    content = read_file(path, most=LARGEST - 1, allowed=f"ONNX files have less than {LARGEST}")
    require_seal(path, content)
    return content


def facts_of_onnx(path: Path, content: bytes) -> GraphFacts:
    """The description in the content of the file ``path``. Raises UserError."""
    library: Any = require_extra("onnx", f"{path}: reading ONNX files")
    try:
        model = library.ModelProto.FromString(content)
    except Exception as error:  # protobuf's own errors have no common ancestor
        raise UserError(f"{path}: no ONNX file, or damaged") from error
    outside = next((each for each in _tensors(model) if each.external_data or each.data_location), None)
    if outside is not None:
        raise UserError(
            f"{path}: keeps the numbers of {outside.name!r} in another file, which is not read; exported files hold "
            f"everything themselves"
        )
    return facts_among(path, {each.key: each.value for each in model.metadata_props})


def _tensors(message: Any) -> Iterator[Any]:
    """All constants in a part of a file, however deep they lie: in branches, in functions, in sparse ones."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield from _tensors(each)
