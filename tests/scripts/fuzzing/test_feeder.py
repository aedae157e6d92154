"""The process that feeds, when it is not an input's fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing.feeder import Feeder, FeederError
from fuzzing.mutations import change_bytes
from fuzzing.reader import Limits, Reader

HEAD = "from fuzzing.mutations import change_bytes\nfrom fuzzing.reader import Reader\n"


def feed(catalogue: Path, text: str) -> None:
    catalogue.write_text(HEAD + text)
    feeder = Feeder(catalogue, Limits(), lambda finding, reader: pytest.fail("no input's fault"))
    try:
        reader = Reader("stub", "x.bin", lambda folder: [b"a"], lambda path: None, change_bytes)
        feeder.feed(reader, seed=0, start=0, count=3, seconds=1)
    finally:
        feeder.close()


def test_a_catalogue_that_cannot_be_read(tmp_path):
    with pytest.raises(FeederError, match="NameError"):
        feed(tmp_path / "stubs.py", "READERS = nothing")


def test_a_valid_file_that_is_refused(tmp_path):
    text = (
        "from yolov3.errors import UserError\ndef read(path): raise UserError('never')\n"
        "READERS = [Reader('stub', 'x.bin', lambda folder: [b'a'], read, change_bytes)]"
    )
    with pytest.raises(FeederError, match="a valid file is refused: never"):
        feed(tmp_path / "stubs.py", text)


def test_nothing_is_left_behind(tmp_path):
    catalogue = tmp_path / "stubs.py"
    catalogue.write_text(f"{HEAD}READERS = [Reader('stub', 'x.bin', lambda f: [b'a'], lambda p: None, change_bytes)]")
    feeder = Feeder(catalogue, Limits(), lambda finding, reader: None)
    reader = Reader("stub", "x.bin", lambda folder: [b"a"], lambda path: None, change_bytes)
    assert feeder.feed(reader, seed=0, start=5, count=7, seconds=60).inputs == 7
    folder = feeder._folder
    assert folder.is_dir()
    feeder.close()
    feeder.close()
    assert not folder.exists()
