"""Ctrl-C is granted at a safe place, the second one at once, also while a long call keeps Python from hearing it; what comes
twice within half a second is one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from yolov3.processes.interruption import DOUBLED, EXIT_CODES, Interrupted, Interruption, stops_raise

LONG_CALL = """
import hashlib, signal, sys, threading, time
from yolov3.processes.interruption import Interruption

def call(rounds):
    start = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", rounds)
    return time.monotonic() - start

before = signal.getsignal(signal.SIGINT), threading.active_count()
rounds = int(float(sys.argv[1]) / call(300_000) * 300_000)
try:
    with Interruption() as interruption:
        print("ready", flush=True)
        call(rounds)  # one call, in which no handler runs
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


LATER = DOUBLED + 0.2


def interrupted(pauses: list[float], length: float) -> tuple[int, str, str, float]:
    """Exit code, output, complaints and seconds after the last press of Ctrl-C during a call of so many seconds, with a pause
    before each press."""
    command = [sys.executable, "-c", LONG_CALL, str(length)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for pause in pauses:
            time.sleep(pause)
            process.send_signal(signal.SIGINT)
        start = time.monotonic()
        output, complaints = process.communicate(timeout=120)
        return process.returncode, output, complaints, time.monotonic() - start


@pytest.mark.parametrize(
    ("pauses", "told"),
    [
        ([], "received None"),
        ([0.1], "received 2"),
        ([0.1, 0.0], "received 2"),
        ([0.1, 0.1, 0.1], "received 2"),
        ([0.1, LATER], "heard"),
        ([0.1, 0.0, LATER], "heard"),
        ([0.1, LATER, 0.0], "heard"),
    ],
)
def test_presses_during_a_call_that_ends_soon(pauses, told):
    code, output, complaints, _ = interrupted(pauses, 1.4)
    assert (code, output, complaints) == (0, f"{told}\n", "")


def test_the_second_press_does_not_wait_for_a_long_call():
    code, output, complaints, seconds = interrupted([0.1, LATER], 60)
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
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        time.sleep(LATER)
        assert interruption.received == signal.SIGINT
        signal.raise_signal(signal.SIGINT)
        time.sleep(30)
        pytest.fail("nobody heard it")
    assert signal.getsignal(signal.SIGINT) is before
    time.sleep(0.1)  # nothing of it comes afterwards


def test_the_second_press_wakes_who_waits():
    """The handler of the second signal itself runs before it is known to be the second one."""
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Interruption():
        for pause in (0.1, 0.1 + LATER):
            threading.Timer(pause, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
        threading.Event().wait(30)
    assert time.monotonic() - start < 10


def test_a_doubled_press_is_one():
    with Interruption() as interruption:
        for _ in range(5):
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.2)
        assert interruption.received == signal.SIGINT


@pytest.fixture
def pythons_handler() -> Iterator[None]:
    """Ctrl-C as Python hears it; whoever starts the tests in the background of a shell may have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_elsewhere_a_doubled_press_does_not_break_what_is_done_because_of_the_first(pythons_handler):
    before = signal.getsignal(signal.SIGINT)
    done = []
    with stops_raise():
        for _ in range(2):
            try:
                signal.raise_signal(signal.SIGINT)
                pytest.fail("nobody heard it")
            except KeyboardInterrupt:
                for _ in range(3):
                    signal.raise_signal(signal.SIGINT)
                done.append("in order")
            time.sleep(LATER)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert done == ["in order"] * 2 and signal.getsignal(signal.SIGINT) is before


def test_who_has_decided_about_ctrl_c_keeps_deciding():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stops_raise():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
