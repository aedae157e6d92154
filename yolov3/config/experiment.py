"""Every setting of an experiment, typed, with what it does below it.

An experiment is: the defaults below, changed by its recipe (yolov3/config/recipes.py), by its YAML file and by
``section.key=value`` on the command line, in this order. Nothing is changed after that. ``yolov3 settings``, the
completion of shells and messages are made from here: types say what is allowed, the text below a setting what it is.

Sources of switches and their gains are named as in yolov3/config/learning.py.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from yolov3.config.kinds import (
    Anchor,
    BatchSize,
    BelowOne,
    Count,
    CountFromZero,
    Epochs,
    Fraction,
    Section,
    Seed,
    Side,
    Tiles,
    Width,
    Workers,
    require_order,
)
from yolov3.config.learning import AugmentSection, LossSection, OptimiserSection
from yolov3.meaning import Fit, Overlap, Preprocessing, Resize, Suppression

LEFT_TO_WEIGHTS = ("image_size", "anchors", "xy_scale", "fit", "resize", "fill", "suppression", "diou_exponent")
"""What an experiment that does not say it takes from train.weights and from model.cfg, and tells."""


class ModelSection(Section):
    """The network, how images are fitted into it and how its boxes suppress each other."""

    variant: Literal["yolov3", "yolov3-spp", "yolov3-tiny"] = "yolov3"
    """which network"""
    cfg: str | None = None
    """a Darknet .cfg whose layers replace variant, width and xy_scale"""
    width: Width = 1.0
    """factor on every layer's channels; 1 is the published network"""
    image_size: Side | tuple[Side, Side] = 416
    """side of the input, or [height, width], multiples of 32"""
    anchors: tuple[tuple[Anchor, ...], ...] | None = None
    """[width, height] in pixels, a list per level, coarse first; null: those of weights, cfg or variant"""
    xy_scale: Annotated[float, Field(gt=0, le=10)] = 1.0
    """grid sensitivity; YOLOv3 has 1 (PP-YOLO: 1.05, +0.3 AP)"""
    fit: Fit = "letterbox"
    """keep the image's aspect (letterbox), or not (stretch)"""
    resize: Resize = "area"
    """how an image is resampled"""
    fill: Fraction = 0.5
    """grey of the letterbox border; Darknet's 0.5"""
    suppression: Overlap = "iou"
    """the overlap by which boxes suppress each other: IoU, or IoU - (distance^2 / diagonal^2) ** diou_exponent"""
    diou_exponent: Annotated[float, Field(gt=0, le=10)] = 0.6
    """the exponent of that"""

    @property
    def preprocessing(self) -> Preprocessing:
        """How images are fitted into this network."""
        size = self.image_size
        pair = (size, size) if isinstance(size, int) else size
        return Preprocessing(size=pair, fit=self.fit, resize=self.resize, fill=self.fill)

    @property
    def suppression_rule(self) -> Suppression:
        """How this network's boxes suppress each other."""
        return Suppression(self.suppression, self.diou_exponent)

    @property
    def num_levels(self) -> int | None:
        """The levels of the network's predictions; None where a ``.cfg`` says them."""
        return None if self.cfg is not None else 2 if self.variant == "yolov3-tiny" else 3

    @model_validator(mode="after")
    def _size_is_possible(self) -> ModelSection:
        _ = self.preprocessing
        return self


class DataSection(Section):
    """The images, their boxes and the names of the classes."""

    file: str | None = None
    """a data YAML (configs/data/) or .data; its keys are overridden by those given here"""
    root: str | None = None
    """folder of the data set; other paths are relative to it"""
    format: str = "auto"
    """coco, voc, yolo; auto: told from what lies in root"""
    train: str | tuple[str, ...] | None = None
    """images to train on; COCO: a json; VOC: a split's name; VOC, YOLO: a folder or list of images"""
    val: str | tuple[str, ...] | None = None
    """images to evaluate on"""
    test: str | tuple[str, ...] | None = None
    """images for evaluate --split test"""
    train_images: str | None = None
    """COCO only: folder of the images to train on, where it cannot be told from the json's name"""
    val_images: str | None = None
    """COCO only: folder of the images to evaluate on"""
    test_images: str | None = None
    """COCO only: folder of the images of test"""
    val_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """share of the images set apart for validation, where the data has no split; 0: it has"""
    group_by: str | None = None
    """with val_share: images whose paths match this regular expression alike stay together; null: near-identical neighbours"""
    val_seed: Seed = 0
    """with val_share: another seed sets other images apart"""
    lists: str | None = None
    """folder with train.txt and val.txt, such as a run's; or a list of the images for validation"""
    names: tuple[str, ...] | dict[int, str] | None = None
    """class names; COCO takes them from the json"""
    one_based: bool = True
    """VOC only: corners count from 1, as the VOC devkit's do"""
    overfit: CountFromZero = 0
    """train and evaluate on the first N training images; 0 = off"""
    tiles: Tiles | None = None
    """large images are learned from, and measured, in parts: auto, ROWSxCOLUMNS or a side in pixels"""
    tile_overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    """least share of its side that a tile has in common with the next"""


class TrainSection(Section):
    """How long, in what batches, on which device, and what is kept."""

    epochs: Epochs = 100
    """times through the training images"""
    batch_size: BatchSize = 16
    """images per optimiser step (all ranks and accumulated parts together)"""
    accumulate: BatchSize = 1
    """the batch is computed in this many parts"""
    multi_scale: tuple[Side, Side] | None = None
    """smallest and largest side of the input (BoF: +0.42 mAP)"""
    multi_scale_every: Count = 10
    """batches between two draws of the side"""
    workers: Workers = 2
    """loader processes"""
    seed: Seed = 0
    """of everything random"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 where the device is built for it"""
    ema: BelowOne = 0.9998
    """decay of the averaged weights, 0 = off (PP-YOLO: +2.3 AP together with larger batches and DropBlock)"""
    sync_norm: bool = True
    """on several GPUs, batch norm over the images of all (BoF: +0.56 mAP)"""
    balance: Fraction = 0.0
    """images of a class seen in a smaller share of all are shown more often; LVIS has 0.001"""
    cache: Literal["none", "memory", "disk"] = "none"
    """keep decoded images; disk: in train.output/cache"""
    evaluate_every: Count = 5
    """epochs between evaluations; the last epoch always is"""
    evaluate_training: CountFromZero = 64
    """so many training images are evaluated too; 0 = none"""
    weights: str | None = None
    """start from this model file"""
    freeze_backbone: CountFromZero = 0
    """keep the backbone still for the first N epochs"""
    norm_momentum: Fraction = 0.01
    """share of the newest batch in batch norm's running statistics; Darknet's 0.01"""
    channels_last: bool = True
    """memory layout; faster on most devices"""
    compile: bool = False
    """torch.compile; needs a C++ compiler on CPUs"""
    patience: CountFromZero = 0
    """stop after this many evaluations without a better AP; 0 = off"""
    checkpoint_epochs: Count = 1
    """save last.pt after every N epochs (and after the last, and when stopped)"""
    checkpoint_steps: CountFromZero = 0
    """also save it every N steps; 0 = not within an epoch"""
    nonfinite_limit: Count = 10
    """stop after this many steps in a row with a non-finite loss or gradient"""
    output: str = "runs/train"
    """a new folder is made in here"""
    name: str | None = None
    """the new folder's name; default: the experiment file's"""

    @model_validator(mode="after")
    def _sides_are_in_order(self) -> TrainSection:
        require_order("multi_scale", self.multi_scale)
        return self


class EvaluateSection(Section):
    """How the evaluations of a training choose boxes."""

    confidence: Fraction = 0.001
    """a score must be above this"""
    nms_threshold: Fraction = 0.6
    """a box that overlaps a better one of its class by more than this is dropped"""
    max_detections: Count = 300
    """most boxes of an image"""
    class_agnostic: bool = False
    """boxes of different classes suppress each other"""
    multi_label: bool = True
    """a box may carry several classes"""
    batch_size: BatchSize = 16
    """images at once"""


class Experiment(Section):
    """All that a run depends on."""

    recipe: Literal["darknet", "modern"] = "modern"
    """the starting point of loss, augment, optimiser, train"""
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    augment: AugmentSection = AugmentSection()
    loss: LossSection = LossSection()
    optimiser: OptimiserSection = OptimiserSection()
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()

    @model_validator(mode="after")
    def _parts_agree(self) -> Experiment:
        if self.train.batch_size % self.train.accumulate:
            raise ValueError(
                f"train.batch_size (={self.train.batch_size}) must be divisible by train.accumulate "
                f"(={self.train.accumulate})"
            )
        weights, levels = self.loss.level_weights, self.model.num_levels
        if weights is not None and levels is not None and len(weights) != levels:
            raise ValueError(f"loss.level_weights needs {levels} numbers for this network, found {len(weights)}")
        return self

    def as_plain(self) -> dict[str, Any]:
        """The settings as plain values, as they are stored in a checkpoint and a resolved config."""
        return json.loads(self.model_dump_json())
