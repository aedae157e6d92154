"""The one exception that means: the user can mend this. The command line prints it without a traceback."""

from __future__ import annotations

from yolov3.watching.printable import LONGEST_LINE, printable, shortened


class UserError(ValueError):
    """Something in the user's input is wrong. The message names the file, the line or key, what was found and what
    is allowed; it is one line unless it lists things, each given by itself.

    Whatever of the user's a line repeats, it can be shown: it is cut where it is too long, and nothing in it steers a
    terminal or begins a line of its own.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*(shortened(printable(line), LONGEST_LINE) for line in lines))

    def __str__(self) -> str:
        return "\n".join(self.args)
