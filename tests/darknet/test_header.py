"""The first bytes of a .weights file: both lengths, there and back, and bytes that no program wrote."""

from __future__ import annotations

import random
import struct

import pytest

from yolov3.darknet.header import LONGEST, DarknetHeader
from yolov3.errors import UserError


@pytest.mark.parametrize(
    ("header", "content"),
    [
        (DarknetHeader(0, 1, 0, 77), struct.pack("<iiiI", 0, 1, 0, 77)),
        (DarknetHeader(0, 2, 0, 77), struct.pack("<iiiQ", 0, 2, 0, 77)),
        (DarknetHeader(0, 2, 5, 2**40), struct.pack("<iiiQ", 0, 2, 5, 2**40)),
        (DarknetHeader(1, 0, 0, 1), struct.pack("<iiiQ", 1, 0, 0, 1)),
        (DarknetHeader(), struct.pack("<iiiQ", 0, 2, 5, 0)),
    ],
)
def test_a_header_there_and_back(header, content):
    assert header.pack() == content
    assert header.size == len(content)
    assert DarknetHeader.unpack(content) == header
    assert DarknetHeader.unpack(content + b"\1" * LONGEST) == header


@pytest.mark.parametrize(("revision", "alexey"), [(0, False), (4, False), (5, True), (100, True)])
def test_the_branch_is_told_by_the_revision(revision, alexey):
    assert DarknetHeader(0, 2, revision).from_alexey is alexey


@pytest.mark.parametrize("header", [DarknetHeader(0, 1, 0, 2**32), DarknetHeader(seen=2**64), DarknetHeader(seen=-1)])
def test_a_number_that_does_not_fit_is_refused(header):
    with pytest.raises(UserError) as caught:
        header.pack()
    assert str(caught.value) == f"seen={header.seen} does not fit a header of version {header.major}.{header.minor}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(15),
        struct.pack("<iiiQ", 0, 2, 5, 0)[:-1],
        struct.pack("<iiiQ", -1, 2, 5, 0),
        struct.pack("<iiiQ", 0, -2, 5, 0),
        struct.pack("<iiiQ", 10, 2, 5, 0),
        struct.pack("<iiiQ", 0, 100, 5, 0),
        struct.pack("<iiiQ", 0, 2, 10_000, 0),
        struct.pack(">iiiQ", 0, 2, 5, 0),
    ],
)
def test_what_no_program_can_have_written_is_no_header(content):
    assert DarknetHeader.unpack(content) is None


def test_any_bytes_are_judged():
    rng = random.Random(2)
    found = 0
    for _ in range(2000):
        version = (rng.choice((-1, 0, 1, 2, 1001, 2**31 - 1)) for _ in range(3))
        content = struct.pack("<iii", *version) + rng.randbytes(rng.randrange(20))
        header = DarknetHeader.unpack(content)
        if header is not None:
            assert header.pack() == content[: header.size]
            found += 1
    assert 20 < found < 1000
