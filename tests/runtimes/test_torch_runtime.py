"""A network computed by PyTorch: what it was and is afterwards, in which type, and what happens when memory is short."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from yolov3.codec import decode
from yolov3.errors import UserError
from yolov3.models.yolov3 import YOLOv3
from yolov3.runtimes import torch_runtime
from yolov3.runtimes.torch_runtime import TorchRuntime, evaluation_mode

CPU = torch.device("cpu")


@pytest.fixture
def network() -> YOLOv3:
    torch.manual_seed(1)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=3)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):  # statistics that differ from those of any batch
            nn.init.uniform_(part.running_mean, -1, 1)
            nn.init.uniform_(part.running_var, 0.5, 2)
    return network


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randint(0, 256, (5, 3, 64, 96), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def by_hand(network: YOLOv3, images: Tensor):
    network.eval()
    with torch.no_grad():
        return decode(network(images.float() / 255), network.levels)


def same(found, second, **tolerance) -> bool:
    first = found.decoded()
    for name in ("boxes", "objectness", "classes"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name), **tolerance)
    return True


def test_predictions_are_those_of_the_network_decoded(network, images):
    expected = by_hand(network, images)
    runtime = TorchRuntime.of(network, CPU, torch.float32)
    assert same(runtime(images), expected, atol=1e-3, rtol=1e-4)
    assert same(runtime(images.float() / 255), expected, atol=1e-3, rtol=1e-4)
    assert (runtime.num_classes, runtime.device, runtime.precision) == (3, "cpu", "float32")


def test_a_lower_precision_is_near_and_comes_back_in_float32(network, images):
    expected = by_hand(network, images)
    runtime = TorchRuntime.of(network, CPU, torch.bfloat16)
    found = runtime(images).decoded()
    assert runtime.precision == "bfloat16" and found.boxes.dtype == torch.float32
    assert not torch.equal(found.objectness, expected.objectness)
    torch.testing.assert_close(found.objectness, expected.objectness, atol=0.05, rtol=0)
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())


def test_nothing_can_be_learned_from_predictions(network, images):
    found = TorchRuntime(network, CPU)(images)
    assert not any(part.requires_grad for part in (*found.maps, *found.at(*(found.objectness > 0).nonzero().T)))
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.is_grad_enabled()


def test_every_part_gets_its_mode_back(network, images):
    network.train()
    network.backbone.eval()
    before = [part.training for part in network.modules()]
    statistics = [part.running_mean.clone() for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    TorchRuntime(network, CPU)(images)
    assert [part.training for part in network.modules()] == before
    for part, mean in zip((p for p in network.modules() if isinstance(p, nn.BatchNorm2d)), statistics):
        assert torch.equal(part.running_mean, mean)


def test_every_part_gets_its_mode_back_from_a_failure_too(network):
    network.train()
    network.backbone.eval()
    before = [part.training for part in network.modules()]
    with pytest.raises(RuntimeError, match="stop"), evaluation_mode(network):
        assert not any(part.training for part in network.modules())
        raise RuntimeError("stop")
    assert [part.training for part in network.modules()] == before


class ShortOfMemory:
    """Lets a network fail as a GPU without memory does, for batches above a number of images."""

    def __init__(self, network: YOLOv3, most: int) -> None:
        self.sizes: list[int] = []
        forward = network.forward

        def limited(images: Tensor) -> tuple[Tensor, ...]:
            self.sizes.append(len(images))
            if len(images) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return forward(images)

        network.forward = limited


@pytest.mark.parametrize(("most", "sizes"), [(4, [5, 3, 2]), (2, [5, 3, 2, 1, 2]), (1, [5, 3, 2, 1, 1, 1, 2, 1, 1])])
def test_a_batch_that_memory_does_not_hold_is_computed_in_halves(monkeypatch, network, images, most, sizes):
    monkeypatch.setattr(torch_runtime, "images_at_once", lambda: 16)
    expected = by_hand(network, images)
    short = ShortOfMemory(network.train(), most)
    assert same(TorchRuntime(network, CPU)(images), expected, atol=1e-3, rtol=1e-4)
    assert short.sizes == sizes
    assert all(part.training for part in network.modules())


@pytest.mark.parametrize(("threads", "sizes"), [(1, [2, 2, 1]), (4, [4, 1]), (8, [5])])
def test_a_cpu_computes_a_batch_in_parts_for_its_cores(network, images, threads, sizes):
    expected = by_hand(network, images)
    seen = ShortOfMemory(network, 16)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert same(TorchRuntime(network, CPU)(images), expected, atol=1e-3, rtol=1e-4)
    finally:
        torch.set_num_threads(before)
    assert seen.sizes == sizes


def test_memory_that_is_not_there_is_not_asked_for(monkeypatch, network, images):
    channels = next(part for part in network.modules() if isinstance(part, torch.nn.Conv2d)).out_channels
    need = 2 * channels * 64 * 96 * 4
    monkeypatch.setattr(torch_runtime, "images_at_once", lambda: 16)
    monkeypatch.setattr(torch_runtime, "LARGE", 0)
    expected = by_hand(network, images)
    for free, sizes in ((5 * need, [5]), (5 * need - 1, [3, 2]), (2 * need, [2, 1, 2]), (need, [1] * 5), (None, [5])):
        seen = ShortOfMemory(network, 16)
        monkeypatch.setattr(torch_runtime, "free_memory", lambda free=free: free)
        assert same(TorchRuntime(network, CPU)(images), expected, atol=1e-3, rtol=1e-4)
        assert seen.sizes == sizes
        del network.forward
    monkeypatch.setattr(torch_runtime, "free_memory", lambda: need - 1)
    with pytest.raises(
        UserError, match=r"^image of 64x96 needs at least 0.0 GiB of memory, 0.0 GiB are free; use a smaller"
    ):
        TorchRuntime(network, CPU)(images)


def test_an_image_that_memory_does_not_hold_is_told_with_a_remedy(network, images):
    ShortOfMemory(network.train(), 0)
    with pytest.raises(
        UserError, match=r"^cpu has not enough memory for one image of 64x96; use a smaller input \(--imgsz\)$"
    ):
        TorchRuntime(network, CPU)(images)
    assert all(part.training for part in network.modules())


def test_another_failure_is_not_taken_for_a_lack_of_memory(network, images):
    def broken(images: Tensor) -> tuple[Tensor, ...]:
        raise RuntimeError("ours")

    network.forward = broken
    with pytest.raises(RuntimeError, match="ours"):
        TorchRuntime(network, CPU)(images)
    with pytest.raises(ValueError, match="multiples of 32"):
        TorchRuntime(YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=3), CPU)(images[..., :-1])


def test_a_network_is_moved_into_the_layout_that_computes_fastest(network, images):
    runtime = TorchRuntime.of(network.train(), CPU, torch.float32)
    kernels = [part.weight for part in network.modules() if isinstance(part, nn.Conv2d) and part.kernel_size[0] > 1]
    assert kernels and all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    assert runtime.network is network and not network.training


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_a_gpu_predicts_what_the_processor_does(network, images, kind):
    expected = by_hand(network, images)
    runtime = TorchRuntime.of(network, torch.device("cuda"), kind)
    found = runtime(images)
    assert found.objectness.device.type == "cuda" and runtime.device.startswith("cuda")
    torch.testing.assert_close(found.objectness.cpu(), expected.objectness, atol=0.05, rtol=0)
