"""A thread keeps its stack for signals, whatever happens within."""

from __future__ import annotations

import ctypes
import sys

import pytest

from yolov3.machine.signal_stack import _Stack, kept_signal_stack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sigaltstack of Linux")

SIZE = 65_536


def stack_now() -> tuple[int | None, int, int]:
    now = _Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(now)) == 0
    return now.address, now.flags, now.size


def another() -> ctypes.Array[ctypes.c_char]:
    """Memory that is made the thread's stack for signals."""
    memory = ctypes.create_string_buffer(SIZE)
    given = _Stack(ctypes.cast(memory, ctypes.c_void_p), 0, SIZE)
    assert ctypes.CDLL(None).sigaltstack(ctypes.byref(given), None) == 0
    return memory


def test_another_stack_does_not_stay():
    before = stack_now()
    with kept_signal_stack():
        memory = another()
        assert stack_now()[::2] == (ctypes.addressof(memory), SIZE) != before[::2]
    assert stack_now() == before


def test_it_is_kept_when_the_work_fails():
    before = stack_now()
    with pytest.raises(ValueError, match="stop"), kept_signal_stack():
        memory = another()
        assert len(memory) == SIZE
        raise ValueError("stop")
    assert stack_now() == before


def test_nothing_happens_where_nothing_is_done():
    before = stack_now()
    with kept_signal_stack():
        assert stack_now() == before
    assert stack_now() == before
