"""Models as safetensors: there and back, readable by others, and refused when damaged or foreign."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from yolov3.darknet.graph import build_graph
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.formats.checkpoint import FORMAT, VERSION
from yolov3.formats.model import LoadedModel
from yolov3.formats.safetensors_file import load_safetensors, save_safetensors
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing, Suppression

MEANING = ModelMeaning(
    ("röd", "b"), Preprocessing((64, 96), "stretch", "bilinear", 0.25), Suppression("diou", 0.7)
)  # fmt: skip


def tiny() -> YOLOv3:
    return YOLOv3(variant="yolov3-tiny", num_classes=2, width=1 / 32)


@pytest.fixture
def saved(tmp_path, fill) -> Path:
    path = tmp_path / "a.safetensors"
    save_safetensors(path, LoadedModel(fill(tiny()), MEANING, {"recipe": "darknet", "train": {"epochs": 3}}))
    return path


@pytest.mark.parametrize(
    "network",
    [
        tiny(),
        Darknet53Classifier(num_classes=2, width=1 / 32),
        build_graph(native_plan(tiny(), (64, 64))),
    ],
    ids=lambda network: type(network).__name__,
)
def test_there_and_back_it_is_the_same_model(tmp_path, fill, network):
    path = tmp_path / "a.safetensors"
    fill(network)
    save_safetensors(path, LoadedModel(network, MEANING, {"recipe": "darknet"}))
    model = load_safetensors(path)
    assert type(model.network) is type(network)
    assert not model.network.training
    assert model.meaning == MEANING
    assert model.experiment == {"recipe": "darknet"}
    assert model.source == str(path)
    state = model.network.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_other_programs_read_the_weights_and_what_belongs_to_them(saved):
    assert load_file(str(saved)).keys() == tiny().state_dict().keys()
    with safe_open(str(saved), "pt") as file:
        content = json.loads(file.metadata()[FORMAT])
    assert (content["version"], content["names"], content["model"]["variant"]) == (VERSION, ["röd", "b"], "yolov3-tiny")
    assert "weights" not in content


def test_tensors_that_share_memory_are_stored_apart(tmp_path):
    network = tiny()
    first, second = network.backbone.conv1.normalisation, network.backbone.conv2.normalisation
    second.bias = first.bias
    with torch.no_grad():
        first.bias.normal_()
    path = tmp_path / "a.safetensors"
    save_safetensors(path, LoadedModel(network, MEANING))
    found = load_safetensors(path).detector().backbone
    assert torch.equal(found.conv1.normalisation.bias, first.bias)
    assert torch.equal(found.conv2.normalisation.bias, first.bias)


def test_a_file_that_cannot_be_written_leaves_the_old_one(saved):
    before = saved.read_bytes()
    (saved.parent / ".a.safetensors.tmp").mkdir()  # in the way of the new one
    with pytest.raises(UserError, match=r"a\.safetensors: cannot be written"):
        save_safetensors(saved, LoadedModel(tiny(), MEANING))
    assert saved.read_bytes() == before


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.999])
def test_cut_files_are_refused(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=r"a\.safetensors: not readable as safetensors"):
        load_safetensors(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage" * 100,
        b"<!doctype html>",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**24 + 1) + b"{}" + b" " * (2**24 - 1),
        struct.pack("<Q", 10**8) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 70) + b'{"x":{"dtype":"F32","shape":[4000000000,4000000000],"data_offsets":[0,4]}}'[:70],
        struct.pack("<Q", 63) + b'{"x":{"dtype":"F32","shape":[1000],"data_offsets":[0,999999999]}}'[:63],
    ],
)
def test_foreign_files_and_absurd_sizes_are_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.safetensors: not readable as safetensors"):
        load_safetensors(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(UserError, match="not readable as safetensors"):
            load_safetensors(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "a safetensors file, but not a model of this project (no yolov3-checkpoint in its metadata)"),
        (
            {"format": "pt"},
            "a safetensors file, but not a model of this project (no yolov3-checkpoint in its metadata)",
        ),
        ({FORMAT: json.dumps({"version": 99})}, "metadata of another version; this program reads version 1"),
        ({FORMAT: "[]"}, "metadata of another version; this program reads version 1"),
        ({FORMAT: "{"}, "its metadata is not readable: "),
        ({FORMAT: "[" * 100_000}, "its metadata is not readable: "),
        (
            {FORMAT: json.dumps({"version": 1})},
            "damaged or not ours: its part model must be a mapping, it is missing",
        ),
        (
            {FORMAT: json.dumps({"version": 1, "model": 3})},
            "damaged or not ours: its part model must be a mapping, found int",
        ),
    ],
)
def test_metadata_of_others_is_refused(tmp_path, metadata, message):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(UserError) as caught:
        load_safetensors(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_named(saved):
    with safe_open(str(saved), "pt") as file:
        metadata = file.metadata()
    weights = load_file(str(saved))
    missing = dict(weights)
    del missing["heads.0.predict.bias"]
    save_file(missing, saved, metadata=metadata)
    with pytest.raises(
        UserError, match=r"a\.safetensors: weights of another network: heads\.0\.predict\.bias is missing"
    ):
        load_safetensors(saved)


def test_changed_headers_give_a_model_or_a_clear_error(saved):
    good = saved.read_bytes()
    length = struct.unpack("<Q", good[:8])[0]
    generator = random.Random(0)
    refused = 0
    for _ in range(300):
        content = bytearray(good)
        for _ in range(generator.choice((1, 1, 3, 10))):
            content[generator.randrange(generator.choice((8, length + 8)))] = generator.randrange(256)
        saved.write_bytes(content)
        try:
            load_safetensors(saved)
        except UserError as error:
            assert str(error).startswith(str(saved))
            refused += 1
    assert refused > 200
