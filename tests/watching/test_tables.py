"""Tables: whole where there is room, without what can be missed where there is not."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from yolov3.watching import tables
from yolov3.watching.tables import NumberTable, print_markdown, print_table

TABLE = NumberTable(
    ("class", "truths", "ignored", "AP", "VOC 07"),
    (("cat", "12", "0", "0.500", "0.505"), ("[red] dog", "3", "1", "n/a", "n/a"), ("all", "15", "1", "0.500", "0.505")),
    spared=("ignored", "VOC 07"),
    total=True,
)


def shown(table: NumberTable, width: int, *, terminal: bool = True) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_table(table, console)
    lines = console.file.getvalue().splitlines()
    assert not terminal or all(len(line) <= width for line in lines)
    return [line.split() for line in lines]


def test_all_is_shown_where_there_is_room():
    rows = shown(TABLE, 60)
    assert rows[0] == ["class", "truths", "ignored", "AP", "VOC", "07"]
    assert rows[2] == ["[red]", "dog", "3", "1", "n/a", "n/a"] and rows[3] == ["all", "15", "1", "0.500", "0.505"]


def test_the_columns_that_can_be_missed_go_in_their_order():
    assert shown(TABLE, 40)[0] == ["class", "truths", "AP", "VOC", "07"]
    assert shown(TABLE, 30)[0] == ["class", "truths", "AP"]
    assert shown(TABLE, 30)[1] == ["cat", "12", "0.500"]


def test_a_long_name_is_continued_below():
    table = NumberTable(("class", "AP"), (("traffic light of the second kind", "0.123"),))
    assert shown(table, 30) == [["class", "AP"], ["traffic", "light", "of", "the", "0.123"], ["second", "kind"]]


def test_what_goes_into_a_file_is_as_wide_as_it_is():
    name = "word " * 40
    table = NumberTable(("class", "truths", "ignored", "AP"), ((name, "1", "0", "0.123"),), spared=("ignored",))
    assert shown(table, 50, terminal=False) == [
        ["class", "truths", "ignored", "AP"],
        [*name.split(), "1", "0", "0.123"],
    ]


@pytest.mark.parametrize("width", [None, 60, 40])
def test_markdown_is_for_pasting_where_it_fits(monkeypatch, capsys, width):
    monkeypatch.setattr(tables, "terminal_width", lambda stream: width)
    print_markdown(TABLE)
    lines = capsys.readouterr().out.splitlines()
    if width == 40:
        assert lines[0].split() == ["class", "truths", "ignored", "AP", "VOC", "07"]
    else:
        assert lines[:3] == [
            "| class | truths | ignored | AP | VOC 07 |",
            "|---|--:|--:|--:|--:|",
            "| cat | 12 | 0 | 0.500 | 0.505 |",
        ]
