"""Where it is computed and in which precision: what the machine has, and one line for what it has not."""

from __future__ import annotations

import platform
import random
from pathlib import Path

import pytest
import torch
from torch import nn

from yolov3.errors import UserError
from yolov3.machine.device import PRECISIONS, mixed_precision, normalised, select_device, select_precision

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_auto_is_a_gpu_where_there_is_one():
    assert select_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert select_device("cpu") == CPU


@needs_cuda
def test_gpus_are_named_by_their_numbers():
    assert select_device("0") == select_device("cuda:0") == torch.device("cuda", 0)
    assert select_device("cuda").type == "cuda"


@pytest.mark.parametrize(
    "text", ["", "gpu", "CPU", "cuda:x", "cuda:", "-1", "cuda:-1", "1,2", "0.5", "²", "cpu cpu", "é\0"]
)
def test_devices_that_are_not_known(text):
    with pytest.raises(UserError, match="use auto, cpu, cuda or cuda:N") as caught:
        select_device(text)
    assert repr(text) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["mps", "meta", "xpu:0"])
def test_devices_that_torch_knows_and_we_do_not(text):
    with pytest.raises(UserError, match=f"device '{text}' is not supported; use auto, cpu, cuda or cuda:N"):
        select_device(text)


@pytest.mark.parametrize("text", ["99", "cuda:99", "120"])
def test_devices_that_are_not_here(text):
    with pytest.raises(UserError, match=rf"device '{text}' was asked for, but torch sees \d+ CUDA devices here"):
        select_device(text)


def test_any_word_is_a_device_or_a_mistake():
    chance = random.Random(0)
    for _ in range(500):
        text = "".join(chance.choices("cudapxm:019-", k=chance.randrange(1, 30)))
        try:
            assert select_device(text).type in ("cpu", "cuda")
        except UserError as error:
            assert repr(text) in str(error)


def test_a_named_precision_is_that_one():
    for name, precision in PRECISIONS.items():
        if name != "float16":
            assert select_precision(name, CPU) == precision
    assert select_precision("float16", torch.device("cuda", 0)) == torch.float16
    with pytest.raises(UserError, match="float16 needs a GPU; on a CPU use bfloat16 or float32"):
        select_precision("float16", CPU)


@pytest.mark.skipif(platform.machine() != "x86_64" or not Path("/proc/cpuinfo").is_file(), reason="needs Linux on x86")
def test_a_processor_computes_by_itself_in_bfloat16_only_where_it_is_built_for_it():
    flags = Path("/proc/cpuinfo").read_text().split()
    built_for_it = "avx512_bf16" in flags or "amx_tile" in flags
    assert select_precision("auto", CPU) == (torch.bfloat16 if built_for_it else torch.float32)


@needs_cuda
def test_a_gpu_computes_by_itself_in_half_precision():
    precision = select_precision("auto", torch.device("cuda", 0))
    assert precision == (torch.bfloat16 if torch.cuda.get_device_capability(0) >= (8, 0) else torch.float16)


def test_mixed_precision_is_of_the_arithmetic_and_not_of_the_weights():
    layer, images = nn.Conv2d(3, 4, 3), torch.rand(1, 3, 8, 8)
    with mixed_precision(CPU, torch.bfloat16):
        assert layer(images).dtype == torch.bfloat16
    with mixed_precision(CPU, torch.float32):
        assert layer(images).dtype == torch.float32
    assert layer.weight.dtype == torch.float32 and layer(images).dtype == torch.float32


def test_bytes_become_shares_of_white():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, 3, 16, 16).contiguous()
    kept = images.clone()
    found = normalised(images, CPU)
    assert found.dtype == torch.float32 and found.min() == 0 and found.max() == 1
    assert torch.equal(found[0, 0].flatten(), torch.arange(256) / 255)
    assert torch.equal((found * 255).round().byte(), images) and torch.equal(images, kept)


def test_floats_are_left_as_they_are():
    images = torch.rand(2, 3, 8, 8)
    kept = images.clone()
    assert torch.equal(normalised(images, CPU), kept)
    assert normalised(torch.zeros(0, 3, 8, 8, dtype=torch.uint8), CPU).shape == (0, 3, 8, 8)


def test_the_memory_order_stays():
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    assert normalised(images, CPU).is_contiguous(memory_format=torch.channels_last)
