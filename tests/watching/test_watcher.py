"""Who is told: nobody; a file, which gets lines; a terminal, which gets a bar that goes, and lines that stay."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from yolov3.watching import watcher
from yolov3.watching.watcher import Bar, InLines, Pace, Quiet, Watcher

ODD = "[red]not a colour[/] 100% \\[x] :smile: ä 猫"


def work(told: Watcher) -> None:
    told.say(ODD)
    told.advance(1, 4, text="first")
    told.advance(2)
    told.report("the answer")
    told.warn("a file is broken")
    told.advance(4, text="second")
    told.say("done " + "x" * 300)


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
    assert capfd.readouterr() == ("", "warning: a file is broken\n")


def test_lines_are_told_and_no_bar(capfd):
    work(InLines())
    assert capfd.readouterr() == ("the answer\n", f"{ODD}\nwarning: a file is broken\ndone {'x' * 300}\n")


def test_where_no_terminal_is_there_are_lines_only(capfd):
    with Bar("working", total=4) as bar:
        work(bar)
    output, complaints = capfd.readouterr()
    assert output == "the answer\n"
    assert complaints == f"{ODD}\nwarning: a file is broken\ndone {'x' * 300}\n"


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


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The seconds that it is; they go on only where a test says so."""
    now = [100.0]
    monkeypatch.setattr(watcher, "time", SimpleNamespace(monotonic=lambda: now[0], perf_counter=lambda: now[0]))
    return now


def lines_of(seconds: float, steps: int, clock: list[float]) -> list[str]:
    """What steady work of so many seconds says where no bar is."""
    console = Console(file=StringIO(), width=60)
    with Bar("working", total=steps, console=console) as bar:
        for done in range(1, steps + 1):
            clock[0] += seconds / steps
            bar.advance(done, text=f"working  {done} of them")
    return written(console).splitlines()


def test_where_no_bar_is_a_line_says_now_and_then_how_far_it_is(clock):
    assert lines_of(29, 1000, clock) == []
    assert lines_of(100, 100, clock) == [
        "working  30 of them  30/100  after 30 s, 1 min 10 s left",
        "working  60 of them  60/100  after 1 min, 40 s left",
        "working  90 of them  90/100  after 1 min 30 s, 10 s left",
    ]


def test_days_of_work_do_not_fill_pages(clock):
    few, many = len(lines_of(3600, 36_000, clock)), len(lines_of(10 * 86400, 864_000, clock))
    assert 20 <= few <= 70 and many <= 200


def test_work_that_went_on_is_timed_from_where_it_went_on(clock):
    console = Console(file=StringIO())
    with Bar("working", total=100, done=50, console=console) as bar:
        assert bar.times() == "after 0 s"
        clock[0] += 40
        bar.advance(60)
        assert bar.times() == "after 40 s, 2 min 40 s left"
        bar.advance(100)
        assert bar.times() == "after 40 s"


def test_another_count_of_the_same_work_has_a_pace_of_its_own(clock):
    console = Console(file=StringIO(), width=60)
    with Bar("working", console=console) as bar:
        bar.advance(80, 80)
        clock[0] += 100
        bar.advance(1, 80)
        clock[0] += 40
        bar.advance(21, 80)
    assert written(console).splitlines() == [
        "working  1/80  after 1 min 40 s",
        "working  21/80  after 2 min 20 s, 1 min 58 s left",
    ]


def test_bytes_and_what_nobody_knows_the_end_of(clock):
    console = Console(file=StringIO())
    with Bar("file.zip", unit="bytes", console=console) as bar:
        clock[0] += 40
        bar.advance(1_500_000)
        clock[0] += 40
        bar.advance(3_000_000, 6_000_000)
    assert written(console) == "file.zip  1.5 MB  after 40 s\nfile.zip  3.0/6.0 MB  after 1 min 20 s, 1 min 20 s left\n"


def test_a_warning_is_known_by_its_beginning(capfd):
    with Bar("working") as bar:
        bar.warn("the data are odd")
    assert capfd.readouterr() == ("", "warning: the data are odd\n")
    console = Console(file=StringIO(), force_terminal=True, width=30, color_system="standard", legacy_windows=False)
    with Bar("working", console=console) as bar:
        bar.warn("the data are odd, and there is more to say")
    assert written(console) == "\x1b[1;33mwarning:\x1b[0m the data are odd, and\n  there is more to say\n"


@pytest.mark.parametrize(("width", "text"), [(50, "epoch 12/300"), (80, "loss 8.235"), (200, "training images")])
def test_a_narrow_terminal_gets_whole_parts_of_the_text(width, text):
    console = terminal(width)
    with Bar("working", total=45_000, console=console) as bar:
        bar.advance(44_000, text="epoch 12/300  loss 8.235  63.6 images/s, waiting for data 25 % of training images")
        wait_for("44000/45000", console)
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", written(console)).replace("\r", "\n").splitlines()
    line = next(line for line in drawn if "44000/45000" in line)
    assert text in line and len(line.rstrip()) <= width and "…" not in line
    assert line.split("  ")[0] == "epoch 12/300"


def test_a_text_without_parts_is_cut_short():
    console = terminal(50)
    with Bar("a very long name of a file that is fetched from afar.weights", total=100, console=console) as bar:
        bar.advance(50)
        wait_for("50/100", console)
    assert re.search(r"a very long name of a file[^\n]*…", written(console))
