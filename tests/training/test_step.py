"""One step: the same in parts as whole, undone where a number is not finite or memory is short."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from yolov3.batches.detection import training_loader
from yolov3.batches.plan import EpochSettings
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import TrainSection
from yolov3.config.learning import LossSection, OptimiserSection
from yolov3.models.yolov3 import YOLOv3
from yolov3.processes.world import World
from yolov3.structures import Batch
from yolov3.training.objective import DetectionObjective, Part
from yolov3.training.place import Place
from yolov3.training.run import make_state
from yolov3.training.state import TrainingState
from yolov3.training.step import Computing, OutOfMemory, compute_gradient, is_out_of_memory, training_step

CPU = Place(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def batch(experiment_of, tmp_path_factory) -> Batch:
    """Eight real training images with mosaics and mixups."""
    experiment = experiment_of(tmp_path_factory.mktemp("none"))
    loader = training_loader(
        open_dataset(experiment.data, "train"), augment=experiment.augment, workers=0,
        preprocessing=experiment.model.preprocessing, settings=EpochSettings(batch_size=8, seed=0, size=(96, 96)),
    )  # fmt: skip
    return next(iter(loader.epoch(0)))


def detector_state(ema: float = 0.0, **rates: object) -> TrainingState:
    torch.manual_seed(0)
    network = YOLOv3(variant="yolov3-tiny", width=0.125, num_classes=6)
    return make_state(network, TrainSection(ema=ema), OptimiserSection(**rates), CPU, num_terms=3)


def computing(state: TrainingState, loss: LossSection | None = None, *, gradient_clip: float = 0.0) -> Computing:
    objective = DetectionObjective(state.network, loss or LossSection())
    return Computing(state.network, objective, CPU, gradient_clip=gradient_clip)


def contents(state: TrainingState) -> list[Tensor]:
    """Copies of all that a step may change: weights, batch norm's statistics, average, momentum."""
    held = [*state.network.state_dict().values(), *state.judged.state_dict().values()]
    held += [value for values in state.optimiser.state.values() for value in values.values() if value is not None]
    return [tensor.detach().clone() for tensor in held]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


@pytest.mark.parametrize(("normaliser", "parts"), [("positives", 4), ("batch", 2), ("batch", 3), ("positives", 8)])
def test_a_gradient_accumulated_in_parts_is_that_of_the_whole(batch, normaliser, parts):
    """Batch norm sees the parts, so it is held still; the loss and its gradient then are the same."""
    results = []
    for count in (1, parts):
        state = detector_state()
        state.network.eval()
        outcome = training_step(state, batch, how=computing(state, LossSection(normaliser=normaliser)), parts=count)
        results.append((outcome.losses, state.network.heads[0].predict.weight.detach()))
    for whole, divided in zip(*results):
        torch.testing.assert_close(divided, whole, atol=1e-6, rtol=1e-4)


def test_the_losses_are_those_of_the_objective(batch):
    state = detector_state()
    state.network.eval()
    how = computing(state)
    (part,) = how.objective.divide(batch, CPU.images(batch.images), parts=1, world=World())
    expected = part.loss(state.network(part.images)).detached()
    outcome = compute_gradient(state, batch, how=how, parts=1)
    assert outcome.fault is None and torch.equal(outcome.losses, expected)
    assert all(parameter.grad is not None for parameter in state.network.parameters())


def test_a_step_moves_weights_statistics_and_average_and_leaves_no_gradient(batch):
    state = detector_state(ema=0.9)
    before = contents(state)
    outcome = training_step(state, batch, how=computing(state), parts=2)
    assert outcome.fault is None and state.average.updates == 1
    moved = [not torch.equal(old, new) for old, new in zip(before, contents(state))]
    names = [*state.network.state_dict(), *state.judged.state_dict()]
    still = [name for name, has in zip(names, moved) if not has]
    assert all(name.endswith("num_batches_tracked") for name in still)  # which the average does not follow
    assert all(parameter.grad is None for parameter in state.network.parameters())


def test_a_gradient_is_clipped_to_its_largest_norm(batch):
    gradients = []
    for clip in (0.0, 0.5):
        state = detector_state(momentum=0.0, weight_decay=0.0, learning_rate=1.0, warmup_epochs=0.0)
        state.network.eval()
        before = [parameter.detach().clone() for parameter in state.network.parameters()]
        training_step(state, batch, how=computing(state, gradient_clip=clip), parts=1)
        gradients.append([old - new.detach() for old, new in zip(before, state.network.parameters())])
    free, clipped = (math.sqrt(sum(float(g.double().square().sum()) for g in each)) for each in gradients)
    assert free > 1 and clipped == pytest.approx(0.5, rel=1e-3)
    for whole, short in zip(*gradients):
        torch.testing.assert_close(short * (free / 0.5), whole, atol=1e-3, rtol=2e-3)


@dataclass(frozen=True)
class Terms:
    """Two terms that are what they are told to be."""

    first: Tensor
    second: Tensor

    @property
    def total(self) -> Tensor:
        return self.first + self.second

    def detached(self) -> Tensor:
        return torch.stack((self.first.detach(), self.second.detach()))


class Told:
    """An objective whose terms are the network's first output times numbers that are told for each part."""

    term_names = ("first", "second")

    def __init__(self, *factors: tuple[float, float]) -> None:
        self.factors = factors

    def divide(self, batch: Batch, images: Tensor, *, parts: int, world: World) -> list[Part]:
        def part(own: Tensor, factors: tuple[float, float]) -> Part:
            return Part(own, lambda raw: Terms(raw[0].mean() * factors[0], raw[0].mean() * factors[1]))

        return [part(own, factors) for own, factors in zip(images.chunk(parts), self.factors, strict=True)]


NAN, INFINITE, HUGE = float("nan"), float("inf"), 3e38


@pytest.mark.parametrize(
    ("factors", "fault"),
    [
        ([(1.0, NAN)], "the loss is not finite: second = nan"),
        ([(INFINITE, 1.0)], r"the loss is not finite: first = -?inf"),
        ([(NAN, NAN)], "the loss is not finite: first = nan, second = nan"),
        ([(1.0, 1.0), (1.0, NAN)], "the loss is not finite: second = nan"),
        ([(NAN, 1.0), (1.0, 1.0)], "the loss is not finite: first = nan"),
    ],
)
def test_a_loss_that_is_not_finite_is_named_and_changes_nothing(batch, factors, fault):
    state = detector_state(ema=0.9)
    before = contents(state)
    outcome = training_step(state, batch, how=Computing(state.network, Told(*factors), CPU), parts=len(factors))
    assert outcome.fault is not None and re.fullmatch(fault, outcome.fault)
    assert same(before, contents(state)) and state.average.updates == 0
    assert all(parameter.grad is None for parameter in state.network.parameters())


def test_a_sum_of_finite_terms_that_is_not_finite_is_said(batch):
    state = detector_state()
    with torch.no_grad():
        value = float(state.network.train()(CPU.images(batch.images))[0].mean())
    huge = HUGE / value
    state = detector_state()
    before = contents(state)
    outcome = training_step(state, batch, how=Computing(state.network, Told((huge, huge)), CPU), parts=1)
    assert outcome.fault == "the loss is not finite: only the sum of its terms"
    assert same(before, contents(state))


def test_a_gradient_that_is_not_finite_is_said_and_changes_nothing(batch):
    state = detector_state(ema=0.9)
    state.network.heads[0].predict.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = contents(state)
    outcome = training_step(state, batch, how=computing(state), parts=1)
    assert outcome.fault == "the gradient is not finite" and bool(outcome.losses.isfinite().all())
    assert same(before, contents(state)) and state.average.updates == 0


def fail_in(part: nn.Module, error: Exception, *, on_call: int) -> None:
    """Let a module's forward pass number ``on_call`` raise."""
    calls: list[int] = []

    def hook(module: nn.Module, inputs: object) -> None:
        calls.append(1)
        if len(calls) == on_call:
            raise error

    part.register_forward_pre_hook(hook)


def full() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory (made up)")


@pytest.mark.parametrize("on_call", [1, 2])
def test_memory_that_ends_in_a_forward_pass_is_told_when_all_is_as_before(batch, on_call):
    state = detector_state(ema=0.9)
    fail_in(state.network.heads[1], full(), on_call=on_call)
    before = contents(state)
    with pytest.raises(OutOfMemory):
        training_step(state, batch, how=computing(state), parts=2)
    assert same(before, contents(state))
    assert all(parameter.grad is None for parameter in state.network.parameters())


def test_memory_that_ends_in_a_backward_pass_is_told_when_all_is_as_before(batch):
    state = detector_state(ema=0.9)

    def hook(gradient: Tensor) -> None:
        raise full()

    state.network.heads[0].predict.weight.register_hook(hook)
    before = contents(state)
    with pytest.raises(OutOfMemory):
        training_step(state, batch, how=computing(state), parts=2)
    assert same(before, contents(state))


def test_memory_that_ends_while_the_batch_is_moved_is_told_too(batch, monkeypatch):
    state = detector_state()
    how = computing(state)

    def divide(*given: object, **more: object) -> list[Part]:
        raise full()

    monkeypatch.setattr(how.objective, "divide", divide)
    with pytest.raises(OutOfMemory):
        training_step(state, batch, how=how, parts=1)


@pytest.mark.parametrize("error", [ValueError("ours"), RuntimeError("mat1 and mat2 shapes cannot be multiplied")])
def test_other_faults_are_not_taken_for_memory(batch, error):
    state = detector_state()
    fail_in(state.network.heads[0], error, on_call=1)
    with pytest.raises(type(error), match=str(error)):
        training_step(state, batch, how=computing(state), parts=1)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: ..."), True),
        (RuntimeError("expected scalar type Float but found Half"), False),
        (MemoryError(), False),
    ],
)
def test_which_errors_are_of_memory(error, memory):
    assert is_out_of_memory(error) is memory


def test_the_machine_really_says_so():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_an_image_of_floats_gives_the_step_of_its_bytes(batch):
    results = []
    for images in (batch.images, batch.images.float() / 255):
        state = detector_state()
        training_step(state, replace(batch, images=images), how=computing(state), parts=1)
        results.append(contents(state))
    assert same(*results)


def test_one_process_has_nothing_to_exchange(batch):
    state = detector_state()
    how = computing(state)
    assert how.forward is state.network
    with how.exchange(False), how.exchange(True):
        how.renew()
    assert how.forward is state.network


def test_a_scaled_loss_gives_the_same_step(batch):
    """Mixed precision scales the loss up before the backward pass; the update must not notice."""
    results = []
    for scale in (None, 2.0**10):
        state = detector_state()
        if scale is not None:
            scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=10**6)
            state = replace(state, scaler=scaler)
        training_step(state, batch, how=computing(state, gradient_clip=10.0), parts=2)
        results.append(contents(state))
    for plain, scaled in zip(*results):
        torch.testing.assert_close(scaled, plain, atol=1e-6, rtol=1e-4)


def test_an_overflow_of_a_scaled_gradient_is_no_fault(batch):
    """It is the scaler's way to find its scale: nothing is learned, and the scale shrinks."""
    state = replace(detector_state(ema=0.9), scaler=torch.amp.GradScaler("cpu", init_scale=2.0**127))
    before = [parameter.detach().clone() for parameter in state.network.parameters()]
    heavy = LossSection(box_weight=1000.0, objectness_weight=1000.0)
    outcome = training_step(state, batch, how=computing(state, heavy), parts=1)
    assert outcome.fault is None and state.average.updates == 0
    assert all(map(torch.equal, before, state.network.parameters()))
    assert state.scaler.get_scale() == 2.0**126
