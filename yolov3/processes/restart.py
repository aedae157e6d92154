"""A run that torchrun starts again after a failure goes on where its last checkpoint is, or with the parts that are not done,
without being asked.

torchrun repeats the very command that began the run, so the folder of the run is remembered under torchrun's own id.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.atomic import write_atomically


def remember_run(output: Path, folder: Path) -> None:
    """Note which folder the run has that torchrun may start again."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        write_atomically(_note(output), lambda stream: stream.write(os.fsencode(folder.resolve())))


def run_to_resume(output: Path, *, proof: str = "weights/last.pt") -> Path | None:
    """The folder of the run that this process continues after a restart, if it got as far as this file of it."""
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) == 0:
        return None
    try:
        folder = Path(os.fsdecode(_note(output).read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{_note(output)}: cannot be read: {error.strerror or error}") from error
    return folder if (folder / proof).is_file() else None


def forget_run(output: Path, folder: Path) -> None:
    """The run in ``folder`` is done, whoever began it: nobody will start it again."""
    for note in output.glob(".torchrun-*"):
        with contextlib.suppress(OSError):
            if note.read_bytes() == os.fsencode(folder.resolve()):
                note.unlink()


def _note(output: Path) -> Path:
    identity = re.sub(r"[^A-Za-z0-9-]", "_", os.environ.get("TORCHELASTIC_RUN_ID", "none"))
    return output / f".torchrun-{identity}"
