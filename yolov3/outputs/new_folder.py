"""The outputs of a run in a folder of their own, made with the first result: a run that comes to nothing leaves none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from yolov3.files.run_folder import check_run_name, make_run_folder
from yolov3.outputs.catalogue import OutputOptions, open_output
from yolov3.outputs.output import Output, Result


class NewFolder(Output):
    """The outputs of some words of the catalogue, in the new folder ``name`` in ``parent``; ``folder`` is that folder once
    it is there. Raises UserError for what is no name of a folder."""

    def __init__(self, parent: Path, name: str, words: Sequence[str], options: OutputOptions) -> None:
        check_run_name(name)
        self.parent, self.name, self.words, self.options = parent, name, words, options
        self.folder: Path | None = None
        self._outputs: list[Output] = []
        self._stack = ExitStack()

    def write(self, result: Result) -> None:
        if self.folder is None:
            self._open()
        for output in self._outputs:
            output.write(result)

    def end(self, name: str) -> None:
        for output in self._outputs:
            output.end(name)

    def close(self) -> None:
        self._stack.close()

    def _open(self) -> None:
        self.folder = make_run_folder(self.parent, self.name)
        for word in self.words:
            self._outputs.append(self._stack.enter_context(open_output(word, self.folder, self.options)))
