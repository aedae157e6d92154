"""How much main memory there is left for this process."""

from __future__ import annotations

from pathlib import Path

GIB = 1024**3

_WORDS = ("can't allocate memory", "Insufficient memory", "Failed to allocate", "not enough memory", "std::bad_alloc")


def free_memory() -> int | None:
    """Bytes of memory that this process may still take, by the machine, by its container and by its own limit; None where
    unknown."""
    rooms = [room for room in (_of_machine(), _of_container(), _of_limit()) if room is not None]
    return max(0, min(rooms)) if rooms else None


def is_short_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory, be it Python's, NumPy's, OpenCV's or PyTorch's."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return any(words in str(error) for words in _WORDS)


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _of_machine() -> int | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return None


def _of_container() -> int | None:
    limit, used = ("".join(_lines(f"/sys/fs/cgroup/memory.{name}")).strip() for name in ("max", "current"))
    if not limit.isdigit() or not used.isdigit():
        return None
    kept = {
        name: int(value) for name, _, value in (line.partition(" ") for line in _lines("/sys/fs/cgroup/memory.stat"))
    }
    return int(limit) - int(used) + kept.get("inactive_file", 0)  # copies of files are let go when memory is wanted


def _of_limit() -> int | None:
    """By ``ulimit -v``."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = " ".join(_lines("/proc/self/statm")).split()
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return limit - int(pages[0]) * resource.getpagesize()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except (OSError, ValueError):  # another system
        return []
