"""An output that fails ends the printing alone. How whole commands fare is seen in tests/cli/test_main.py."""

from __future__ import annotations

import io
import os
import sys

import pytest

from yolov3.dialogue.streams import Outlet, guarded_streams


class Failing(io.StringIO):
    """Takes so many pieces and fails from then on."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def write(self, text: str) -> int:
        self.most -= 1
        if self.most < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(text)


def test_what_is_printed_after_a_failure_is_swallowed():
    stream = Failing(2)
    outlet = Outlet(stream)
    assert [outlet.write(text) for text in ("a", "bc", "def", "g")] == [1, 2, 3, 1]
    outlet.flush()
    assert stream.getvalue() == "abc" and isinstance(outlet.failure, BrokenPipeError)
    assert stream.most == -1, "it is not tried again"
    assert not outlet.isatty() and outlet.getvalue() == "abc"


def test_what_waited_for_a_reader_that_left_goes_nowhere():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        outlet = Outlet(stream)
        outlet.write("waits")
        assert outlet.failure is None
        outlet.flush()
        assert isinstance(outlet.failure, BrokenPipeError)
        outlet.write("more")
    assert stream.closed  # without an error


def test_other_faults_are_not_hidden():
    stream = io.StringIO()
    outlet = Outlet(stream)
    with pytest.raises(TypeError):
        outlet.write(3)  # type: ignore[arg-type]
    assert outlet.failure is None


def test_both_are_what_they_were_afterwards(capsys):
    before = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), guarded_streams() as output:
        print("out")
        print("err", file=sys.stderr)
        assert output.failure is None and sys.stdout is output
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("out\n", "err\n")
