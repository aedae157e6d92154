"""OpenVINO's files of ours: read back as they were written; what is damaged, foreign or of two exports is refused."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.graphs.facts import KEY
from yolov3.graphs.openvino_file import NUMBERS_KEY, read_openvino_facts, write_openvino
from yolov3.graphs.seal import OPEN_SEAL, SEAL_KEY, seal
from yolov3.machine.extras import require_extra

openvino = require_extra("openvino", "these tests")

FOREIGN = "FILE: not exported by this program (it does not describe itself)"


@pytest.fixture
def refused(written_openvino):
    """The message with which a content of the ``.xml`` is refused; the file is called FILE in it and its .bin NUMBERS."""

    def message(content: bytes | None = None) -> str:
        path = written_openvino
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_openvino_facts(path)
        words = str(caught.value)
        assert "\n" not in words
        return words.replace(str(path), "FILE").replace(str(path.with_suffix(".bin")), "NUMBERS")

    return message


def test_there_and_back(micro_graph, written_openvino):
    facts = micro_graph[1]
    assert read_openvino_facts(written_openvino) == facts
    assert sorted(path.name for path in written_openvino.parent.iterdir()) == ["micro.bin", "micro.xml"]
    model = openvino.Core().read_model(written_openvino)
    assert model.get_rt_info([KEY]).value == facts.as_text()  # strangers find it too


def test_what_was_written_is_told_and_written_anew_when_it_is_there(micro_graph, tmp_path):
    content, facts = micro_graph
    for words in ("first", "second"):
        model = openvino.Core().read_model(content)
        written = write_openvino(tmp_path / "a.xml", model, replace(facts, description=words))
        assert written == (tmp_path / "a.xml", tmp_path / "a.bin")
        assert read_openvino_facts(tmp_path / "a.xml").description == words


def test_a_description_may_hold_any_sign(micro_graph, tmp_path):
    content, facts = micro_graph
    words = f"<&>\"' ü 猫 {SEAL_KEY} {OPEN_SEAL} {NUMBERS_KEY} \\ </net>"
    facts = replace(facts, description=words, source=words)
    write_openvino(tmp_path / "a.xml", openvino.Core().read_model(content), facts)
    assert read_openvino_facts(tmp_path / "a.xml") == facts
    openvino.Core().read_model(tmp_path / "a.xml")


def test_a_graph_that_was_sealed_as_onnx_is_sealed_anew(micro_graph, written_onnx, tmp_path):
    """The metadata of the ONNX file go along and stand in the ``.xml`` too."""
    facts = replace(micro_graph[1], description="another")
    write_openvino(tmp_path / "a.xml", openvino.Core().read_model(written_onnx), facts)
    assert (tmp_path / "a.xml").read_text().count(f"<{SEAL_KEY} ") == 2
    assert read_openvino_facts(tmp_path / "a.xml") == facts


def test_half_the_precision_takes_half_the_bytes(micro_graph, tmp_path):
    content, facts = micro_graph
    sizes = []
    for precision in ("float32", "float16"):
        model = openvino.Core().read_model(content)
        _, numbers = write_openvino(tmp_path / f"{precision}.xml", model, replace(facts, precision=precision))
        sizes.append(numbers.stat().st_size)
    assert 0.4 < sizes[1] / sizes[0] < 0.65


def test_mutated_bytes_of_the_graph_are_noticed(written_openvino, refused):
    content = written_openvino.read_bytes()
    numbers = random.Random(0)
    for place in [*numbers.sample(range(len(content)), 250), *range(25), *range(len(content) - 25, len(content))]:
        changed = bytearray(content)
        changed[place] ^= numbers.randrange(1, 256)
        assert refused(bytes(changed)).startswith(("FILE: damaged: its content", FOREIGN))


def test_cut_graphs_are_noticed(written_openvino, refused):
    content = written_openvino.read_bytes()
    for length in (0, 1, 100, *range(200, len(content), 997), *range(len(content) - 300, len(content))):
        assert refused(content[:length]).startswith(("FILE: damaged: its content", FOREIGN))
    assert refused(content + b"\n").startswith("FILE: damaged: its content")


def test_damaged_numbers_are_noticed(written_openvino, refused):
    path = written_openvino.with_suffix(".bin")
    content = path.read_bytes()
    message = "NUMBERS: damaged, or of another export than micro.xml: its checksum is not the one noted there"
    random_places = random.Random(0).sample(range(len(content)), 50)
    mutated = (content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] for place in random_places)
    for changed in (*mutated, b"", content[:-1], content + b"\0"):
        path.write_bytes(changed)
        assert refused() == message


def test_the_numbers_of_another_export_are_noticed(micro_graph, written_openvino, refused):
    content, facts = micro_graph
    other = openvino.Core().read_model(content)
    constant = next(each for each in other.get_ops() if each.get_type_name() == "Constant" and each.data.size > 100)
    changed = openvino.opset13.constant(np.array(constant.data) + 1)
    constant.output(0).replace(changed.output(0))
    _, numbers = write_openvino(written_openvino.with_name("other.xml"), other, facts)
    numbers.replace(written_openvino.with_suffix(".bin"))
    assert refused().startswith("NUMBERS: damaged, or of another export than micro.xml")


def test_missing_numbers_are_told(written_openvino, refused):
    written_openvino.with_suffix(".bin").unlink()
    assert refused() == "FILE: its numbers are missing: micro.bin must lie beside it"
    written_openvino.with_suffix(".bin").mkdir()
    assert refused() == "FILE: its numbers are missing: micro.bin must lie beside it"


def test_entities_are_not_read(written_openvino, refused):
    content = written_openvino.read_bytes()
    message = "FILE: an XML file with a document type or entities, which is not read"
    for added in (b"<!DOCTYPE net>\n", b'<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n'):
        assert refused(content.replace(b"<net ", added + b"<net ", 1)) == message
    wide = content.decode().replace("<net ", '<!DOCTYPE net [<!ENTITY a "b">]>\n<net ', 1).encode("utf-16")
    assert refused(wide) == f"{FOREIGN}, or cut off"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"{FOREIGN}, or cut off"),
        (b"a text\n", f"{FOREIGN}, or cut off"),
        (b"<annotation><object><name>cat</name></object></annotation>", f"{FOREIGN}, or cut off"),
        (seal(f"{SEAL_KEY} {OPEN_SEAL}".encode()), "FILE: no XML: syntax error"),
        (seal(f'<net><{SEAL_KEY} value="{OPEN_SEAL}"/></net>'.encode()), FOREIGN),
        (seal(f'<net><rt_info><{SEAL_KEY} value="{OPEN_SEAL}"/></rt_info></net>'.encode()), FOREIGN),
        (seal(f'<net a="&b;"><{SEAL_KEY} value="{OPEN_SEAL}"/></net>'.encode()), "FILE: no XML: undefined entity"),
    ],
)
def test_what_is_no_graph_of_ours_is_told(refused, content, message):
    assert refused(content).startswith(message)


def test_a_folder_and_a_missing_file_are_told(refused, written_openvino):
    written_openvino.unlink()
    assert refused() == "FILE: cannot be read: No such file or directory"
    written_openvino.mkdir()
    assert refused() == "FILE: cannot be read: a folder, not a file"


def test_a_file_that_is_too_large_is_not_read(refused, written_openvino):
    with written_openvino.open("wb") as stream:
        stream.truncate(2**26 + 1)  # a hole; the disk holds nothing of it
    assert refused() == "FILE: 67108865 bytes; at most 67108864 are read"


def test_a_description_of_another_version_is_told(refused, micro_graph, written_openvino):
    words = written_openvino.read_text()
    start = words.rindex(f"<{SEAL_KEY} ")
    place = words.index('"', start) + 1
    words = words[:place] + OPEN_SEAL + words[place + 64 :]
    other = words.replace("&quot;version&quot;: 1,", "&quot;version&quot;: 2,")
    assert other != words
    assert refused(seal(other.encode())) == "FILE: its description is of version 2; this program reads version 1"


def test_a_folder_that_is_not_there_is_told(micro_graph, tmp_path):
    content, facts = micro_graph
    with pytest.raises(UserError, match=r"none/a\.xml: cannot be written: No such file or directory$"):
        write_openvino(tmp_path / "none" / "a.xml", openvino.Core().read_model(content), facts)
