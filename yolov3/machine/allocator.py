"""Memory that one layer frees is kept for the next one.

A training step allocates and frees a map of features per layer, tens of megabytes each. By default glibc asks the
system for such a block anew each time and hands it back afterwards, and the system clears every page of it. On two CPU
cores that takes a third of the time of a training step of yolov3-tiny in float32, and as much of a batch's detection.
The price of keeping it is that a process stays as large as it has ever been.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

# Parameters of mallopt(3) in glibc's malloc.h.
TRIM_THRESHOLD, MMAP_MAX = -1, -4
OWN_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


def give_back_freed_memory() -> None:
    """Give the system what was freed and kept, after work that is not soon to be done again. Nothing happens where the C
    library is not glibc."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_freed_memory() -> bool:
    """Have this process, and those it forks, keep freed memory; whether it does.

    For programs, not for libraries: it is a decision about the whole process. Nothing is changed where the C library
    is not glibc, or where the user's environment has one of ``OWN_SETTINGS``.
    """
    if any(name in os.environ for name in OWN_SETTINGS):
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; Windows
        return False
    # Blocks of every size from the heap, and the heap never given back.
    return bool(set_option(MMAP_MAX, 0)) and bool(set_option(TRIM_THRESHOLD, -1))
