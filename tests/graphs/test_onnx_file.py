"""ONNX files of ours: read back as they were written; damaged, foreign and cunning ones are refused in one line."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
import pytest

from yolov3.errors import UserError
from yolov3.graphs.facts import KEY, GraphFacts
from yolov3.graphs.onnx_file import facts_of_onnx, read_onnx_facts, read_sealed_onnx, write_onnx
from yolov3.graphs.seal import OPEN_SEAL, SEAL_KEY, seal

PASSWORDS = "../../etc/passwd"


def graph_with(nodes=(), initializers=()) -> onnx.ModelProto:
    """A graph that gives back what it is given, and has these nodes and constants besides."""
    make = onnx.helper.make_tensor_value_info
    ends = make("images", onnx.TensorProto.FLOAT, [1]), make("same", onnx.TensorProto.FLOAT, [1])
    through = onnx.helper.make_node("Identity", ["images"], ["same"])
    graph = onnx.helper.make_graph([through, *nodes], "graph", ends[:1], ends[1:], list(initializers))
    return onnx.helper.make_model(graph)


def kept_outside(name: str = "numbers") -> onnx.TensorProto:
    """A constant whose numbers are said to lie in a file of the system."""
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=PASSWORDS)
    return tensor


def described(model: onnx.ModelProto, text: str) -> bytes:
    """A model with a description and a seal, as somebody may make it who means to deceive."""
    onnx.helper.set_model_props(model, {KEY: text, SEAL_KEY: OPEN_SEAL})
    return seal(model.SerializeToString())


@pytest.fixture
def refused(tmp_path):
    """The message with which a content, or what lies there already, is refused; the file itself is called FILE in it."""

    def message(content: bytes | None) -> str:
        path = tmp_path / "a.onnx"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_onnx_facts(path)
        words = str(caught.value)
        assert words.startswith(f"{path}: ") and "\n" not in words
        return words.replace(str(path), "FILE")

    return message


def test_there_and_back(micro_graph, written_onnx):
    content, facts = micro_graph
    assert read_onnx_facts(written_onnx) == facts
    assert facts_of_onnx(written_onnx, read_sealed_onnx(written_onnx)) == facts
    model = onnx.load(written_onnx)
    onnx.checker.check_model(model)
    assert model.graph == onnx.ModelProto.FromString(content).graph
    assert (model.producer_name, model.producer_version) == ("yolov3", "0.0")


def test_strangers_find_the_description_too(written_onnx, micro_graph):
    texts = {each.key: each.value for each in onnx.load(written_onnx).metadata_props}
    assert GraphFacts.from_text(texts[KEY]) == micro_graph[1]


def test_a_file_has_everything_in_it(written_onnx):
    assert [path.name for path in written_onnx.parent.iterdir()] == [written_onnx.name]
    assert not any(each.external_data for each in onnx.load(written_onnx, load_external_data=False).graph.initializer)


def test_a_place_that_cannot_be_written_is_told(tmp_path, micro_graph):
    content, facts = micro_graph
    with pytest.raises(UserError, match=r"none/a\.onnx: cannot be written: No such file or directory$"):
        write_onnx(tmp_path / "none" / "a.onnx", onnx.ModelProto.FromString(content), facts)


def test_mutated_bytes_are_noticed(written_onnx, refused):
    content = written_onnx.read_bytes()
    numbers = random.Random(0)
    places = [*numbers.sample(range(len(content)), 250), *range(25), *range(len(content) - 25, len(content))]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= numbers.randrange(1, 256)
        assert refused(bytes(changed)).startswith(("FILE: damaged: its content", "FILE: not exported by this program"))


def test_cut_files_are_noticed(written_onnx, refused):
    content = written_onnx.read_bytes()
    for length in (0, 1, 100, *range(200, len(content), 997), *range(len(content) - 300, len(content))):
        assert refused(content[:length]).startswith(
            ("FILE: damaged: its content", "FILE: not exported by this program")
        )
    assert refused(content + b"\n").startswith("FILE: damaged: its content")


def test_a_file_of_another_program_is_told(refused):
    model = graph_with()
    message = "FILE: not exported by this program (it does not describe itself)"
    assert refused(model.SerializeToString()) == f"{message}, or cut off"
    onnx.helper.set_model_props(model, {"author": "somebody", SEAL_KEY: OPEN_SEAL})
    assert refused(seal(model.SerializeToString())) == message


@pytest.mark.parametrize("content", [b"", b"a text\n", b"<?xml version='1.0'?><net/>", b"PK\x03\x04" + bytes(90)])
def test_what_is_no_graph_is_told(refused, content):
    assert refused(content) == "FILE: not exported by this program (it does not describe itself), or cut off"


def test_a_sealed_text_is_no_graph_either(refused):
    assert refused(seal(f"\xff text {SEAL_KEY} {OPEN_SEAL}".encode())) == "FILE: no ONNX file, or damaged"


def test_a_folder_and_a_missing_file_are_told(refused, tmp_path):
    assert refused(None) == "FILE: cannot be read: No such file or directory"
    (tmp_path / "a.onnx").mkdir()
    assert refused(None) == "FILE: cannot be read: a folder, not a file"


def test_a_file_that_no_reader_takes_is_not_read(refused, tmp_path):
    with (tmp_path / "a.onnx").open("wb") as stream:
        stream.truncate(2**31)  # a hole; the disk holds nothing of it
    assert refused(None) == "FILE: 2147483648 bytes; ONNX files have less than 2147483648"


def test_a_description_of_another_version_is_told(refused, micro_graph):
    text = micro_graph[1].as_text()
    assert refused(described(graph_with(), text.replace('"version": 1,', '"version": 2,'))) == (
        "FILE: its description is of version 2; this program reads version 1"
    )
    assert refused(described(graph_with(), "no text")).startswith("FILE: its description is no JSON: ")


def in_an_attribute(tensor: onnx.TensorProto) -> onnx.ModelProto:
    return graph_with([onnx.helper.make_node("Constant", [], ["constant"], value=tensor)])


def in_a_branch(tensor: onnx.TensorProto) -> onnx.ModelProto:
    branch = in_an_attribute(tensor).graph
    plain = graph_with().graph
    return graph_with([onnx.helper.make_node("If", ["images"], ["chosen"], then_branch=plain, else_branch=branch)])


def in_a_function(tensor: onnx.TensorProto) -> onnx.ModelProto:
    model = graph_with()
    node = onnx.helper.make_node("Constant", [], ["out"], value=tensor)
    model.functions.append(
        onnx.helper.make_function("own", "Secret", [], ["out"], [node], [onnx.helper.make_opsetid("", 18)])
    )
    return model


def in_a_sparse_constant(tensor: onnx.TensorProto) -> onnx.ModelProto:
    model = graph_with()
    model.graph.sparse_initializer.add(values=tensor, dims=[4])
    return model


def in_a_sparse_attribute(tensor: onnx.TensorProto) -> onnx.ModelProto:
    sparse = onnx.SparseTensorProto(values=tensor, dims=[4])
    return graph_with([onnx.helper.make_node("Constant", [], ["constant"], sparse_value=sparse)])


@pytest.mark.parametrize(
    "hide",
    [
        lambda tensor: graph_with(initializers=[tensor]),
        in_an_attribute,
        in_a_branch,
        in_a_function,
        in_a_sparse_constant,
        in_a_sparse_attribute,
    ],
    ids=["initializer", "attribute", "branch", "function", "sparse constant", "sparse attribute"],
)
def test_numbers_in_another_file_are_never_read(refused, micro_graph, hide):
    """Though the file is described and sealed as ours are."""
    text = micro_graph[1].as_text()
    assert refused(described(hide(kept_outside()), text)) == (
        "FILE: keeps the numbers of 'numbers' in another file, which is not read; exported files hold everything themselves"
    )
    within = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "numbers")
    harmless = described(hide(within), text)
    assert facts_of_onnx(Path("b.onnx"), harmless) == micro_graph[1]
