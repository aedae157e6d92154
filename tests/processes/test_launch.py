"""Of several processes the first one speaks."""

from __future__ import annotations

import pytest

from yolov3.processes.launch import is_first_process, is_one_of_several, would_be_started_again


@pytest.mark.parametrize(("rank", "first"), [(None, True), ("0", True), ("1", False), ("7", False)])
def test_the_first_process_is_known_by_its_rank(monkeypatch, rank, first):
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert is_first_process() == first


@pytest.mark.parametrize(("size", "several"), [(None, False), ("1", False), ("2", True)])
def test_whether_there_are_others_is_known_too(monkeypatch, size, several):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size is not None:
        monkeypatch.setenv("WORLD_SIZE", size)
    assert is_one_of_several() == several


@pytest.mark.parametrize(
    ("most", "so_far", "again"),
    [(None, None, False), ("0", "0", False), ("3", "0", True), ("3", "2", True), ("3", "3", False)],
)
def test_whether_a_failure_would_be_repeated(monkeypatch, most, so_far, again):
    for name, value in (("MAX_RESTARTS", most), ("RESTART_COUNT", so_far)):
        monkeypatch.delenv(f"TORCHELASTIC_{name}", raising=False)
        if value is not None:
            monkeypatch.setenv(f"TORCHELASTIC_{name}", value)
    assert would_be_started_again() == again
