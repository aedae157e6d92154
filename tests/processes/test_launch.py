"""Of several processes the first one speaks."""

from __future__ import annotations

import pytest

from yolov3.processes.launch import is_first_process


@pytest.mark.parametrize(("rank", "first"), [(None, True), ("0", True), ("1", False), ("7", False)])
def test_the_first_process_is_known_by_its_rank(monkeypatch, rank, first):
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert is_first_process() == first
