"""What a person sees: times of an epoch, a bar on a terminal, a line per epoch everywhere."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from yolov3.journal import display
from yolov3.journal.display import Stopwatch, TrainingDisplay
from yolov3.watching import watcher
from yolov3.watching.tables import NumberTable


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The seconds that it is; they go on only where a test says so."""
    now = [100.0]
    for module in (display, watcher):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0], monotonic=lambda: now[0]))
    return now


def test_the_stopwatch_counts_steps_and_waiting_but_not_what_follows(clock):
    watch = Stopwatch()
    assert watch.images_per_second == watch.wait_share == watch.seconds == 0
    for waiting, computing in ((1.0, 2.0), (0.5, 1.5)):
        clock[0] += waiting
        watch.data_arrived(16)
        clock[0] += computing
        watch.step_done()
    clock[0] += 60.0  # the evaluation
    assert watch.seconds == pytest.approx(5.0)
    assert watch.images_per_second == pytest.approx(32 / 5)
    assert watch.wait_share == pytest.approx(1.5 / 5)
    assert str(watch) == "6.4 images/s, waiting for data 30 %"


def shown_on(monkeypatch, *, terminal: bool) -> io.StringIO:
    """What the displays of this test write, as on a terminal or into a file."""
    stream = io.StringIO()

    def console(quiet: bool = False) -> Console:
        return Console(file=stream, quiet=quiet, force_terminal=terminal, width=120)

    monkeypatch.setattr(display, "Console", console)
    return stream


def tell(clock: list[float], quiet: bool = False) -> None:
    """What a run of six batches tells in its third one."""
    watch = Stopwatch()
    with TrainingDisplay(total_batches=6, done=2, epochs=3, quiet=quiet) as bar:
        bar.say("[4/5] is no markup")
        clock[0] += 0.5
        watch.data_arrived(16)
        clock[0] += 1.5
        watch.step_done()
        bar.batch_done(1, 3.21987, watch)
        bar.epoch_done(2, "loss 0.5", watch)
        bar.show(NumberTable(("class", "AP"), (("cat", "0.5"),)))


def test_a_file_gets_lines_and_no_bar(monkeypatch, clock):
    stream = shown_on(monkeypatch, terminal=False)
    tell(clock)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[4/5] is no markup"
    assert lines[1] == "epoch 2/3  loss 0.5  8.0 images/s, waiting for data 25 %  after 2 s, 6 s left"
    assert "class" in lines[2] and "cat" in lines[3] and "\x1b" not in stream.getvalue()


def test_a_file_gets_a_line_now_and_then_within_a_long_epoch(monkeypatch, clock):
    stream, watch = shown_on(monkeypatch, terminal=False), Stopwatch()
    with TrainingDisplay(total_batches=200, done=0, epochs=2) as bar:
        for _ in range(100):
            watch.data_arrived(16)
            clock[0] += 1
            watch.step_done()
            bar.batch_done(0, 2.0, watch)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "epoch 1/2  loss 2.000  16.0 images/s, waiting for data 0 %  30/200  after 30 s, 2 min 50 s left"
    )


def test_a_terminal_gets_a_bar_beside_them(monkeypatch, clock):
    stream = shown_on(monkeypatch, terminal=True)
    tell(clock)
    shown = stream.getvalue()
    assert "epoch 2/3  loss 3.220  " in shown and "3/6" in shown  # the third of all batches of the run
    assert "[4/5] is no markup" in shown and shown.count("cat") == 1


def test_all_processes_but_the_first_are_quiet(monkeypatch, clock):
    stream = shown_on(monkeypatch, terminal=True)
    tell(clock, quiet=True)
    assert stream.getvalue() == ""


def test_a_run_speaks_to_the_standard_output(clock, capsys):
    tell(clock)
    out, err = capsys.readouterr()
    assert "epoch 2/3  loss 0.5" in out and err == ""
