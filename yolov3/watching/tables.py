"""Tables that fit: where the terminal is too narrow the columns that can be missed most easily are left out."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from yolov3.watching.lines import print_line, terminal_width
from yolov3.watching.printable import printable

SHORTEST_NAME = 16  # columns that the names of the rows get, if they need as many, before other columns stay
WIDEST = 10_000  # columns of a table in a file


@dataclass(frozen=True)
class NumberTable:
    """Rows of a name and numbers below their ``headings``. The columns in ``spared`` may be left out, the first one first;
    ``total`` says that the last row sums up the others."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spared: tuple[str, ...] = ()
    total: bool = False

    def __post_init__(self) -> None:
        # Rows are named after classes, whose names may hold anything.
        object.__setattr__(self, "rows", tuple(tuple(map(printable, row)) for row in self.rows))

    def markdown(self) -> list[str]:
        """All of it, as lines of Markdown."""
        ruler = "|".join(("---", *("--:" for _ in self.headings[1:])))
        heading, *rows = (f"| {' | '.join(map(_as_cell, row))} |" for row in (self.headings, *self.rows))
        return [heading, f"|{ruler}|", *rows]

    def columns_within(self, width: int) -> list[int]:
        """The numbers of the columns for which a width suffices, in their order."""
        kept = list(range(len(self.headings)))
        names = min(SHORTEST_NAME, self._width_of(0))
        for heading in self.spared:
            if 2 + names + sum(2 + self._width_of(column) for column in kept[1:]) <= width:
                break
            kept.remove(self.headings.index(heading))
        return kept

    def _width_of(self, column: int) -> int:
        return max(cell_len(row[column]) for row in (self.headings, *self.rows))


def _as_cell(text: str) -> str:
    return text.replace("|", "\\|")  # else it would end the cell


def print_table(table: NumberTable, console: Console | None = None) -> None:
    """Print it as wide as it is, or as a terminal (default: the standard output) has room; names that are too long for it
    are continued below."""
    console = console or Console()
    kept = table.columns_within(console.width) if console.is_terminal else list(range(len(table.headings)))
    drawn = Table(box=None, header_style="bold")
    for column in kept:
        if column == 0:
            drawn.add_column(table.headings[0], overflow="fold")
        else:
            drawn.add_column(table.headings[column], justify="right", no_wrap=True)
    for number, row in enumerate(table.rows, start=1):
        style = "bold" if table.total and number == len(table.rows) else None
        drawn.add_row(*(Text(row[column]) for column in kept), style=style)
    if console.is_terminal:
        console.print(drawn)
        return
    wide = console.options.update(width=WIDEST)  # print() would not go beyond the width that a file is taken to have
    own = wide.update(width=console.measure(drawn, options=wide).maximum)
    text = "".join(segment.text for segment in console.render(drawn, own))
    console.print(Text(text.rstrip("\n")), soft_wrap=True)


def print_markdown(table: NumberTable) -> None:
    """Print it to the standard output as Markdown, so that it can be pasted; on a terminal that is too narrow for that, as
    it fits."""
    lines, width = table.markdown(), terminal_width(sys.stdout)
    if width is not None and max(map(cell_len, lines)) > width:
        print_table(table)
    else:
        print_line("\n".join(lines))
