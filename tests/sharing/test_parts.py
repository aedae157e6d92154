"""What is done stays done, whoever dies; what is to be finished is what was begun; what is damaged is told."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.processes.run_lock import RunLock
from yolov3.processes.world import World
from yolov3.sharing.parts import FOLDER, Parts, dealt, has_parts, shared
from yolov3.watching.watcher import Watcher

PLAN = {"confidence": "0.25", "sources": "7 files"}
PIECES = [(0, 4), (4, 6), (6, 7)]


@pytest.fixture
def parts(tmp_path) -> Parts:
    return Parts.begin(tmp_path, PLAN, PIECES)


def do(parts: Parts, number: int, *records: dict) -> None:
    with parts.writing(number) as growing:
        for record in records:
            growing.add(record)


def test_what_was_written_is_read_and_counts_as_done(parts, tmp_path):
    records = [{"a": [0.1, 1 / 3, 1e-45]}, {"b": "\ud800\n é"}]
    do(parts, 1, *records)
    do(parts, 2)
    assert parts.undone() == [0]
    again = Parts.go_on(tmp_path, PLAN)
    assert again == parts and again.undone() == [0]
    assert list(again.read(1)) == records and list(again.read(2)) == []


def test_what_was_not_finished_is_done_again(parts):
    with pytest.raises(KeyboardInterrupt), parts.writing(0) as growing:
        growing.add({"a": 1})
        raise KeyboardInterrupt
    assert parts.undone() == [0, 1, 2]
    do(parts, 0, {"b": 2})
    assert list(parts.read(0)) == [{"b": 2}] and parts.undone() == [1, 2]


def test_in_the_end_nothing_of_it_stays(parts, tmp_path):
    assert has_parts(tmp_path)
    parts.remove()
    assert list(tmp_path.iterdir()) == [] and not has_parts(tmp_path)


def test_a_run_is_new_unless_one_is_named(tmp_path):
    first, second = (Parts.of_run(tmp_path / "runs", "street", PLAN, PIECES, None) for _ in range(2))
    assert (first.folder.name, second.folder.name) == ("street", "street-2")
    do(second, 0)
    assert Parts.of_run(tmp_path / "runs", "street", PLAN, [(0, 1)], second.folder) == second
    with pytest.raises(
        UserError, match=r"was begun with confidence 0\.25, found 0\.5; --resume finishes what the same"
    ):
        Parts.of_run(tmp_path, "street", {**PLAN, "confidence": "0.5"}, PIECES, second.folder)
    with pytest.raises(UserError, match="was begun with track nothing, found True"):
        Parts.of_run(tmp_path, "street", {**PLAN, "track": "True"}, PIECES, second.folder)


def test_a_run_that_torchrun_starts_again_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    begun = Parts.of_run(tmp_path, "street", PLAN, PIECES, None)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert Parts.of_run(tmp_path, "street", PLAN, PIECES, None).folder.samefile(begun.folder)
    begun.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["street"]


def test_where_nothing_was_begun_nothing_can_be_finished(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=r"^--resume .*: no run lies there"):
            Parts.go_on(folder, PLAN)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"pieces": 3}', '{"pieces": [[0]]}', '{"pieces": [[1, 0]]}', '{"pieces": [[0, true]]}', "\xff"],
)
def test_a_damaged_plan(parts, tmp_path, text):
    (tmp_path / FOLDER / "plan.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"plan\.json: damaged"):
        Parts.go_on(tmp_path, PLAN)


@pytest.mark.parametrize("text", ['{"a": 1}\n{"b"', '{"a": 1}\n[3]\n', '{"a": 1}\n\xff\n'])
def test_a_damaged_part(parts, tmp_path, text):
    do(parts, 0)
    (tmp_path / FOLDER / "000000.jsonl").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"000000\.jsonl, line 2: damaged; without this file --resume does"):
        list(parts.read(0))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_every_undone_part_is_dealt_once(size):
    undone = [1, 4, 5, 9, 12, 13]
    hands = [dealt(undone, rank, size) for rank in range(size)]
    assert sorted(number for hand in hands for number in hand) == undone
    assert max(map(len, hands)) - min(map(len, hands)) <= 1


BEGIN = """
from pathlib import Path
from yolov3.errors import UserError
from yolov3.processes.run_lock import RunLock
from yolov3.processes.world import World
from yolov3.sharing.parts import Parts

try:
    Parts.begin(Path("closed"), {}, [])
except UserError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_written(unprivileged, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    done = unprivileged.run("-c", BEGIN)
    assert "closed/.parts: cannot be written: Permission denied" in done.stdout, done


def test_others_are_waited_for(parts):
    """Until the last part is there, and who waits is told for what."""
    told: list[str] = []

    class Doing(Watcher):
        def advance(self, done, total=None, *, text=None) -> None:
            told.append(text)
            do(parts, parts.undone()[0])

    parts.wait(Doing())
    assert told == [f"waiting for other processes: {words}" for words in ("3 parts", "2 parts", "1 part")]
    parts.wait(Doing())
    assert len(told) == 3


def test_a_shared_run_is_held_and_who_is_stopped_is_told_how_to_go_on(parts, tmp_path):
    told: list[str] = []

    class Told(Watcher):
        def warn(self, line) -> None:
            told.append(line)

    do(parts, 1)
    with shared(lambda: parts, World(), Told()) as (opened, own):
        assert opened is parts and own == [0, 2]
        with pytest.raises(UserError, match="another process works in this folder"):
            RunLock.of(tmp_path)
    with pytest.raises(KeyboardInterrupt), shared(lambda: parts, World(), Told()):
        raise KeyboardInterrupt
    assert told == [f"stopped; what is done is kept: the same command with --resume {tmp_path} goes on"]
    with RunLock.of(tmp_path):
        pass
