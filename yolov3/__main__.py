"""The program ``yolov3``, also as ``python -m yolov3``: hears signals before anything slow is imported."""

from __future__ import annotations

from yolov3.processes.stopping import Stopping, open_missing_streams, run_program

TYPE_CHECKING = False  # typing is too slow to import here
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def program(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line ``argv`` (default: the program's own) and end with its exit code."""
    open_missing_streams()  # first: a pipe opened in their place would hear what libraries print
    Stopping(ends_program=True).__enter__()

    def run() -> int:
        from yolov3.cli import main

        return main(argv)

    run_program(run)


if __name__ == "__main__":
    program()
