"""What a process knows of those it was started with, before torch is asked: torchrun writes it into the environment."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Whether this is the process that speaks: the first of several, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def is_one_of_several() -> bool:
    """Whether other processes do the same work."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def would_be_started_again() -> bool:
    """Whether torchrun takes an exit code that is not 0 for a failure that it may repair by doing all once more."""
    most, so_far = (int(os.environ.get(f"TORCHELASTIC_{name}", "0")) for name in ("MAX_RESTARTS", "RESTART_COUNT"))
    return so_far < most
