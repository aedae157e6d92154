"""Who is told: nobody; a file, which gets lines; a terminal, which gets a bar that goes, and lines that stay."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from io import StringIO

import pytest
from rich.console import Console

from yolov3.watching.watcher import Bar, InLines, Pace, Quiet, Watcher

ODD = "[red]not a colour[/] 100% \\[x] :smile: ä 猫"


def work(watcher: Watcher) -> None:
    watcher.say(ODD)
    watcher.advance(1, 4, text="first")
    watcher.advance(2)
    watcher.report("the answer")
    watcher.warn("a file is broken")
    watcher.advance(4, text="second")
    watcher.say("done " + "x" * 300)


def terminal(width: int = 100) -> Console:
    return Console(
        file=StringIO(), force_terminal=True, width=width, color_system=None, legacy_windows=False, stderr=True
    )


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def wait_for(text: str, console: Console) -> None:
    """A bar is drawn ten times a second."""
    deadline = time.monotonic() + 10
    while text not in written(console) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert text in written(console)


def test_a_watcher_keeps_all_to_itself(capfd):
    work(Watcher())
    assert capfd.readouterr() == ("", "")


def test_a_quiet_one_tells_only_what_went_wrong(capfd):
    work(Quiet())
    assert capfd.readouterr() == ("", "a file is broken\n")


def test_lines_are_told_and_no_bar(capfd):
    work(InLines())
    assert capfd.readouterr() == ("the answer\n", f"{ODD}\na file is broken\ndone {'x' * 300}\n")


def test_where_no_terminal_is_there_are_lines_only(capfd):
    with Bar("working", total=4) as bar:
        work(bar)
    output, complaints = capfd.readouterr()
    assert output == "the answer\n"
    assert complaints == f"{ODD}\na file is broken\ndone {'x' * 300}\n"


def test_a_terminal_sees_a_bar_that_goes_and_lines_that_stay(capsys):
    console = terminal()
    with Bar("working", total=4, console=console) as bar:
        assert written(console) == "", "the bar appears with the first advance"
        bar.advance(1, text="[first] step")
        wait_for("[first] step", console)
        wait_for("1/4", console)
        bar.say(ODD)
        bar.advance(3, 7)
        wait_for("3/7", console)
        bar.report("the answer")
    text = written(console)
    assert ODD in text
    assert text.rstrip().endswith(("\x1b[2K", "\x1b[?25h")), "the bar is wiped away, the cursor is back"
    assert capsys.readouterr().out == "the answer\n"


def test_a_bar_goes_on_where_work_was_stopped_and_counts_bytes():
    console = terminal()
    with Bar("file.zip", total=2_000_000, done=500_000, unit="bytes", console=console) as bar:
        bar.advance(1_000_000)
    assert re.search(r"1\.0/2\.0 MB", written(console))


def test_a_bar_leaves_the_terminal_in_order_when_work_fails():
    console = terminal()
    with pytest.raises(OSError, match="gone"), Bar("working", console=console) as bar:
        bar.advance(1)
        raise OSError("gone")
    assert written(console).count("\x1b[?25l") == written(console).count("\x1b[?25h") == 1


def test_a_bar_that_never_advanced_leaves_nothing():
    console = terminal()
    with Bar("working", console=console):
        pass
    assert "working" not in written(console)


IN_A_TERMINAL = """
import time
from yolov3.watching.watcher import Bar

with Bar("working", total=50) as bar:
    for done in range(50):
        bar.advance(done + 1)
        time.sleep(0.01)
        if done == 20:
            bar.report("the answer")
            bar.say("a line")
"""


def test_in_a_real_terminal_the_answer_goes_where_the_user_sends_it():
    """The error output is a terminal, the standard output a pipe: the bar must not take what is reported."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # so a terminal says that its program has ended
                break
        assert process.stdout is not None
        answer = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0
    assert answer == b"the answer\n"
    assert b"working" in shown and b"50/50" in shown and b"a line" in shown and b"the answer" not in shown


def test_the_pace_is_by_the_clock():
    start = time.perf_counter()
    pace = Pace()
    time.sleep(0.05)
    text = pace.text(10, "images")
    slowest = 10 / (time.perf_counter() - start)
    match = re.fullmatch(r"(\d+\.\d) images/s", text)
    assert match is not None and slowest - 0.1 <= float(match[1]) <= 10 / 0.05
    assert pace.text(0, "frames") == "0.0 frames/s"
