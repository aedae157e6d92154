"""Ctrl-C is granted at a safe place, the second one at once, also while a long call keeps Python from hearing it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from yolov3.processes.interruption import EXIT_CODES, Interrupted, Interruption

LONG_CALL = """
import hashlib, signal, sys, threading
from yolov3.processes.interruption import Interruption

before = signal.getsignal(signal.SIGINT), threading.active_count()
try:
    with Interruption() as interruption:
        print("ready", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", int(sys.argv[1]))  # one call, in which no handler runs
        for _ in range(1000):
            pass
        print("received", interruption.received, flush=True)
except KeyboardInterrupt:
    print("heard", flush=True)
assert signal.getsignal(signal.SIGINT) is before[0] and signal.set_wakeup_fd(-1) == -1
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
assert threading.active_count() == before[1]
"""
SECOND = 3_000_000  # rounds that take about a second


def interrupted(presses: int, rounds: int) -> tuple[int, str, str, float]:
    """Exit code, output, complaints and seconds after the last of so many presses of Ctrl-C during a long call."""
    command = [sys.executable, "-c", LONG_CALL, str(rounds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        start = time.monotonic()
        output, complaints = process.communicate(timeout=120)
        return process.returncode, output, complaints, time.monotonic() - start


@pytest.mark.parametrize(("presses", "told"), [(0, "received None"), (1, "received 2"), (2, "heard")])
def test_presses_during_a_call_that_ends_soon(presses, told):
    code, output, complaints, _ = interrupted(presses, SECOND)
    assert (code, output, complaints) == (0, f"{told}\n", "")


def test_the_second_press_does_not_wait_for_a_long_call():
    code, output, complaints, seconds = interrupted(2, 60 * SECOND)
    assert (code, output, complaints) == (130, "", "yolov3: stopped\n")
    assert seconds < 15


@pytest.mark.parametrize("number", EXIT_CODES)
def test_the_first_signal_is_remembered_and_handlers_come_back(number):
    before = {each: signal.getsignal(each) for each in EXIT_CODES}
    with Interruption() as interruption:
        assert interruption.received is None
        signal.raise_signal(number)
        assert interruption.received == number
    assert {each: signal.getsignal(each) for each in EXIT_CODES} == before
    assert signal.set_wakeup_fd(-1) == -1


def test_the_second_press_is_a_keyboard_interrupt_and_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interruption():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("first", EXIT_CODES)
def test_being_told_to_end_again_and_again_stays_a_wish(first):
    with Interruption() as interruption:
        for number in (first, signal.SIGTERM, signal.SIGTERM):
            signal.raise_signal(number)
        assert interruption.received == signal.SIGTERM


def test_one_after_the_other_and_each_begins_anew():
    for _ in range(3):
        with Interruption() as interruption:
            assert interruption.received is None
            signal.raise_signal(signal.SIGINT)
            assert interruption.received == signal.SIGINT


def test_in_another_thread_nothing_is_changed():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Interruption() as interruption:
            seen.append((interruption.received, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


@pytest.mark.parametrize(("number", "text", "code"), [(signal.SIGINT, "SIGINT", 130), (signal.SIGTERM, "SIGTERM", 143)])
def test_an_interrupted_run_says_by_what_and_where(number, text, code):
    stop = Interrupted(number, Path("runs/street"))
    assert (str(stop), stop.folder, stop.exit_code) == (f"stopped by {text}", Path("runs/street"), code)
