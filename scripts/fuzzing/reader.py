"""What is fed: a reader of the program, its valid files, how they are changed, how much memory it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzzing.mutations import Mutation

MIB = 1 << 20


@dataclass(frozen=True)
class Reader:
    """``read`` is given the changed file, which lies at ``file`` below a folder that ``prepare`` has filled with what a
    reader expects around it; ``prepare`` returns the valid files' contents. It may end in a UserError or well. Beyond
    what the process has before, it may take ``constant`` bytes of memory and ``factor`` bytes for each of the file's."""

    name: str
    file: str
    prepare: Callable[[Path], list[bytes]]
    read: Callable[[Path], object]
    change: Mutation
    constant: int = 64 * MIB
    factor: int = 100

    def memory(self, size: int) -> int:
        """Bytes that may be taken for a file of so many."""
        return self.constant + self.factor * size


@dataclass(frozen=True)
class Limits:
    """Of one input: ``seconds`` of a processor's time, ``patience`` seconds by the clock (a crowded machine is slow, a
    reader that waits for something uses no processor)."""

    seconds: float = 5.0
    patience: float = 30.0
