"""Everything that decides the next step, into a checkpoint and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from yolov3 import UserError
from yolov3.config.experiment import TrainSection
from yolov3.config.learning import OptimiserSection
from yolov3.formats.checkpoint import read_checkpoint, save_checkpoint
from yolov3.journal.rows import ClassificationRow, DetectionRow
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning
from yolov3.training.place import Place
from yolov3.training.run import make_state
from yolov3.training.state import Progress, TrainingState

CPU = Place(torch.device("cpu"), torch.float32)
ROW = DetectionRow(1, 3.0, 2.0, 1.0, 0.25, 0.125, None, 0.001, 2)
ALONE = DetectionRow(2, 2.0, 1.0, 0.5, None, None, None, 0.0005, 3)


def small_state(*, ema: float = 0.9, seed: int = 0, width: float = 0.0625) -> TrainingState:
    torch.manual_seed(seed)
    network = YOLOv3(variant="yolov3-tiny", width=width, num_classes=2)
    return make_state(network, TrainSection(ema=ema), OptimiserSection(momentum=0.5), CPU, num_terms=3)


def step(state: TrainingState) -> None:
    """A step whose input comes from torch's random numbers, which thereby count too."""
    loss = torch.stack([maps.square().mean() for maps in state.network.train()(torch.rand(2, 3, 32, 32))]).sum()
    loss.backward()
    state.optimiser.step()
    state.optimiser.zero_grad()
    if state.average:
        state.average.update(state.network)
    state.progress.step += 1
    state.progress.add_losses([loss.item(), 1.0, 2.0])


def write(state: TrainingState, path: Path) -> Path:
    weights = state.judged.state_dict()
    save_checkpoint(
        path, state.network, meaning=ModelMeaning(("a", "b")), weights=weights, experiment={}, training=state.as_plain()
    )
    return path


def everything(state: TrainingState) -> list[torch.Tensor]:
    held = [*state.network.state_dict().values(), *state.judged.state_dict().values()]
    held += [value for values in state.optimiser.state.values() for value in values.values() if value is not None]
    return [*held, torch.get_rng_state()]


@pytest.mark.parametrize("ema", [0.9, 0.0])
def test_a_state_goes_through_a_file_and_on_to_the_last_bit(tmp_path, ema):
    whole = small_state(ema=ema)
    for _ in range(3):
        step(whole)
    whole.progress.history += [ROW, ALONE]
    whole.progress.parts, whole.progress.best_score = 4, 0.125
    path = write(whole, tmp_path / "last.pt")
    step(whole)
    expected = [tensor.clone() for tensor in everything(whole)]
    again = small_state(ema=ema, seed=1)
    again.restore(read_checkpoint(path), path, DetectionRow)
    step(again)
    assert len(expected) == len(everything(again))
    assert all(map(torch.equal, expected, everything(again)))
    assert again.progress == whole.progress and again.progress.history == [ROW, ALONE]
    assert (again.average.updates if again.average else 0) == (4 if ema else 0)


def test_what_is_judged_is_the_average_where_there_is_one():
    with_average, without = small_state(ema=0.9), small_state(ema=0.0)
    assert with_average.judged is with_average.average.network and without.judged is without.network
    plain = with_average.as_plain()
    assert plain["network"].keys() == with_average.network.state_dict().keys() and plain["average_updates"] == 0
    assert without.as_plain()["network"] is None and without.as_plain()["average_updates"] is None


def test_the_scale_of_half_precision_is_kept(tmp_path):
    first, second = small_state(), small_state()
    first, second = (
        TrainingState(s.network, s.optimiser, s.average, torch.amp.GradScaler("cpu", init_scale=scale), s.progress)
        for s, scale in ((first, 8.0), (second, 2.0))
    )
    first.scaler.scale(torch.ones(1))  # from its first use on it has a state
    path = write(first, tmp_path / "last.pt")
    second.restore(read_checkpoint(path), path, DetectionRow)
    assert second.scaler.get_scale() == 8.0


def test_a_checkpoint_has_the_entries_that_older_ones_have():
    """Another name for one of these would leave all runs that were stopped before it behind."""
    plain = small_state().as_plain()
    assert list(plain) == [
        "network", "optimiser", "average_updates", "scaler", "progress", "random", "random_cuda",
    ]  # fmt: skip
    assert plain["progress"] == {
        "epoch": 0, "batch": 0, "step": 0, "loss_sums": [0.0, 0.0, 0.0], "loss_count": 0, "parts": 1, "skipped": 0,
        "skipped_in_a_row": 0, "images": 0, "best_score": -1.0, "best_epoch": -1, "evaluations_without_gain": 0, "history": [],
    }  # fmt: skip


def without_training(content: dict) -> None:
    content["training"] = None


def without_progress(content: dict) -> None:
    del content["training"]["progress"]


@pytest.mark.parametrize("change", [without_training, without_progress])
def test_a_finished_model_is_no_state(tmp_path, change: Callable[[dict], None]):
    path = write(small_state(), tmp_path / "last.pt")
    content = read_checkpoint(path)
    change(content)
    message = f"{path}: holds a finished model, not a run that can be resumed (use weights/last.pt)"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        small_state().restore(content, path, DetectionRow)


def test_the_state_of_another_network_is_refused_and_changes_nothing(tmp_path):
    path = write(small_state(), tmp_path / "last.pt")
    other = small_state(width=0.125, seed=3)
    before = [tensor.clone() for tensor in everything(other)]
    with pytest.raises(UserError, match=re.escape(f"{path}: weights of another network")):
        other.restore(read_checkpoint(path), path, DetectionRow)
    assert all(map(torch.equal, before, everything(other)))


def test_losses_are_means_over_the_steps_of_an_epoch():
    progress = Progress(loss_sums=[0.0, 0.0])
    assert progress.mean_losses() == [0.0, 0.0]  # of no step at all
    for losses, means in (([1.0, 10.0], [1.0, 10.0]), ([2.0, 20.0], [1.5, 15.0]), ([6.0, 0.0], [3.0, 10.0])):
        progress.add_losses(losses)
        assert progress.mean_losses() == means
    assert progress.loss_count == 3
    with pytest.raises(ValueError, match="zip"):
        progress.add_losses([1.0])


def test_the_next_epoch_begins_at_its_first_batch_with_nothing_summed():
    progress = Progress(epoch=4, batch=7, step=39, loss_sums=[5.0, 6.0, 7.0], loss_count=7, skipped=2)
    progress.next_epoch()
    assert progress == Progress(epoch=5, batch=0, step=39, loss_sums=[0.0] * 3, loss_count=0, skipped=2)


@pytest.mark.parametrize(
    "history",
    [[], [ROW, ALONE], [ClassificationRow(1, 0.5, 0.75, 1.0, 0.01, 0), ClassificationRow(2, 0.4, None, None, 0.01, 1)]],
)
def test_progress_there_and_back(history):
    progress = Progress(
        epoch=2, batch=1, step=9, loss_sums=[0.1, 0.2, 0.3], loss_count=1, parts=8, skipped=3, skipped_in_a_row=1,
        best_score=0.5, best_epoch=1, evaluations_without_gain=4, history=history,
    )  # fmt: skip
    again = Progress(loss_sums=[0.0])
    again.restore(progress.as_plain(), type(history[0]) if history else DetectionRow)
    assert again == progress
