"""The outputs of a run in a folder of their own, made with the first result: a run that comes to nothing leaves none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from yolov3.errors import UserError
from yolov3.files.run_folder import check_run_name, make_run_folder
from yolov3.outputs.catalogue import OutputOptions, open_output
from yolov3.outputs.output import Output, Result

MOST_TOLD = 10  # files that could not be written; on a full disk they are many


class NewFolder(Output):
    """The outputs of some words of the catalogue, in the new folder ``name`` in ``parent``, or in the ``folder`` that somebody
    has made; ``folder`` is that folder once it is there.

    What one of them cannot write is told, counted in ``lost`` by its reason, and passed over: the others go on. Raises
    UserError for what is no name of a folder, and when the folder or none of its outputs can be made.
    """

    def __init__(
        self,
        parent: Path,
        name: str,
        words: Sequence[str],
        options: OutputOptions,
        warn: Callable[[str], None] | None = None,
        folder: Path | None = None,
    ) -> None:
        check_run_name(name)
        self.parent, self.name, self.words, self.options = parent, name, words, options
        self.folder = folder
        self._is_open = False
        self.lost: list[str] = []
        self._warn = warn
        self._outputs: list[Output] = []

    def write(self, result: Result) -> None:
        if not self._is_open:
            self._open()
        self._each(lambda output: output.write(result))

    def end(self, name: str) -> None:
        self._each(lambda output: output.end(name))

    def close(self) -> None:
        outputs, self._outputs = self._outputs, []
        failures: list[BaseException] = []
        for output in reversed(outputs):
            try:
                self._try(output.close)
            except BaseException as error:  # the others are to be finished all the same
                failures.append(error)
        if failures:
            raise failures[0]

    def _open(self) -> None:
        self._is_open = True
        if self.folder is None:
            self.folder = make_run_folder(self.parent, self.name)
        for word in self.words:
            self._outputs.append(open_output(word, self.folder, self.options))

    def _each(self, do: Callable[[Output], None]) -> None:
        for output in self._outputs:
            self._try(lambda output=output: do(output))  # type: ignore[misc]

    def _try(self, do: Callable[[], None]) -> None:
        try:
            do()
        except UserError as error:
            self.lost.append(str(error))
            if self._warn is not None and len(self.lost) <= MOST_TOLD:
                last = "; more such files are only counted" if len(self.lost) == MOST_TOLD else ""
                self._warn(f"not written: {error}{last}")
