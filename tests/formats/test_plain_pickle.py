"""A pickle is read as plain values, or refused: nothing is called, imported, or waited for."""

from __future__ import annotations

import collections
import pickle
import random
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.formats.plain_pickle import DEEPEST, LARGEST, PickleFault, StoredNumbers, read_plain

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text() | st.integers(0, 99), part) | st.tuples(part, part),
    max_leaves=30,
)


def no_tensors(numbers: StoredNumbers, *_: object) -> torch.Tensor:
    raise PickleFault(f"a tensor of {numbers}")


def read(data: bytes) -> object:
    return read_plain(data, no_tensors)


@settings(max_examples=200, deadline=None)
@given(plain)
def test_plain_values_there_and_back(value):
    assert read(pickle.dumps(value, protocol=2)) == value


def test_an_ordered_mapping_becomes_a_mapping():
    ordered = collections.OrderedDict(a=1, b=[2])
    ordered.versions = {"": 3}
    assert read(pickle.dumps(ordered, protocol=2)) == {"a": 1, "b": [2]}


def nested(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


def doubled(times: int, end: bytes) -> bytes:
    """A pair of the same pair of the same pair, so many times: two to that power in some hundred bytes."""
    return b"\x80\x02K\1" + b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(times)) + end


CIRCLE = b"\x80\x02]q\0h\0a."
REFUSED = {
    "another class": pickle.dumps(pytest.raises, protocol=2),
    "a call": b"\x80\x02cos\nsystem\nX\4\0\0\0trueq\0\x85R.",
    "much memory": b"\x80\x02cbuiltins\nbytearray\nJ\0\0\0\x70\x85R.",
    "a new name": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "a name for a value": b"\x80\x02cos\nsystem\n.",
    "nothing": b"\x80\x02.",
    "no end": b"\x80\x02K\1",
    "a mark for a value": b"\x80\x02(.",
    "an unknown place": b"\x80\x02h\5.",
    "a list for a key": b"\x80\x02}]K\1s.",
    "a pair for a key": doubled(40, b"q\x50}h\x50K\1s."),
    "a flag for a key": b"\x80\x02}\x88K\1s.",
    "half a pair": b"\x80\x02}(K\1u.",
    "a large number": pickle.dumps(2**63, protocol=2),
    "a set": pickle.dumps({1}, protocol=2),
    "bytes": pickle.dumps(b"x", protocol=2),
    "numbers for a value": b"\x80\x02(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0aX\3\0\0\0cpuK\1tQ.",
    "a circle": CIRCLE,
    "deep": nested(DEEPEST + 2),
    "very deep": nested(1_000_000),
    "wide beyond measure": doubled(45, b"."),
    "long": b"\x80\x02" + b"N0" * (LARGEST // 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_checkpoint_holds_is_refused_at_once(name):
    start = time.monotonic()
    with pytest.raises(PickleFault, match=r"\A[^\n]+\Z"):
        read(REFUSED[name])
    assert time.monotonic() - start < 10


def test_what_is_shared_a_few_times_is_fine():
    pair = (1, [2])
    assert read(pickle.dumps([pair, pair, pair], protocol=2)) == [pair, pair, pair]
    assert read(nested(DEEPEST))


@pytest.mark.parametrize("count", [2000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_changed_pickles_are_read_or_refused(count):
    generator = random.Random(0)
    value = {"names": ["a", "b"], "model": {"width": 0.5, "anchors": [[(1.0, 2.0)]]}, "training": None, "big": 2**40}
    whole = pickle.dumps(collections.OrderedDict(value), protocol=2)
    read_ones = 0
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data))] = generator.choice(
                [*b"(.0NQRbctu}]ahqsX\x85\x88", generator.randrange(256)]
            )
        try:
            read(bytes(data))
            read_ones += 1
        except PickleFault as error:
            assert "\n" not in str(error)
    assert 0 < read_ones < count
