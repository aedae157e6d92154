"""The fastest runtime: measured once for a network on a machine, remembered, and measured again where that was another."""

from __future__ import annotations

import json
import logging
import time
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from yolov3.graphs.cached import digest_of
from yolov3.runtimes import fastest
from yolov3.runtimes.fastest import ROUNDS, fastest_of
from yolov3.runtimes.torch_runtime import TorchRuntime


@dataclass
class Slow:
    """A runtime that takes its time. The first call takes longer, as everywhere."""

    name: str
    seconds: float
    inner: TorchRuntime
    given: list[Tensor] = field(default_factory=list)
    device: str = "cpu"
    precision: str = "float32"
    num_classes: int = 2

    def __call__(self, images: Tensor):
        time.sleep(self.seconds if self.given else 0.05)
        self.given.append(images)
        return self.inner(images)


class Kept(dict):
    """Opens runtimes by their names and remembers which were asked for."""

    def __init__(self, inner: TorchRuntime, **seconds: float) -> None:
        super().__init__({name: Slow(name, each, inner) for name, each in seconds.items()})
        self.opened: list[str] = []

    def __call__(self, name: str) -> Slow:
        self.opened.append(name)
        return self[name]


@pytest.fixture
def choose(by_torch, micro, facts_of, caplog):
    """A function of the seconds that runtimes take: which one is chosen, which were opened, and what was told."""
    caplog.set_level(logging.INFO)

    def chosen(network=micro, facts=None, **seconds: float) -> tuple[str, list[str], list[str]]:
        caplog.clear()
        kept = Kept(by_torch, **seconds)
        runtime = fastest_of(list(seconds), kept, network, facts or facts_of())
        return runtime.name, kept.opened, [record.message for record in caplog.records]

    return chosen


def test_the_fastest_is_taken_and_told(choose):
    name, opened, (making, told) = choose(torch=0.03, onnxruntime=0.0, openvino=0.06)
    assert name == "onnxruntime" and opened == ["torch", "onnxruntime", "openvino"]
    assert making == "making ready for this machine (once for this model): torch, onnxruntime, openvino"
    words = told.replace("(", "").replace(")", "").replace(",", "").split()
    assert told.startswith("runtime: onnxruntime, ") and " ms an image (torch " in told
    assert float(words[2]) < float(words[7]) < float(words[9]) and words[8] == "openvino"


def test_it_is_measured_once(choose, cache, micro, facts_of):
    first, _, (_, told) = choose(torch=0.03, onnxruntime=0.0)
    (path,) = cache.iterdir()
    assert path.name == f"{digest_of(micro, facts_of())}.json"
    assert set(json.loads(path.read_text())["milliseconds"]) == {"torch", "onnxruntime"}
    # now they are as fast as each other; what was measured counts, and only the wanted one is opened
    again, opened, lines = choose(torch=0.0, onnxruntime=0.03)
    assert first == again == "onnxruntime" and opened == ["onnxruntime"] and lines == [told]


def test_of_those_that_are_there_now_only(choose):
    choose(torch=0.03, onnxruntime=0.0, openvino=0.06)
    name, opened, lines = choose(torch=0.0, openvino=0.0)
    assert name == "torch" and opened == ["torch"] and len(lines) == 1
    name, opened, _ = choose(torch=0.02, another=0.0)  # of one nobody has measured all are measured again
    assert name == "another" and opened == ["torch", "another"]


def test_an_only_one_is_not_measured(choose, cache):
    assert choose(torch=5.0) == ("torch", ["torch"], [])
    assert not cache.exists()


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "null", "3", "{}", "\xff\xfe", "[" * 100_000, '{"machine": 1}', '{"machine": "HERE"}',
        '{"machine": "HERE", "milliseconds": 3}',
        '{"machine": "HERE", "milliseconds": {"torch": 1}}',
        '{"machine": "HERE", "milliseconds": {"torch": 1, "onnxruntime": "x"}}',
        '{"machine": "HERE", "milliseconds": {"torch": 1, "onnxruntime": null}}',
        '{"machine": "HERE", "milliseconds": {"torch": NaN, "onnxruntime": 5}}',
        '{"machine": "elsewhere", "milliseconds": {"torch": 1, "onnxruntime": 2}}',
    ],
)  # fmt: skip
def test_what_cannot_be_used_or_is_of_another_machine_is_measured_again(choose, cache, micro, facts_of, content):
    cache.mkdir(parents=True)
    path = cache / f"{digest_of(micro, facts_of())}.json"
    path.write_bytes(content.replace("HERE", fastest._machine()).encode("latin-1"))
    name, opened, _ = choose(torch=0.02, onnxruntime=0.0)
    assert name == "onnxruntime" and opened == ["torch", "onnxruntime"]
    assert choose(torch=0.0, onnxruntime=0.02)[1] == ["onnxruntime"]


def test_other_threads_are_another_machine(choose, monkeypatch):
    choose(torch=0.02, onnxruntime=0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert choose(torch=0.0, onnxruntime=0.02)[:2] == ("torch", ["torch", "onnxruntime"])


def test_another_network_or_size_is_measured_for_itself(choose, micro, facts_of):
    choose(torch=0.02, onnxruntime=0.0)
    other = deepcopy(micro)
    with torch.no_grad():
        next(other.parameters()).add_(1)
    assert choose(other, torch=0.0, onnxruntime=0.02)[0] == "torch"
    assert choose(facts=facts_of(dynamic=True), torch=0.0, onnxruntime=0.02)[0] == "torch"
    assert choose(torch=0.0, onnxruntime=0.02)[0] == "onnxruntime"


def test_without_a_folder_it_is_measured_each_time(choose, cache):
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    for _ in range(2):
        assert choose(torch=0.02, onnxruntime=0.0)[:2] == ("onnxruntime", ["torch", "onnxruntime"])


def test_without_a_file_it_is_measured_each_time(choose, cache, micro, facts_of):
    (cache / f"{digest_of(micro, facts_of())}.json").mkdir(parents=True)
    for _ in range(2):
        assert choose(torch=0.02, onnxruntime=0.0)[:2] == ("onnxruntime", ["torch", "onnxruntime"])


@pytest.mark.parametrize(("kind", "dtype"), [("uint8", torch.uint8), ("float32", torch.float32)])
def test_they_take_turns_and_are_given_what_the_detector_would_give(by_torch, micro, facts_of, kind, dtype):
    kept = Kept(by_torch, torch=0.0, onnxruntime=0.0)
    fastest_of(["torch", "onnxruntime"], kept, micro, facts_of(input=kind))
    for runtime in kept.values():
        assert len(runtime.given) == ROUNDS + 1
        assert all(each.shape == (1, 3, 96, 64) and each.dtype == dtype for each in runtime.given)
