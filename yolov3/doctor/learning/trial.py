"""Whether a network can learn at all: a few training images are shown to it again and again, until it knows them by heart or
does not. What cannot do that will learn nothing from thousands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from yolov3.assign import Assignment, assign
from yolov3.batches.detection import evaluation_loader
from yolov3.catalogue.opening import open_dataset
from yolov3.codec import RawPredictions
from yolov3.config.experiment import Experiment
from yolov3.config.learning import OptimiserSection
from yolov3.datasets.dataset import Dataset
from yolov3.doctor.learning.least import least_loss, perfect_maps
from yolov3.doctor.learning.verdict import ENOUGH, LearningTrial, LossCourse, judged
from yolov3.errors import UserError
from yolov3.evaluation.coco import coco_metric
from yolov3.formats.build import Start, begin, build_detector, open_start, settle
from yolov3.geometry import SMALLEST_SIDE
from yolov3.loss import loss_divisor
from yolov3.machine.device import select_device
from yolov3.models.contract import DetectionNetwork
from yolov3.runtimes.torch_runtime import TorchRuntime
from yolov3.selecting.postprocess import postprocess
from yolov3.structures import Predictions, Preprocessing, Size
from yolov3.training.detection import selection_of
from yolov3.training.objective import DetectionObjective
from yolov3.training.optimiser import learning_rate_factor, set_learning_rate
from yolov3.training.place import Place
from yolov3.training.run import make_state, prepare_network
from yolov3.training.step import Computing, OutOfMemory, training_step
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

RATES = OptimiserSection(
    learning_rate=0.004, weight_decay=0.0, schedule="cosine", final_ratio=0.0, gradient_clip=20.0, warmup_power=1.0
)
"""A rate at which every network of the family learns a few images, behind a warm-up that is as long for all. It falls to 0, so
that what is judged at the end stands still: at a constant one AP50 goes up and down by a fifth from look to look."""

WARMUP_STEPS = 30
NORM_MOMENTUM = 0.1
"""Batch norm's statistics must have followed after a few hundred steps; an experiment's own are for thousands."""

LOOK_EVERY = 50
"""Steps between two looks at what it knows."""

STEPS = 400
"""Within which every network of the family has learned eight images that can be learned. Steps are counted and not time, so
that a machine that is busy says the same, only later."""

LAST_STEPS = 10
FAULTS = 10
"""Steps in a row whose numbers are not finite, after which it ends."""


def try_to_learn(
    experiment: Experiment,
    *,
    images: int = 8,
    steps: int = STEPS,
    side: int = 160,
    watcher: Watcher | None = None,
) -> LearningTrial:
    """Show so many training images of an experiment, unvaried, to its network, with its loss and anchors, at most ``steps``
    times. The longer side of the input is at most ``side`` pixels, and anchors shrink with it; the learning rate is that of
    RATES. Nothing is written; Ctrl-C ends it as any function (KeyboardInterrupt).

    Raises UserError for what the user can mend, and where memory does not suffice.
    """
    if min(images, steps, side) < 1:
        raise UserError(f"images, steps and side must be at least 1, found {images}, {steps} and {side}")
    watcher = watcher or Watcher()
    data = _labelled(open_dataset(experiment.data, "train"), images)
    start = open_start(experiment.train.weights, experiment.model) if experiment.train.weights else Start()
    model, _ = settle(experiment.model, start)
    experiment = experiment.model_copy(update={"model": model})
    place = Place(select_device(experiment.train.device), torch.float32, experiment.train.channels_last)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.train.seed)
        network = build_detector(model, num_classes=len(data.names))
    begin(network, start, names=data.names)
    preprocessing = _shrink(network, model.preprocessing, side)
    train = experiment.train.model_copy(update={"norm_momentum": NORM_MOMENTUM, "ema": 0.0})
    prepare_network(network, train, place)
    pupil = _Pupil(experiment, network, data, preprocessing, place)
    return pupil.learn(steps, watcher)


class _Pupil:
    """A network, and the images that it is to learn as one batch."""

    def __init__(
        self,
        experiment: Experiment,
        network: DetectionNetwork,
        data: Dataset,
        preprocessing: Preprocessing,
        place: Place,
    ) -> None:
        self.experiment, self.network, self.data, self.place = experiment, network.train(), data, place
        self.preprocessing = preprocessing
        (self.batch,) = evaluation_loader(data, preprocessing=preprocessing, batch_size=len(data), workers=0)
        objective = DetectionObjective(network, experiment.loss)
        self.names = objective.term_names
        train = experiment.train.model_copy(update={"ema": 0.0})
        self.state = make_state(network, train, RATES, place, num_terms=len(self.names))
        self.how = Computing(network, objective, place, gradient_clip=RATES.gradient_clip)

    def learn(self, steps: int, watcher: Watcher) -> LearningTrial:
        """Step after step, until it knows the images or the steps are used up."""
        attainable = self.attainable()
        losses: list[list[float]] = []
        faults, fault, ap50 = 0, None, 0.0
        for step in range(steps):
            factor = learning_rate_factor(step, total_steps=steps, warmup_steps=WARMUP_STEPS, settings=RATES)
            set_learning_rate(self.state.optimiser, RATES.learning_rate * factor)
            try:
                outcome = training_step(self.state, self.batch, how=self.how, parts=1)
            except OutOfMemory as error:
                raise UserError(
                    f"{self.place.device} has not enough memory for {counted(len(self.data), 'image')}"
                ) from error
            faults = faults + 1 if outcome.fault else 0
            if faults >= FAULTS:
                fault = outcome.fault
                break
            if outcome.fault is None:
                losses.append(outcome.losses.tolist())
            watcher.advance(step + 1, steps, text=self._progress(losses))
            if (step + 1) % LOOK_EVERY == 0 or step + 1 == steps:
                ap50 = self.ap50()
                if ap50 >= ENOUGH * attainable > 0:
                    break
        return self._judged(losses, step + 1, (ap50, attainable), fault)

    def ap50(self) -> float:
        """COCO's, on the images, of what the network finds as it stands."""
        return self._ap50_of(TorchRuntime(self.network, self.place.device, self.place.precision)(self.batch.images))

    def attainable(self) -> float:
        """That of a network that says what the loss wants."""
        maps = perfect_maps(self.network.levels, self._assigned(), len(self.batch), self.experiment.loss)
        return self._ap50_of(RawPredictions(maps, self.network.levels))

    def _ap50_of(self, predictions: Predictions) -> float:
        selection = selection_of(self.experiment.evaluate, self.experiment.model.suppression_rule)
        found = postprocess(predictions, self.batch.geometries, selection, self.data.names)
        return coco_metric(self.data, found).numbers.ap50 or 0.0

    def least(self) -> list[float]:
        """The least of each term on these images."""
        settings, assignment = self.experiment.loss, self._assigned()
        divisor = loss_divisor(settings, num_images=len(self.batch), num_positives=assignment.count_positives())
        return least_loss(self.network.levels, assignment, settings, divisor=divisor).detached().tolist()

    def _assigned(self) -> Assignment:
        return assign(
            self.batch.targets,
            self.network.levels,
            self.experiment.loss,
            network_size=self.batch.size,
            num_classes=self.network.num_classes,
        )

    def _progress(self, losses: Sequence[Sequence[float]]) -> str:
        terms = "  ".join(f"{name} {value:.2f}" for name, value in zip(self.names, losses[-1] if losses else ()))
        return f"learning by heart  {terms}"

    def _judged(
        self, losses: Sequence[Sequence[float]], steps: int, scores: tuple[float, float], fault: str | None
    ) -> LearningTrial:
        """After so many steps; ``scores`` are the AP50 that was reached and the attainable one."""
        first = losses[0] if losses else [0.0] * len(self.names)
        recent = losses[-LAST_STEPS:] or [first]
        last = [sum(values) / len(recent) for values in zip(*recent)]
        terms = tuple(LossCourse(*each) for each in zip(self.names, first, last, self.least()))
        return judged(len(self.data), self.preprocessing.size, steps, scores, terms, fault)


def small_size(own: Size, side: int, step: int) -> Size:
    """The (height, width) whose longer side is at most about ``side`` pixels, in multiples of ``step``, the aspect about
    kept."""
    scale = min(1.0, side / max(own))
    height, width = (max(step, round(each * scale / step) * step) for each in own)
    return height, width


def _shrink(network: DetectionNetwork, own: Preprocessing, side: int) -> Preprocessing:
    """A smaller input; the network's anchors shrink with it, so that they fit the objects as well as before."""
    step = max(SMALLEST_SIDE, *(level.stride for level in network.levels))
    size = small_size(own.size, side, step)
    factor = max(size) / max(own.size)
    network.levels = tuple(
        replace(level, anchors=tuple((width * factor, height * factor) for width, height in level.anchors))
        for level in network.levels
    )
    return replace(own, size=size)


def _labelled(data: Dataset, count: int) -> Dataset:
    """The first so many images that have labels. Raises UserError where there are none."""
    places = [place for place, sample in enumerate(data.samples) if not sample.ignore.all()][:count]
    if not places:
        raise UserError(f"{data.source}: no image has a label, so there is nothing to learn")
    return data.part(places)
