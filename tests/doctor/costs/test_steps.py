"""Steps that are measured: they are those of the training, and leave nothing behind."""

from __future__ import annotations

import io
import json
import signal
import sys

import pytest

from yolov3.batches.plan import plan_epoch
from yolov3.doctor.costs import steps
from yolov3.doctor.costs.cost import drawn_on
from yolov3.doctor.costs.measure import measure_cost
from yolov3.doctor.costs.steps import measure_steps
from yolov3.errors import UserError
from yolov3.processes.world import World
from yolov3.training.detection import _epoch_settings, detection_task
from yolov3.training.place import Place


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(steps, "ENOUGH_SECONDS", 0.2)


def quiet(done: int, total: int, text: str) -> None:
    pass


def test_a_training_is_measured_at_its_largest_size(experiment_of, tmp_path):
    told = []
    cost = measure_steps(experiment_of(train={"accumulate": 2}), None, lambda *progress: told.append(progress))
    assert (cost.size, cost.batch, cost.parts, cost.epochs) == ((160, 160), 8, 2, 100)
    assert cost.memory.is_measured and cost.memory.suffices and cost.memory.free > cost.memory.whole > 50_000_000
    assert cost.memory.one <= cost.memory.two * 1.1 and cost.with_reading
    assert cost.images_per_second == pytest.approx(40 / cost.seconds)
    assert [done for done, _, _ in told] == [0, 1, 2, 3, 4] and told[-1][:2] == (4, 4)
    assert list(tmp_path.iterdir()) == []


def test_an_epoch_is_that_of_the_training(experiment_of):
    experiment = experiment_of()
    place = Place.of(experiment.train, World())
    task = detection_task(experiment, place, None)
    plans = plan_epoch(40, _epoch_settings(experiment, task.training_data, World()), epoch=0)
    assert len({plan.size for plan in plans}) > 1
    assert steps._Steps(experiment, task, place).epoch() == (
        sum(len(plan.indices) for plan in plans),
        sum(len(plan.indices) * plan.size[0] * plan.size[1] for plan in plans),
    )


def test_where_memory_is_short_the_batch_is_not_tried(experiment_of, monkeypatch):
    largest = []
    whole = steps._Steps._watched

    def watched(self, count, size):
        largest.append(count)
        return whole(self, count, size)

    monkeypatch.setattr(steps._Steps, "_watched", watched)
    cost = measure_steps(experiment_of(), 1, quiet)
    memory = cost.memory
    assert largest == [1, 2, 2] and not memory.is_measured and not memory.suffices and not cost.with_reading
    assert memory.whole == drawn_on(memory.one, memory.two, 8) and memory.most_images() == 0


def test_where_steps_take_long_they_are_reckoned(experiment_of, monkeypatch):
    monkeypatch.setattr(steps, "LONGEST_STEP", 0.0)
    cost = measure_steps(experiment_of(), None, quiet)
    assert not cost.memory.is_measured and not cost.with_reading and cost.seconds > 0
    assert cost.memory.whole == drawn_on(cost.memory.one, cost.memory.two, 8)


def test_what_is_drawn_on_is_near_what_is_measured(experiment_of):
    """Where a batch takes some memory: at 320x320, 16 images, the activations are most of it."""
    # In a process of its own: this one has had memory of its own for long, which a step would only use again.
    cost = measure_cost(
        experiment_of(train={"batch_size": 16, "multi_scale": None}, model={"image_size": 320, "width": 0.25})
    )
    memory = cost.memory
    grown, reckoned = memory.whole - memory.one, drawn_on(memory.one, memory.two, 16) - memory.one
    assert memory.is_measured and 0.5 * grown < reckoned < 2 * grown, memory


def test_it_answers_in_lines(experiment_of, monkeypatch, capsys):
    before = signal.getsignal(signal.SIGINT)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"experiment": experiment_of().as_plain(), "free": None})))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(steps, "measure_steps", refuse)
    monkeypatch.setattr(steps, "go_first", lambda: None)
    try:
        steps.main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"progress": [0, 4, "opening"]}, {"refused": "no data"},
    ]  # fmt: skip


def refuse(experiment, free, tell):
    tell(0, 4, "opening")
    print("what somebody says is no answer")
    raise UserError("no data")
