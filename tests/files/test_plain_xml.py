"""XML is elements and nothing else, whatever the bytes that it is written in."""

from __future__ import annotations

import random

import pytest

from yolov3.files.plain_xml import DeclarationFault, XmlFault, parse_xml

DECLARED = '<?xml version="1.0" encoding="{}"?><!DOCTYPE a [<!ENTITY b "{}">]><a>&b;</a>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig", "latin-1"])
def test_elements_are_read_in_any_encoding(encoding):
    name = encoding.removesuffix("-sig")
    content = f'<?xml version="1.0" encoding="{name}"?><a><b>é</b></a>'.encode(encoding)
    assert parse_xml(content).findtext("b") == "é"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_declaration_is_refused_in_any_encoding(encoding):
    content = DECLARED.format(encoding.removesuffix("-sig"), "x" * 100).encode(encoding)
    with pytest.raises(XmlFault) as caught:
        parse_xml(content)
    if encoding != "utf-16-le" and encoding != "utf-16-be":  # which need a mark, else they are no XML at all
        assert isinstance(caught.value, DeclarationFault)


@pytest.mark.parametrize(
    "content",
    [b"", b"<a>", b"text", b"\xff\xfe<", b'<?xml version="1.0" encoding="none"?><a/>', b"<a>\0</a>", b"<a>&b;</a>"],
)
def test_what_is_no_xml_is_refused(content):
    with pytest.raises(XmlFault, match=r"\A[^\n]+\Z"):
        parse_xml(content)


def test_changed_files_are_read_or_refused():
    generator = random.Random(0)
    whole = b'<?xml version="1.0"?><annotation><object><name>a</name></object></annotation>'
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data))] = generator.choice([*b'<>&;!?/"', generator.randrange(256)])
        try:
            parse_xml(bytes(data))
        except XmlFault as error:
            assert "\n" not in str(error)
