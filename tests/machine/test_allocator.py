"""Freed memory is kept where the user has not said otherwise: the system clears no pages the second time."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from yolov3.machine.allocator import OWN_SETTINGS

FAULTS = """
import ctypes
import resource
from yolov3.machine.allocator import keep_freed_memory

PR_SET_THP_DISABLE = 41
ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)  # pages of 4 KB, whatever the system prefers

def use_and_free():
    for megabytes in (8, 40, 100):
        b"x" * (megabytes << 20)

kept = keep_freed_memory()
use_and_free()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use_and_free()
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def pages_cleared(**environment: str) -> tuple[bool, int]:
    """Whether memory is kept, and the pages that the system had to provide for ten rounds of use."""
    clean = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, env=clean | environment
    )
    kept, pages = done.stdout.split()
    return kept == "1", int(pages)


@glibc
def test_blocks_of_every_size_are_used_again():
    kept, pages = pages_cleared()
    assert kept and pages < 1000  # one round of 148 MB has 38,000 pages of 4 KB


@glibc
@pytest.mark.parametrize("name", OWN_SETTINGS)
def test_the_users_own_settings_stand(name):
    value = "glibc.malloc.mmap_max=65536" if name == "GLIBC_TUNABLES" else "65536"
    kept, pages = pages_cleared(**{name: value})
    assert not kept and pages > 100_000


@glibc
def test_what_was_kept_is_given_back_when_asked_for():
    program = (
        "from yolov3.machine.allocator import give_back_freed_memory, keep_freed_memory\n"
        "def resident(): return int(open('/proc/self/statm').read().split()[1]) * 4096 >> 20\n"
        "keep_freed_memory()\n"
        "block, after = b'x' * (100 << 20), b'x' * (1 << 20)\n"
        "del block\n"
        "before = resident()\n"
        "give_back_freed_memory()\n"
        "print(before - resident())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) >= 90
