"""What a checkpoint holds of a stopped run, looked at whole before any of it is used: a run goes on as it was, or not at all.

What is stored is compared with the same of a fresh run of the same settings, which shows the parts and their kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yolov3.errors import UserError
from yolov3.journal.rows import EpochRow

Complaint = str | None


def check_stored(
    training: dict[str, Any],
    fresh: dict[str, Any],
    parameters: list[Tensor],
    row_kind: type[EpochRow],
    path: Path,
) -> None:
    """Raise UserError naming ``path`` and the part of ``training`` that is missing or cannot be gone on with. ``fresh`` is
    what a run stores at its beginning, ``parameters`` are those of its optimiser in their order."""
    looks: dict[str, Callable[[], Complaint]] = {
        "network": lambda: None,  # whose weights are looked at with all others
        "average_updates": lambda: _updates(training["average_updates"], fresh["average_updates"]),
        "optimiser": lambda: _optimiser(training["optimiser"], fresh["optimiser"], parameters),
        "scaler": lambda: _scaler(training["scaler"], fresh["scaler"]),
        "progress": lambda: _progress(training["progress"], fresh["progress"], row_kind),
        "random": lambda: _random(training["random"]),
        "random_cuda": lambda: _random_cuda(training["random_cuda"]),
    }
    for part, look in looks.items():
        complaint = look() if part in training else "it is missing"
        if complaint is not None:
            raise UserError(f"{path}: damaged or not ours: training.{part}: {complaint}")


def _updates(stored: Any, fresh: Any) -> Complaint:
    return "no count" if fresh is not None and not _is_count(stored) else None


def _optimiser(stored: Any, fresh: dict[str, Any], parameters: list[Tensor]) -> Complaint:
    groups, states = (stored.get(key) if isinstance(stored, dict) else None for key in ("param_groups", "state"))
    if not isinstance(groups, list) or not isinstance(states, dict) or len(groups) != len(fresh["param_groups"]):
        return "no groups of parameters and their states"
    for place, (group, own) in enumerate(zip(groups, fresh["param_groups"])):
        if not isinstance(group, dict) or not own.keys() <= group.keys() or not _same(group["params"], own["params"]):
            return f"group {place} is not of this network"
        for key, value in own.items():
            kinds = (int, float) if type(value) in (int, float) else (type(value),)
            if type(group[key]) not in kinds:
                return f"group {place}: {key} is {type(group[key]).__name__}"
    for number, state in states.items():
        if type(number) is not int or not 0 <= number < len(parameters) or not isinstance(state, dict):
            return "a state of no parameter"
        for key, value in state.items():
            fits = isinstance(value, Tensor) and value.is_floating_point() and value.shape == parameters[number].shape
            if key != "momentum_buffer" or not (value is None or (fits and _is_dense(value))):
                return f"the state of parameter {number} is not of its shape"
    return None


def _is_dense(value: Tensor) -> bool:
    """Whether each element has a place of its own, without gaps, in any order: what is not cannot be changed in place."""
    expected = 1
    for stride, size in sorted(zip(value.stride(), value.shape)):
        if size > 1 and stride != expected:
            return False
        expected *= max(1, size)
    return True


def _scaler(stored: Any, fresh: dict[str, Any]) -> Complaint:
    """A run without a scale, on another device than before, has no use for a stored one."""
    fits = isinstance(stored, dict) and (not fresh or (stored.keys() == fresh.keys()))
    return None if fits and all(map(_is_number, stored.values())) else "no scale of this precision"


def _progress(stored: Any, fresh: dict[str, Any], row_kind: type[EpochRow]) -> Complaint:
    if not isinstance(stored, dict) or stored.keys() != fresh.keys():
        return "not the places where a run stands"
    sums, history = stored["loss_sums"], stored["history"]
    if not isinstance(sums, list) or len(sums) != len(fresh["loss_sums"]) or not all(map(_is_number, sums)):
        return f"loss_sums must be {len(fresh['loss_sums'])} numbers"
    least = {"best_epoch": -1, "parts": 1}
    for name, value in fresh.items():
        if type(value) is int and not _is_count(stored[name], least.get(name, 0)):
            return f"{name} is no count"
    if not _is_number(stored["best_score"]):
        return "best_score is no number"
    if not isinstance(history, list) or not all(_is_row(row, row_kind) for row in history):
        return "its history is of another kind of run"
    return None


def _is_row(row: Any, row_kind: type[EpochRow]) -> bool:
    return (
        isinstance(row, dict)
        and row.keys() >= set(row_kind.columns())
        and all(row[name] is None or type(row[name]) in (int, float) for name in row_kind.columns())
    )


def _random(stored: Any) -> Complaint:
    try:
        torch.Generator().set_state(stored)
    except (TypeError, RuntimeError):
        return "no state of PyTorch's random numbers"
    return None


def _random_cuda(stored: Any) -> Complaint:
    states = stored if isinstance(stored, list) else [None]
    plain = all(isinstance(each, Tensor) and each.dtype == torch.uint8 and each.ndim == 1 for each in states)
    return None if plain else "no states of CUDA's random numbers"


def _same(stored: Any, own: list[int]) -> bool:
    return isinstance(stored, list) and all(type(number) is int for number in stored) and stored == own


def _is_count(value: Any, least: int = 0) -> bool:
    return type(value) is int and value >= least


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
