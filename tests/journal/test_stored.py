"""What a checkpoint holds of a run is gone on with whole, or refused by the name of the part that is wrong; and a run that
is refused has changed nothing."""

from __future__ import annotations

import copy
import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from yolov3 import UserError
from yolov3.config.experiment import TrainSection
from yolov3.config.learning import OptimiserSection
from yolov3.formats.checkpoint import checkpoint_content
from yolov3.journal.rows import DetectionRow
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning
from yolov3.training.place import Place
from yolov3.training.run import make_state
from yolov3.training.state import TrainingState

PATH = Path("runs/x/weights/last.pt")
CPU = Place(torch.device("cpu"), torch.float32)
ROW = DetectionRow(1, 3.0, 2.0, 1.0, 0.25, 0.125, None, 0.001, 2)


def fresh(seed: int = 0) -> TrainingState:
    torch.manual_seed(seed)
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    return make_state(network, TrainSection(ema=0.9), OptimiserSection(momentum=0.5), CPU, num_terms=3)


@pytest.fixture(scope="module")
def sound() -> dict[str, Any]:
    """The content of a checkpoint after a step."""
    state = fresh()
    torch.stack([maps.square().mean() for maps in state.network(torch.rand(2, 3, 32, 32))]).sum().backward()
    state.optimiser.step()
    state.progress.history.append(ROW)
    weights = state.judged.state_dict()
    content = checkpoint_content(
        state.network, meaning=ModelMeaning(("a", "b")), weights=weights, experiment={}, training=state.as_plain()
    )
    return copy.deepcopy(content)


def held(state: TrainingState) -> list[torch.Tensor]:
    return [*state.network.state_dict().values(), *state.judged.state_dict().values(), torch.get_rng_state()]


WRONG: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "network": [],
    "average_updates": [((), None), ((), "3"), ((), -1), ((), 1.5)],
    "optimiser": [
        ((), None), ((), []), ((), {}), (("state",), None), (("state",), []), (("param_groups",), {}),
        (("param_groups",), []), (("param_groups", 0), 3), (("param_groups", 0), {}), (("param_groups", 0, "params"), []),
        (("param_groups", 0, "params"), [0, 0]), (("param_groups", 0, "lr"), "fast"), (("param_groups", 1, "lr"), None),
        (("param_groups", 0, "momentum"), [1]), (("param_groups", 0, "nesterov"), 3), (("state", 10_000), {}),
        (("state", -1), {}), (("state", "a"), {}), (("state", 0), None), (("state", 0, "momentum_buffer"), 3),
        (("state", 0, "momentum_buffer"), torch.zeros(3)), (("state", 0, "more"), torch.zeros(3)),
    ],
    "scaler": [((), None), ((), {"scale": "large"}), ((), 3)],
    "progress": [
        ((), None), ((), {}), ((), []), (("epoch",), None), (("epoch",), -1), (("batch",), 1.5), (("step",), "3"),
        (("parts",), 0), (("best_epoch",), -2), (("best_score",), None), (("best_score",), float("nan")),
        (("loss_sums",), None), (("loss_sums",), [0.0]), (("loss_sums",), ["a", "b", "c"]), (("history",), None),
        (("history",), [3]), (("history",), [{}]), (("history", 0, "train/box"), "low"), (("more",), 3),
    ],
    "random": [((), None), ((), []), ((), torch.zeros(3)), ((), torch.zeros(5056, dtype=torch.uint8)[:9])],
    "random_cuda": [((), None), ((), [3]), ((), [torch.zeros(3)])],
}  # fmt: skip


def changed(content: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with another value in a place of its training."""
    copied = copy.deepcopy(content)
    inside = copied["training"]
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return copied


@pytest.mark.parametrize("part", WRONG)
def test_a_part_that_cannot_be_gone_on_with_is_named_and_nothing_is_changed(sound, part):
    state = fresh(seed=1)
    before = [tensor.clone() for tensor in held(state)]
    missing = copy.deepcopy(sound)
    del missing["training"][part]
    wrong = [changed(sound, (part, *place), value) for place, value in WRONG[part]]
    for content in wrong + ([missing] if part != "progress" else []):
        with pytest.raises(
            UserError, match=rf"^{re.escape(str(PATH))}: damaged or not ours: training\.{part}: [^\n]*$"
        ):
            state.restore(content, PATH, DetectionRow)
    assert all(map(torch.equal, before, held(state)))


def test_weights_that_are_none_are_refused(sound):
    for value in (3, [], {}, "text", {"a": 3}):
        with pytest.raises(UserError, match=r"last\.pt: (its weights are no named tensors|weights of another network)"):
            fresh(seed=1).restore(changed(sound, ("network",), value), PATH, DetectionRow)


def test_what_is_sound_is_gone_on_with(sound):
    state = fresh(seed=1)
    state.restore(copy.deepcopy(sound), PATH, DetectionRow)
    assert state.progress.history == [ROW]
    assert all(torch.equal(tensor, sound["weights"][name]) for name, tensor in state.judged.state_dict().items())


def test_a_momentum_whose_elements_share_a_place_is_refused(sound):
    place = ("optimiser", "state", 0, "momentum_buffer")
    own = sound["training"]["optimiser"]["state"][0]["momentum_buffer"]
    assert own.ndim == 4
    everywhere_same = torch.as_strided(own, own.shape, (1, 1, 1, 1))
    for shared in (own[:1].expand(own.shape), own[..., :1].expand(own.shape), everywhere_same):
        with pytest.raises(UserError, match=r"the state of parameter 0 is not of its shape"):
            fresh(seed=1).restore(changed(sound, place, shared), PATH, DetectionRow)
    other_order = own.to(memory_format=torch.channels_last)
    assert not other_order.is_contiguous()
    state = fresh(seed=1)
    state.restore(changed(sound, place, other_order), PATH, DetectionRow)
    state.optimiser.step()


def test_another_device_needs_no_scale(sound):
    fresh(seed=1).restore(changed(sound, ("scaler",), {"scale": 8.0}), PATH, DetectionRow)


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_any_value_in_any_place_is_taken_or_refused_in_words(sound, count):
    """Afterwards a step can be taken where the state was."""
    generator = random.Random(0)
    values = [None, 3, -1, 0.5, float("nan"), "text", [], {}, [None], {"a": 1}, torch.zeros(2), 2**62, True]

    def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [place, *(each for key, part in inside for each in places(part, (*place, key)))]

    everywhere = [place for place in places(sound["training"]) if place and place[0] != "network"]
    state, taken = fresh(seed=1), 0
    for _ in range(count):
        content = changed(sound, generator.choice(everywhere), generator.choice(values))
        try:
            state.restore(content, PATH, DetectionRow)
        except UserError as error:
            assert str(error).startswith(f"{PATH}: ") and "\n" not in str(error)
        else:
            taken += 1
            state.optimiser.step()
            state.progress.add_losses([1.0, 2.0, 3.0])
    assert 0 < taken < count
