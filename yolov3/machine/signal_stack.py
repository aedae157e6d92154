"""The stack on which a thread runs handlers of signals, kept as it is.

OpenVINO's plugin for processors gives the thread that loads it another one and takes it away again when the plugin goes.
With several at a time it may leave one behind that is no longer there, and then the next Ctrl-C is a segmentation fault:
Python asks that its handlers run on that stack wherever there is one.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """``stack_t`` of sigaltstack(2)."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Afterwards the thread has the stack for signals that it had before. Elsewhere than on Linux nothing is done; nor where
    the system does not take the old one back, because it is too small for what the processor was asked to do within."""
    if sys.platform != "linux":
        yield
        return
    system = ctypes.CDLL(None)
    before = _Stack()
    known = system.sigaltstack(None, ctypes.byref(before)) == 0
    try:
        yield
    finally:
        if known:
            system.sigaltstack(ctypes.byref(before), None)
