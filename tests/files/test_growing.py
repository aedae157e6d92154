"""A text that is whole at every moment: while it grows, after a kill, on a full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.files.growing import GrowingText

WRITER = """
import json, resource, sys
from pathlib import Path
from yolov3.errors import UserError
from yolov3.files.growing import GrowingText

folder = Path(sys.argv[1])
for most in map(int, sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    added = 0
    try:
        text = GrowingText(folder / str(most), "[", "\\n]\\n")
        for number in range(40):
            try:
                text.add(("," if added else "") + json.dumps("x" * (number % 7)))
                added += 1
            except UserError as error:
                assert str(error) == f"{folder / str(most)}: cannot be written: File too large", error
        text.close()
    except UserError:
        added = -1
    print(added, flush=True)
"""


def test_it_is_whole_after_every_piece(tmp_path):
    path = tmp_path / "a.json"
    text = GrowingText(path, "[", "\n]\n")
    assert json.loads(path.read_text()) == []
    for number in range(5):
        text.add(f"{',' if number else ''}\n{number}")
        assert json.loads(path.read_text()) == list(range(number + 1))
    text.close()
    assert path.read_text() == "[\n0,\n1,\n2,\n3,\n4\n]\n"


def test_letters_and_no_end(tmp_path):
    text = GrowingText(tmp_path / "a.csv", "naïve\n")
    text.add("猫\r\n")
    text.close()
    assert (tmp_path / "a.csv").read_bytes() == "naïve\n猫\r\n".encode()


def test_on_a_full_disk_what_is_there_is_whole(tmp_path):
    limits = list(range(0, 330, 5))
    command = [sys.executable, "-c", WRITER, str(tmp_path), *map(str, limits)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    added = [int(line) for line in done.stdout.split()]
    assert len(added) == len(limits) and added[0] == -1 and added[-1] == 40 and len(set(added)) > 10
    for limit, count in zip(limits, added):
        if count >= 0:
            assert len(json.loads((tmp_path / str(limit)).read_text())) == count
        else:
            assert not (tmp_path / str(limit)).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_place_that_cannot_be_written_is_told(tmp_path):
    for path, reason in ((Path("/dev/full"), "No space left"), (tmp_path / "none" / "a", "No such file")):
        with pytest.raises(UserError, match=rf"^{path}: cannot be written: {reason}"):
            GrowingText(path, "x")


def test_lines_are_added_whole_or_not_at_all(tmp_path):
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom yolov3.errors import UserError\n"
        "from yolov3.files.growing import append_text\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30, 30))\n"
        "for name, text in (('a', 'eleven\\n'), ('a', 'x' * 50), ('a', 'naïve\\n'), ('b', 'x' * 50)):\n"
        "    try: append_text(Path(sys.argv[1]) / name, text)\n"
        "    except UserError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(f"{tmp_path}/{name}: cannot be written: File too large\n" for name in "ab")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text(encoding="utf-8") == "eleven\nnaïve\n"
