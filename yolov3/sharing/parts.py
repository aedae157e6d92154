"""Which parts of a run's work are done, as the files in its folder say it: whoever dies, what is done stays done.

Each part is the business of one process, which writes its records into a file of its own; the file gets its name when the
part is done. So any number of processes can finish what others began, and what they have found is read again in order.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically
from yolov3.files.growing import GrowingText
from yolov3.files.reading import open_file
from yolov3.files.run_folder import make_run_folder
from yolov3.files.unwritable import unwritable
from yolov3.processes.restart import forget_run, remember_run, run_to_resume
from yolov3.processes.run_lock import RunLock
from yolov3.processes.world import World
from yolov3.watching.printable import shortened
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

FOLDER, PLAN = ".parts", "plan.json"
PIECES = "pieces"
LOOK_SECONDS = 0.25  # between two looks whether others are done

Record = dict[str, Any]
"""Plain values, as json holds them."""


@dataclass(frozen=True)
class Parts:
    """The parts of the run in ``folder``: each goes from a place to before another in the list of what is to be done."""

    folder: Path
    pieces: tuple[tuple[int, int], ...]

    @classmethod
    def begin(cls, folder: Path, plan: Mapping[str, str], pieces: Sequence[tuple[int, int]]) -> Parts:
        """Of a new run. ``plan`` says by names what is done and how. Raises UserError when it cannot be written."""
        place = folder / FOLDER
        try:
            place.mkdir()
        except OSError as error:
            raise unwritable(place, error) from error
        write_text_atomically(place / PLAN, json.dumps({**plan, PIECES: pieces}) + "\n")
        return cls(folder, tuple(pieces))

    @classmethod
    def go_on(cls, folder: Path, plan: Mapping[str, str]) -> Parts:
        """Of a run that was begun. Raises UserError where there is none to finish, or where ``plan`` is not the one that it
        was begun with."""
        begun = _read_plan(folder)
        pieces = begun.pop(PIECES)
        for name in dict.fromkeys((*begun, *plan)):
            before, now = begun.get(name, "nothing"), plan.get(name, "nothing")
            if before != now:
                raise UserError(
                    f"{folder}: was begun with {name} {shortened(str(before))}, found {shortened(now)}; --resume finishes "
                    "what the same command began"
                )
        return cls(folder, tuple((first, last) for first, last in pieces))

    @classmethod
    def of_run(
        cls, output: Path, name: str, plan: Mapping[str, str], pieces: Sequence[tuple[int, int]], resume: Path | None
    ) -> Parts:
        """Of the run ``resume``, or of one that torchrun starts again, or of a new one in the folder ``name`` of ``output``
        that has these ``pieces``. Raises UserError."""
        resume = resume or run_to_resume(output, proof=f"{FOLDER}/{PLAN}")
        if resume is not None:
            return cls.go_on(resume, plan)
        parts = cls.begin(make_run_folder(output, name), plan, pieces)
        remember_run(output, parts.folder)
        return parts

    def undone(self) -> list[int]:
        """The numbers of those that are not done."""
        return [number for number in range(len(self.pieces)) if not self._path(number).is_file()]

    def wait(self, watcher: Watcher) -> None:
        """Until all are done, whoever does them: one that dies ends the others, by torchrun."""
        left = self.undone()
        while left:
            others = f"waiting for other processes: {counted(len(left), 'part')}"
            watcher.advance(len(self.pieces) - len(left), len(self.pieces), text=others)
            time.sleep(LOOK_SECONDS)
            left = [number for number in left if not self._path(number).is_file()]

    @contextmanager
    def writing(self, number: int) -> Iterator[GrowingRecords]:
        """A part as it is being done; when this is left without an error, it is. Raises UserError when it cannot be
        written."""
        path = self._path(number)
        growing = GrowingRecords(path.with_name(f"{path.name}.growing"))
        try:
            yield growing
        finally:
            growing.close()
        try:
            growing.path.replace(path)
        except OSError as error:
            raise unwritable(path, error) from error

    def read(self, number: int) -> Iterator[Record]:
        """The records of a part that is done, as they were added. Raises UserError for a file that is damaged."""
        path = self._path(number)
        with open_file(path) as stream:
            for place, line in enumerate(stream, start=1):
                try:
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise ValueError
                except ValueError as error:
                    raise UserError(
                        f"{path}, line {place}: damaged; without this file --resume does the part again"
                    ) from error
                yield record

    def remove(self) -> None:
        """The work is done: what was found stands elsewhere."""
        shutil.rmtree(self.folder / FOLDER, ignore_errors=True)
        forget_run(self.folder.parent, self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / FOLDER / f"{number:06d}.jsonl"


@contextmanager
def shared(open_parts: Callable[[], Parts], world: World, watcher: Watcher) -> Iterator[tuple[Parts, list[int]]]:
    """The parts of a run, which the first process of a ``world`` opens and holds, and those of them that this process does.
    Who is stopped within it is told how to go on. Raises UserError."""
    with ExitStack() as stack:
        begun = None
        if world.is_first:
            opened = open_parts()
            stack.enter_context(RunLock.of(opened.folder))
            begun = (opened, opened.undone())
        parts, undone = world.from_first(begun)
        try:
            yield parts, dealt(undone, world.rank, world.size)
        except KeyboardInterrupt:
            watcher.warn(f"stopped; what is done is kept: the same command with --resume {parts.folder} goes on")
            raise


class GrowingRecords:
    """Records that are added one by one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = GrowingText(path, "")

    def add(self, record: Record) -> None:
        """One more. Raises UserError when it cannot be written."""
        self._text.add(json.dumps(record) + "\n")

    def close(self) -> None:
        """No more."""
        self._text.close()


def has_parts(folder: Path) -> bool:
    """Whether a run that was shared lies there unfinished."""
    return (folder / FOLDER / PLAN).is_file()


def dealt(undone: Sequence[int], rank: int, size: int) -> list[int]:
    """Those of the undone parts that a process does, one of ``size``: in turn, so that all come to the end together."""
    return list(undone[rank::size])


def _read_plan(folder: Path) -> Record:
    path = folder / FOLDER / PLAN
    if not has_parts(folder):
        raise UserError(f"--resume {folder}: no run lies there that several processes have begun and not finished")
    with open_file(path) as stream:
        text = stream.read()
    try:
        plan = json.loads(text)
        pieces = plan[PIECES]
        if not all(type(first) is int and type(last) is int and 0 <= first < last for first, last in pieces):
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged; begin a new run") from error
    return dict(plan)
