"""Every setting of an experiment, typed, with what it does below it.

An experiment is: the defaults below, changed by its recipe (yolov3/config/recipes.py), by its YAML file and by
``section.key=value`` on the command line, in this order. Nothing is changed after that. ``yolov3 settings``, the
completion of shells and messages are made from here: types say what is allowed, the text below a setting what it is.

The switches between the original way of training and later ones name where they come from and the gain published there:
BoF is Bag of Freebies (Zhang et al. 2019; YOLOv3 at 416, mAP on VOC 2007), PP-YOLO (Long et al. 2020) and YOLOX (Ge et
al. 2021) are AP on COCO with YOLOv3's network. What they bring here is measured in docs/recipes.md.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from yolov3.config.kinds import Anchor, BelowOne, Count, CountFromZero, Fraction, NotNegative, Positive, Section
from yolov3.meaning import Fit, Overlap, Preprocessing, Resize, Suppression

BoxKind = Literal["darknet", "iou", "giou", "diou", "ciou"]  # the names of yolov3/box_losses.py, whose import is slow

LEFT_TO_WEIGHTS = ("image_size", "anchors", "xy_scale", "fit", "resize", "fill", "suppression", "diou_exponent")
"""What an experiment that does not say it takes from train.weights and from model.cfg, and tells."""


class ModelSection(Section):
    """The network, how images are fitted into it and how its boxes suppress each other."""

    variant: Literal["yolov3", "yolov3-spp", "yolov3-tiny"] = "yolov3"
    """which network"""
    cfg: str | None = None
    """a Darknet .cfg whose layers replace variant, width and xy_scale"""
    width: Positive = 1.0
    """factor on every layer's channels; 1 is the published network"""
    image_size: Count | tuple[Count, Count] = 416
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
    val_seed: CountFromZero = 0
    """with val_share: another seed sets other images apart"""
    lists: str | None = None
    """folder with train.txt and val.txt, such as a run's; or a list of the images for validation"""
    names: tuple[str, ...] | dict[int, str] | None = None
    """class names; COCO takes them from the json"""
    one_based: bool = True
    """VOC only: corners count from 1, as the VOC devkit's do"""
    overfit: CountFromZero = 0
    """train and evaluate on the first N training images; 0 = off"""


class AugmentSection(Section):
    """How the images of the training are varied."""

    flip: Fraction = 0.5
    """probability of a horizontal mirror image"""
    hue: Fraction = 0.1
    """largest shift of the hue, in turns"""
    saturation: Annotated[float, Field(ge=1)] = 1.5
    """largest factor on the saturation, or its inverse"""
    exposure: Annotated[float, Field(ge=1)] = 1.5
    """largest factor on the brightness, or its inverse"""
    jitter: BelowOne = 0.3
    """largest relative change of each side (changes the aspect)"""
    scale: tuple[Positive, Positive] = (1.0, 1.0)
    """smallest and largest zoom; 1 fits the whole image"""
    translate: Fraction = 1.0
    """how freely the image is placed in the free space (1: anywhere, 0: centred)"""
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """largest rotation in degrees"""
    flip_vertical: Fraction = 0.0
    """probability of an upside-down image (microscopes, aerial images)"""
    blur: Fraction = 0.0
    """probability of a slight blur"""
    noise: Fraction = 0.0
    """probability of sensor noise"""
    mosaic: Fraction = 0.0
    """probability of four images in one (after YOLOv4; YOLOX: +2.4 AP together with mixup)"""
    mixup: Fraction = 0.0
    """probability of two images blended (BoF: +1.5 mAP)"""
    close_mosaic: CountFromZero = 0
    """neither of them for the last N epochs (YOLOX: 15 of 300)"""
    minimum_visible: Fraction = 0.1
    """a box of which less than this share stays in the image is dropped"""


class LossSection(Section):
    """What the network is punished for."""

    box_kind: BoxKind = "darknet"
    """darknet: cross-entropy on x and y, half squares on w and h; or 1 - IoU or a relative (PP-YOLO: IoU, +0.5 AP)"""
    assigner: Literal["best_anchor", "multi_anchor"] = "best_anchor"
    """the best anchor of each object; or all that fit it, at neighbouring cells too (YOLOX: several positives, +2.1 AP)"""
    anchor_ratio: Annotated[float, Field(gt=1)] = 4.0
    """multi_anchor: largest ratio of an object's sides to an anchor's"""
    ignore_threshold: Fraction = 0.7
    """a background prediction this close (IoU) to an object is not punished"""
    objectness_target: Literal["one", "iou"] = "one"
    """what objectness learns: 1, or the box's IoU with its object (PP-YOLO, as a branch of its own: +0.6 AP)"""
    normaliser: Literal["batch", "positives"] = "batch"
    """what the sums are divided by; batch is Darknet's"""
    box_weight: NotNegative = 1.0
    """factor on the loss of the boxes"""
    objectness_weight: NotNegative = 1.0
    """factor on the loss of objectness"""
    class_weight: NotNegative = 1.0
    """factor on the loss of the classes"""
    level_weights: tuple[Positive, ...] | None = None
    """objectness weight per level, coarse first; null: 1 each"""
    label_smoothing: BelowOne = 0.0
    """goals 1 - s/2 and s/2 (BoF: +0.45 mAP)"""


class OptimiserSection(Section):
    """How the weights follow the gradient."""

    learning_rate: Positive = 0.001
    """length of a step, after the warm-up"""
    momentum: BelowOne = 0.9
    """share of the last step that goes on in the next"""
    nesterov: bool = False
    """Nesterov's momentum"""
    weight_decay: NotNegative = 0.0005
    """on the weights of convolutions"""
    decay_everything: bool = False
    """on biases and norms too; Darknet and BoF do not, gain not published alone"""
    schedule: Literal["cosine", "steps", "constant"] = "cosine"
    """how the learning rate falls; Darknet has steps (BoF: cosine, +0.46 mAP)"""
    final_ratio: Fraction = 0.01
    """cosine: last learning rate as a share of the first"""
    steps: tuple[Fraction, ...] = (0.8, 0.9)
    """steps: at these shares of the training the learning rate falls"""
    step_factor: Fraction = 0.1
    """steps: it is multiplied by this there"""
    warmup_epochs: NotNegative = 1.0
    """so long the learning rate grows from 0"""
    warmup_power: Positive = 4.0
    """learning rate ~ (step / warm-up steps) ** power; Darknet's burn-in has 4"""
    gradient_clip: NotNegative = 0.0
    """largest norm of the gradient; 0 = no limit"""


class TrainSection(Section):
    """How long, in what batches, on which device, and what is kept."""

    epochs: Count = 100
    """times through the training images"""
    batch_size: Count = 16
    """images per optimiser step (all ranks and accumulated parts together)"""
    accumulate: Count = 1
    """the batch is computed in this many parts"""
    multi_scale: tuple[Count, Count] | None = None
    """smallest and largest side of the input (BoF: +0.42 mAP)"""
    multi_scale_every: Count = 10
    """batches between two draws of the side"""
    workers: CountFromZero = 2
    """loader processes"""
    seed: CountFromZero = 0
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
    batch_size: Count = 16
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
        return self

    def as_plain(self) -> dict[str, Any]:
        """The settings as plain values, as they are stored in a checkpoint and a resolved config."""
        return json.loads(self.model_dump_json())
