"""Where a run computes: devices, types, and images as the network takes them."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from yolov3 import UserError
from yolov3.config.experiment import TrainSection
from yolov3.processes.world import World
from yolov3.training.place import Place


def place_of(world: World | None = None, **settings: object) -> Place:
    return Place.of(TrainSection(**settings), world or World())


def test_the_settings_name_it():
    place = place_of(device="cpu", precision="bfloat16", channels_last=False)
    assert place == Place(torch.device("cpu"), torch.bfloat16, False, World())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "tpu"}, "device 'tpu' is not known; use auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:3"}, "device 'cuda:3' was asked for, but torch sees 0 CUDA devices here"),
        ({"device": "cpu", "precision": "float16"}, "precision float16 needs a GPU; on a CPU use bfloat16 or float32"),
    ],
)
def test_one_that_this_machine_does_not_have_is_refused(settings, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=re.escape(message)):
        place_of(**settings)


@pytest.mark.parametrize("text", ["auto", "cuda"])
def test_each_process_of_a_machine_has_its_own_gpu(text, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    world = World(rank=6, size=8, local_rank=2, local_size=4)
    assert place_of(world, device=text, precision="float32").device == torch.device("cuda", 2)
    assert place_of(world, device="cuda:1", precision="float32").device == torch.device("cuda", 1)


@pytest.mark.parametrize("channels_last", [False, True])
def test_images_arrive_as_floats_in_the_memory_order_of_the_network(channels_last):
    place = place_of(device="cpu", precision="float32", channels_last=channels_last)
    images = torch.randint(256, (2, 3, 4, 5), dtype=torch.uint8)
    kept = images.clone()
    order = torch.channels_last if channels_last else torch.contiguous_format
    for given in (images, images.float() / 255):
        moved = place.images(given)
        assert moved.dtype == torch.float32 and torch.equal(moved, kept.float() / 255)
        assert moved.is_contiguous(memory_format=order)
    assert torch.equal(images, kept)
    network = place.network(nn.Conv2d(3, 4, 3))
    assert network.weight.is_contiguous(memory_format=order)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place(torch.device("cpu"), torch.float32), "cpu in float32"),
        (Place(torch.device("cuda", 1), torch.bfloat16, world=World(size=4)), "cuda:1 in bfloat16, 4 processes"),
    ],
)
def test_it_is_told_in_words(place, words):
    assert str(place) == words
