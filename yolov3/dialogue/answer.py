"""An answer for programs: one JSON document on the standard output, and nothing else there."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document, for programs, and nothing else")


@contextlib.contextmanager
def output_kept_free(free: bool) -> Iterator[None]:
    """Send what is printed in here to the error output, where the standard output is to be kept ``free`` for an answer."""
    with contextlib.redirect_stdout(sys.stderr) if free else contextlib.nullcontext():
        yield


def print_json(answer: Any) -> None:
    """Print plain values. Raises ValueError for numbers that are not finite, which JSON has not."""
    print(json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False))
