"""Files of graphs are read whole or refused in a line that names them."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.graphs.facts import KEY
from yolov3.graphs.seal import OPEN_SEAL, SEAL_KEY, seal
from yolov3.graphs.sealed_file import facts_among, read_file, require_seal


def test_a_file_is_read_up_to_a_size(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"12345")
    assert read_file(path, most=5, allowed="no more") == b"12345"
    with pytest.raises(UserError) as caught:
        read_file(path, most=4, allowed="at most 4 are read")
    assert str(caught.value) == f"{path}: 5 bytes; at most 4 are read"


def test_what_cannot_be_read_is_named(tmp_path):
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "a folder, not a file")):
        with pytest.raises(UserError) as caught:
            read_file(path, most=10**9, allowed="no more")
        assert str(caught.value) == f"{path}: cannot be read: {why}"


def test_a_broken_seal_is_told_with_the_file(tmp_path):
    content = seal(f"{SEAL_KEY} {OPEN_SEAL} and more".encode())
    require_seal(tmp_path / "a", content)
    with pytest.raises(UserError) as caught:
        require_seal(tmp_path / "a", content + b"!")
    assert str(caught.value) == f"{tmp_path / 'a'}: damaged: its content does not match its own checksum"


def test_a_description_is_found_among_other_texts(tmp_path, micro, facts_of):
    facts = facts_of(micro)
    assert facts_among(tmp_path, {"other": "text", KEY: facts.as_text()}) == facts
    for texts, why in (({}, "not exported by this program"), ({KEY: "{}"}, "its description is of version None")):
        with pytest.raises(UserError, match=why) as caught:
            facts_among(tmp_path / "a.xml", texts)
        assert str(caught.value).startswith(f"{tmp_path / 'a.xml'}: ")
