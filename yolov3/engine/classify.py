"""Training an image classifier whose backbone a detector can start from, top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolov3.config import OptimiserSection
from yolov3.datasets.class_folders import ClassFolders, ClassificationLoader
from yolov3.device import mixed_precision, select_device, select_precision
from yolov3.engine.display import Stopwatch
from yolov3.engine.interruption import Interrupted, Interruption
from yolov3.engine.optimiser import learning_rate_factor, make_optimiser, set_learning_rate
from yolov3.errors import UserError
from yolov3.formats.checkpoint import load_weights, read_checkpoint, save_checkpoint
from yolov3.models import Darknet53Classifier
from yolov3.structures import Preprocessing

TOP = 5
NORM_MOMENTUM = 0.1  # of batch norm's statistics; Darknet's 0.01 needs hundreds of steps to forget the start


@dataclass(frozen=True)
class ClassifierSettings:
    """How a classifier is trained. Rates are Darknet's for Darknet-53: 0.1 for batches of 128, decay 0.0005."""

    width: float = 1.0
    side: int = 256
    epochs: int = 90
    batch_size: int = 32
    learning_rate: float = 0.025
    weight_decay: float = 0.0005
    warmup_epochs: float = 1.0
    workers: int = 2
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class ClassifierResult:
    """The best checkpoint, its ``top1`` accuracy and its ``top5`` in [0, 1]."""

    best: Path
    last: Path
    top1: float
    top5: float


def train_classifier(
    training: ClassFolders,
    validation: ClassFolders,
    settings: ClassifierSettings,
    folder: Path,
    *,
    resume: Path | None = None,
    say: Callable[[str], object] = print,
) -> ClassifierResult:
    """Train Darknet-53 on pictures in class folders and write ``best.pt`` and ``last.pt`` into ``folder``.

    With ``resume`` goes on after the last whole epoch of that checkpoint. Raises UserError, and Interrupted after Ctrl-C.
    """
    device = select_device(settings.device)
    precision = select_precision(settings.precision, device)
    torch.manual_seed(settings.seed)
    network = Darknet53Classifier(num_classes=len(training.names), width=settings.width)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = NORM_MOMENTUM
    network = network.to(device).to(memory_format=torch.channels_last)
    rates = OptimiserSection(
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_epochs=settings.warmup_epochs,
        warmup_power=1.0,
    )
    optimiser = make_optimiser(network, rates)
    start, best = (0, (-1.0, 0.0)) if resume is None else _restore(resume, network, optimiser)
    shared = dict(side=settings.side, batch_size=settings.batch_size, workers=settings.workers, seed=settings.seed)
    loader = ClassificationLoader(training, mode="train", **shared)
    run = _Training(network, optimiser, loader, settings, rates, device, precision)
    judge = ClassificationLoader(validation, mode="val", **shared)

    def save(name: str, epoch: int, *, resumable: bool) -> Path:
        path = folder / name
        progress = {"optimiser": optimiser.state_dict(), "epoch": epoch, "best": list(best)}
        save_checkpoint(
            path,
            network,
            names=training.names,
            preprocessing=Preprocessing(size=(settings.side, settings.side)),
            training=progress if resumable else None,
        )
        return path

    with Interruption() as interruption:
        for epoch in range(start, settings.epochs):
            watch = Stopwatch()
            loss = _train_epoch(run, epoch, watch, interruption)
            if interruption.received is not None:
                raise Interrupted(interruption.received, folder)
            scores = measure_accuracy(network, judge.epoch(0), device, precision)
            if scores[0] > best[0]:
                best = scores
                save("best.pt", epoch, resumable=False)
            save("last.pt", epoch + 1, resumable=True)
            say(
                f"epoch {epoch + 1}/{settings.epochs}  loss {loss:.3f}  top-1 {scores[0]:.3f}  top-{TOP} {scores[1]:.3f}  "
                f"{watch.images_per_second:.1f} images/s"
            )
    return ClassifierResult(folder / "best.pt", folder / "last.pt", *best)


@dataclass(frozen=True)
class _Training:
    """The live objects of a training."""

    network: nn.Module
    optimiser: torch.optim.SGD
    loader: ClassificationLoader
    settings: ClassifierSettings
    rates: OptimiserSection
    device: torch.device
    precision: torch.dtype


def _train_epoch(run: _Training, epoch: int, watch: Stopwatch, interruption: Interruption) -> float:
    """One epoch; its mean loss. Ends early when an interruption is asked for."""
    network, optimiser, loader, rates, device = run.network, run.optimiser, run.loader, run.rates, run.device
    network.train()
    total = 0.0
    for number, (images, labels) in enumerate(loader.epoch(epoch)):
        watch.data_arrived(len(images))
        factor = learning_rate_factor(
            epoch * len(loader) + number,
            total_steps=run.settings.epochs * len(loader),
            warmup_steps=round(rates.warmup_epochs * len(loader)),
            settings=rates,
        )
        set_learning_rate(optimiser, rates.learning_rate * factor)
        with mixed_precision(device, run.precision):
            logits = network(images.to(device).float().div_(255))
        loss = functional.cross_entropy(logits.float(), labels.to(device))
        if not bool(loss.isfinite()):
            raise UserError(f"the loss is not finite in epoch {epoch + 1}; a smaller --lr often helps")
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        total += float(loss.detach())
        watch.step_done()
        if interruption.received is not None:
            break
    return total / len(loader)


def measure_accuracy(
    network: nn.Module, batches: object, device: torch.device, precision: torch.dtype
) -> tuple[float, float]:
    """(top-1, top-5) of a network on batches of (images, labels)."""
    network.eval()
    hits = torch.zeros(2)
    count = 0
    with torch.no_grad():
        for images, labels in batches:  # type: ignore[attr-defined]
            with mixed_precision(device, precision):
                logits: Tensor = network(images.to(device).float().div_(255)).float().cpu()
            ranked = logits.topk(min(TOP, logits.shape[1])).indices == labels[:, None]
            hits += torch.stack((ranked[:, 0].sum(), ranked.any(dim=1).sum()))
            count += len(labels)
    top1, top5 = (hits / max(1, count)).tolist()
    return top1, top5


def _restore(path: Path, network: nn.Module, optimiser: torch.optim.SGD) -> tuple[int, tuple[float, float]]:
    content = read_checkpoint(path)
    training = content["training"]
    if not training or "epoch" not in training:
        raise UserError(f"{path}: holds a finished model, not a training that can be resumed (use last.pt)")
    load_weights(network, content["weights"], str(path))
    optimiser.load_state_dict(training["optimiser"])
    return int(training["epoch"]), (training["best"][0], training["best"][1])
