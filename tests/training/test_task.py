"""What is learned is a strategy: one that is not in the house goes through the same loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from yolov3.batches.loader import Arrays, EpochLoader, Work
from yolov3.batches.plan import BatchPlan, EpochSettings
from yolov3.config.experiment import TrainSection
from yolov3.config.learning import OptimiserSection
from yolov3.files.strict_yaml import read_yaml
from yolov3.formats.checkpoint import read_checkpoint
from yolov3.formats.load import load_model
from yolov3.journal.rows import EpochRow
from yolov3.models.classifier import Darknet53Classifier
from yolov3.processes.world import World
from yolov3.structures import ModelMeaning, Preprocessing, Size
from yolov3.training.loop import TrainResult, run_training
from yolov3.training.objective import Part
from yolov3.training.place import Place
from yolov3.training.run import open_run, prepare_network
from yolov3.training.task import EpochEnd, Scores, Task

CPU = Place(torch.device("cpu"), torch.float32)


@dataclass(frozen=True)
class Greys:
    """A batch of grey images."""

    images: Tensor
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> Size:
        return self.images.shape[2], self.images.shape[3]


class GreyWork(Work[Greys]):
    """Image number N has the grey 10 N."""

    def make(self, plan: BatchPlan) -> Arrays:
        images = torch.stack([torch.full((3, *plan.size), 10 * index, dtype=torch.uint8) for index in plan.indices])
        return Arrays(plan.indices, images, ())

    def finish(self, arrays: Arrays) -> Greys:
        return Greys(arrays.images, tuple(map(self.path_of, arrays.indices)))

    def path_of(self, index: int) -> Path:
        return Path(f"grey-{10 * index}.png")


@dataclass(frozen=True)
class Distance:
    """How far answers are from what they should be."""

    total: Tensor

    def detached(self) -> Tensor:
        return self.total.detach()[None]


class Brightness:
    """The answer to an image should be its brightness."""

    term_names = ("distance",)

    def divide(self, batch: Greys, images: Tensor, *, parts: int, world: World) -> list[Part]:
        def part(own: Tensor) -> Part:
            goals = own.mean(dim=(1, 2, 3))
            return Part(own, lambda answers: Distance((answers[:, 0] - goals).square().sum() / len(images)))

        return [part(own) for own in images.chunk(parts)]


@dataclass(frozen=True)
class BrightnessRow(EpochRow):
    distance: float = field(metadata={"column": "train/distance", "panel": "loss"})
    closeness: float | None = field(metadata={"column": "metrics/closeness", "panel": None})


class BrightnessTask(Task[Greys]):
    """Learning to tell how bright an image is, with nothing but what a task must have."""

    row_kind = BrightnessRow
    objective = Brightness()
    meaning = ModelMeaning(("brightness",), Preprocessing((32, 32)))
    experiment: ClassVar[dict[str, Any]] = {"lesson": "brightness"}

    def __init__(self, settings: TrainSection) -> None:
        torch.manual_seed(0)
        self.network = prepare_network(Darknet53Classifier(num_classes=1, width=0.0625), settings, CPU)
        plan = EpochSettings(batch_size=settings.batch_size, seed=0, size=(32, 32))
        self.loader = EpochLoader(GreyWork(), num_samples=16, settings=plan, workers=0)

    def describe(self) -> list[str]:
        return ["16 grey images"]

    def judge(self, network: nn.Module, place: Place, check: Callable[[], None]) -> Scores:
        check()
        images = torch.stack([torch.full((3, 32, 32), 10 * number / 255) for number in range(16)])
        with torch.no_grad():
            answers = network.eval()(images)[:, 0]
        return Scores(1 - float((answers - images.mean(dim=(1, 2, 3))).abs().mean()))

    def row(self, end: EpochEnd) -> BrightnessRow:
        return BrightnessRow(end.epoch, end.losses[0], end.scores.best if end.scores else None)

    def numbers(self, row: EpochRow) -> str:
        assert isinstance(row, BrightnessRow)
        return f"distance {row.distance:.4f}"

    def largest_batch(self, count: int, size: Size) -> Greys:
        return Greys(torch.zeros(count, 3, *size), (Path("none"),) * count)


def learn(output: Path, **changes: Any) -> tuple[TrainResult, BrightnessTask]:
    given = {"epochs": 12, "batch_size": 8, "ema": 0.0, "evaluate_every": 3, "output": str(output), **changes}
    settings = TrainSection(**given, norm_momentum=0.1)
    task = BrightnessTask(settings)
    rates = OptimiserSection(learning_rate=0.003, warmup_epochs=1.0, warmup_power=1.0)
    return run_training(open_run(task, settings, rates, CPU, name="bright", stopped=None)), task


def test_a_new_task_is_learned_by_the_one_loop(tmp_path, capsys):
    result, _ = learn(tmp_path)
    told = capsys.readouterr().out
    assert "16 grey images" in told and f"epoch 12/12  distance {result.history[-1].distance:.4f}" in told
    lines = (result.folder / "results.csv").read_text().splitlines()
    assert lines[0] == "epoch,train/distance,metrics/closeness" and len(lines) == 13
    assert [row.closeness is None for row in result.history] == [True, True, False] * 4
    assert result.history[-1].distance < result.history[0].distance / 2
    assert result.best_score == max(row.closeness for row in result.history if row.closeness is not None)
    assert read_yaml(result.folder / "config.yaml") == {"lesson": "brightness"}
    assert read_checkpoint(result.last)["experiment"] == {"lesson": "brightness"}
    assert load_model(result.best).names == ("brightness",)


def test_what_a_task_does_not_show_is_not_written(tmp_path, capsys):
    """Notes, sheets, scores of classes, the table at the end: a task may have them and this one has not."""
    result, task = learn(tmp_path, epochs=1)
    scores = Scores(0.5)
    assert task.notes() == [] and task.class_scores(scores) == {} and task.table(scores) is None
    assert task.batch_sheet(task.largest_batch(1, (32, 32))) is None and task.score_sheet(scores) is None
    assert not list(result.folder.glob("training_batch.png")) and not list(result.folder.glob("predictions.png"))
    assert "│" not in capsys.readouterr().out


def test_a_backbone_that_a_task_does_not_name_is_not_frozen(tmp_path):
    result, task = learn(tmp_path, epochs=1, freeze_backbone=1)
    torch.manual_seed(0)
    fresh = Darknet53Classifier(num_classes=1, width=0.0625).state_dict()
    trained = task.network.state_dict()
    moved = [name for name in fresh if name.endswith("weight") and not torch.equal(fresh[name], trained[name])]
    assert any(name.startswith("backbone.") for name in moved) and len(result.history) == 1


def test_one_that_names_it_may_freeze_it(tmp_path):
    class Frozen(BrightnessTask):
        def __init__(self, settings: TrainSection) -> None:
            super().__init__(settings)
            assert isinstance(self.network, Darknet53Classifier)
            self.backbone = self.network.backbone

    settings = TrainSection(epochs=1, batch_size=8, ema=0.0, freeze_backbone=1, output=str(tmp_path))
    task = Frozen(settings)
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items()}
    run_training(open_run(task, settings, OptimiserSection(gradient_clip=1.0), CPU, name="bright", stopped=None))
    for name, tensor in task.network.state_dict().items():
        assert torch.equal(tensor, before[name]) is name.startswith("backbone."), name


@pytest.mark.parametrize("missing", ["describe", "judge", "row", "numbers", "largest_batch"])
def test_a_task_that_lacks_what_it_must_have_cannot_be_made(missing):
    own = {name: value for name, value in vars(BrightnessTask).items() if callable(value) and name != missing}
    with pytest.raises(TypeError, match=missing):
        type("Half", (Task,), own)(TrainSection())
