"""Graphs that are kept: made once for a network, anew for another or when damaged, and without a folder each time."""

from __future__ import annotations

import os
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from yolov3.darknet.cfg_to_plan import graph_from_text
from yolov3.errors import UserError
from yolov3.graphs import cached
from yolov3.graphs.cached import cache_folder, cached_onnx, digest_of
from yolov3.graphs.onnx_file import facts_of_onnx, read_onnx_facts
from yolov3.models.yolov3 import YOLOv3


@pytest.fixture(autouse=True)
def cache(own_cache) -> Path:
    return own_cache


@pytest.fixture
def made(monkeypatch, micro_graph) -> list[str]:
    """The descriptions of the graphs that were made; each time it is that of the tiny network."""
    descriptions: list[str] = []

    def make(network, facts) -> onnx.ModelProto:
        descriptions.append(facts.description)
        return onnx.ModelProto.FromString(micro_graph[0])

    monkeypatch.setattr(cached, "onnx_of", make)
    return descriptions


def test_the_folder_is_where_such_things_belong(cache, monkeypatch, tmp_path):
    assert cache_folder() == cache
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == tmp_path / ".cache" / "yolov3"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "yolov3"
    assert not (tmp_path / ".cache").exists() and not cache.exists()


def test_a_graph_is_made_once(made, cache, micro, facts_of, micro_graph):
    facts = facts_of(micro)
    contents = [cached_onnx(micro, facts) for _ in range(3)]
    assert made == ["tiny"] and len(set(contents)) == 1
    (path,) = cache.iterdir()
    assert path.name == f"{digest_of(micro, facts)}.onnx" and read_onnx_facts(path) == facts
    assert facts_of_onnx(path, contents[0]) == facts
    assert onnx.ModelProto.FromString(contents[0]).graph == onnx.ModelProto.FromString(micro_graph[0]).graph


def test_the_graph_is_that_of_the_network(micro, micro_graph, facts_of):
    """Made by the exporter itself this time."""
    content = cached_onnx(micro, facts_of(micro, outputs="raw"))
    weights = {each.name: each.raw_data for each in onnx.ModelProto.FromString(content).graph.initializer}
    own = {each.name: each.raw_data for each in onnx.ModelProto.FromString(micro_graph[0]).graph.initializer}
    convolutions = [name for name in weights if name.endswith("convolution.weight")]
    assert convolutions and all(weights[name] == own[name] for name in convolutions)


def test_another_network_or_another_use_is_another_graph(made, micro, facts_of):
    other = deepcopy(micro)
    with torch.no_grad():
        next(other.parameters()).view(-1)[0] += 1e-3
    facts = facts_of(micro)
    for network, said in ((micro, facts), (other, facts), (micro, replace(facts, dynamic=True)), (micro, facts)):
        cached_onnx(network, said)
    assert made == ["tiny"] * 3


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"", lambda content: content + b"x"])
def test_a_damaged_graph_is_made_anew(made, cache, micro, facts_of, damage):
    facts = facts_of(micro)
    whole = cached_onnx(micro, facts)
    (path,) = cache.iterdir()
    path.write_bytes(damage(whole))
    assert cached_onnx(micro, facts) == whole == path.read_bytes()
    assert made == ["tiny", "tiny"]


def test_a_graph_that_says_something_else_is_made_anew(made, cache, micro, facts_of):
    facts, other = facts_of(micro), facts_of(micro, description="another")
    cached_onnx(micro, other)
    (path,) = cache.iterdir()
    path.rename(path.with_name(f"{digest_of(micro, facts)}.onnx"))
    cached_onnx(micro, facts)
    assert made == ["another", "tiny"]


def test_without_a_folder_it_is_made_each_time(made, cache, micro, facts_of, micro_graph):
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    facts = facts_of(micro)
    for _ in range(2):
        content = cached_onnx(micro, facts)
        assert onnx.ModelProto.FromString(content).graph == onnx.ModelProto.FromString(micro_graph[0]).graph
    assert made == ["tiny", "tiny"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="who may do everything is refused nothing")
def test_in_a_folder_that_may_not_be_written_too(made, cache, micro, facts_of):
    cache.mkdir(parents=True)
    cache.chmod(0o555)
    cached_onnx(micro, facts_of(micro))
    assert made == ["tiny"] and not list(cache.iterdir())


def test_what_cannot_be_exported_is_not_hidden(monkeypatch, micro, facts_of):
    def refuse(network, facts):
        raise UserError("writing ONNX graphs needs onnxscript")

    monkeypatch.setattr(cached, "onnx_of", refuse)
    with pytest.raises(UserError, match="needs onnxscript"):
        cached_onnx(micro, facts_of(micro))


def test_the_digest_knows_every_number_and_every_word(micro, facts_of):
    facts = facts_of(micro)
    digests = {digest_of(micro, facts)}
    for name in micro.state_dict():
        other = deepcopy(micro)
        tensor = other.state_dict()[name]
        tensor.view(-1)[-1:] += 1
        digests.add(digest_of(other, facts))
    assert len(digests) == 1 + len(micro.state_dict())
    levels = (replace(facts.levels[0], xy_scale=1.5), *facts.levels[1:])
    for changes in ({"precision": "float16"}, {"outputs": "raw"}, {"input": "float32"}, {"levels": levels}):
        digests.add(digest_of(micro, replace(facts, **changes)))
    assert len(digests) == 5 + len(micro.state_dict())
    assert digest_of(deepcopy(micro).train().eval(), facts) in digests


@pytest.mark.parametrize(("old", "new"), [("activation=mish", "activation=leaky"), ("from=-2", "from=-3")])
def test_the_digest_knows_how_the_layers_hang_together(micro_cfg, fill, facts_of, old, new):
    """The weights are the same, and so is all that the facts say."""
    more = "[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=leaky\n" * 3 + "[shortcut]\nfrom=-2\n"
    text = micro_cfg.replace("[convolutional]\nfilters=14", f"{more}[convolutional]\nfilters=14", 1)
    first, second = fill(graph_from_text(text)), graph_from_text(text.replace(old, new, 1))
    second.load_state_dict(first.state_dict())
    facts = facts_of(first)
    assert facts == facts_of(second) and text != text.replace(old, new, 1)
    assert digest_of(first, facts) != digest_of(second, facts)


def test_the_digest_is_the_same_for_the_same_network_read_again(fill, facts_of):
    first, second = (fill(YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625), seed=3) for _ in range(2))
    assert digest_of(first, facts_of(first)) == digest_of(second, facts_of(second))
    assert digest_of(first.to(memory_format=torch.channels_last), facts_of(first)) == digest_of(
        second, facts_of(second)
    )
    third = fill(YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625), seed=4)
    assert digest_of(first, facts_of(first)) != digest_of(third, facts_of(third))
