"""Which anchor in which cell answers for which object, and which places are left alone.

Legend: B images, A anchors, H W cells, N objects, P answering places, C classes. Boxes are xyxy pixels of the network's
input. Ignored objects (crowds, ``difficult``) answer nowhere; see :func:`ignore_mask`.

Sources: ``best_anchor`` is Darknet's forward_yolo_layer (one anchor of all levels per object, by shape);
``multi_anchor`` follows the idea, common since YOLOv4, of several positives per object (every anchor that is not too
different in shape, in every cell that can reach the object's centre).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolov3.boxes import box_sides, coverage_matrix, overlaps_any, shape_iou_matrix, xyxy_to_cxcywh
from yolov3.codec import level_anchors
from yolov3.config.learning import LossSection
from yolov3.structures import Level, Size, Targets

CROWD_COVERAGE = 0.5
"""A background prediction that lies in an ignored region with at least this share of its area is not punished."""

LARGEST_OVERLAP_TABLE = 20_000_000
"""Entries of the table of overlaps that is held at once; larger batches are taken image by image."""


@dataclass(frozen=True)
class LevelAssignment:
    """The places of one level that answer for objects, each once: their ``image``, ``anchor``, ``row``, ``column`` (P,) int64;
    ``boxes`` (P, 4) of their objects; ``classes`` (P, C) float32, 1 for each class seen there; ``weights`` (P,)."""

    image: Tensor
    anchor: Tensor
    row: Tensor
    column: Tensor
    boxes: Tensor
    classes: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def of_images(self, start: int, stop: int) -> LevelAssignment:
        """The places of the images ``start`` to ``stop`` - 1, whose numbers count anew."""
        mine = (self.image >= start) & (self.image < stop)
        return LevelAssignment(
            self.image[mine] - start,
            self.anchor[mine],
            self.row[mine],
            self.column[mine],
            self.boxes[mine],
            self.classes[mine],
            self.weights[mine],
        )

    @property
    def place(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The index of these places into a (B, A, H, W, ...) map."""
        return self.image, self.anchor, self.row, self.column

    @property
    def cells(self) -> Tensor:
        """(P, 2) columns and rows as float32."""
        return torch.stack((self.column, self.row), dim=1).float()


@dataclass(frozen=True)
class Assignment:
    """The objects of a batch and the places that answer for them, a :class:`LevelAssignment` per level, coarse first;
    ``network_size`` (height, width) of the input."""

    targets: Targets
    levels: tuple[LevelAssignment, ...]
    network_size: Size

    def of_images(self, start: int, stop: int) -> Assignment:
        """That of the images ``start`` to ``stop`` - 1 alone, whose numbers count anew."""
        levels = tuple(level.of_images(start, stop) for level in self.levels)
        return Assignment(self.targets.of_images(start, stop), levels, self.network_size)

    def count_positives(self) -> Tensor:
        """Weighted number of answering places in all levels, a scalar."""
        return torch.stack([level.weights.sum() for level in self.levels]).sum()


def assign(
    targets: Targets, levels: Sequence[Level], settings: LossSection, *, network_size: Size, num_classes: int
) -> Assignment:
    """The places that answer for the objects of a batch, by the assigner that the settings name."""
    grids = [(network_size[0] // level.stride, network_size[1] // level.stride) for level in levels]
    if settings.assigner == "multi_anchor":
        found = assign_multi_anchor(targets, levels, grids, num_classes, anchor_ratio=settings.anchor_ratio)
    else:
        found = assign_best_anchor(targets, levels, grids, num_classes)
    return Assignment(targets, tuple(found), network_size)


def assign_best_anchor(
    targets: Targets, levels: Sequence[Level], grids: Sequence[Size], num_classes: int
) -> list[LevelAssignment]:
    """One anchor of all levels for each object: the one most like it in shape, in the cell of its centre.

    ``grids`` are the (H, W) of the levels' maps. Two objects in one place: the last one's box, both classes.
    """
    objects = targets.select(~targets.ignore)
    sides = box_sides(objects.boxes)
    # In .cfg order the fine level's anchors come first, and of equally good ones Darknet takes the first.
    order = list(reversed(range(len(levels))))
    anchors = torch.cat([level_anchors(levels[i], sides.device) for i in order])
    owner = torch.cat([torch.full((len(levels[i].anchors),), i) for i in order]).to(sides.device)
    number = torch.cat([torch.arange(len(levels[i].anchors)) for i in order]).to(sides.device)
    best = shape_iou_matrix(sides, anchors).argmax(dim=1)
    assignments = []
    for index, (level, grid) in enumerate(zip(levels, grids, strict=True)):
        mine = (owner[best] == index).nonzero().squeeze(1)
        cells = _centre_cells(objects.boxes[mine], level, grid)
        assignments.append(_collect(objects, mine, number[best[mine]], cells, grid, len(level.anchors), num_classes))
    return assignments


def assign_multi_anchor(
    targets: Targets, levels: Sequence[Level], grids: Sequence[Size], num_classes: int, *, anchor_ratio: float
) -> list[LevelAssignment]:
    """All anchors whose sides differ from the object's by less than the factor ``anchor_ratio`` (and the best one
    in any case), in the cell of its centre and in the neighbours from which a level with ``xy_scale`` above 1 reaches it."""
    objects = targets.select(~targets.ignore)
    sides = box_sides(objects.boxes)
    best = [shape_iou_matrix(sides, level_anchors(level, sides.device)) for level in levels]
    overall = torch.cat(best, dim=1).amax(dim=1, keepdim=True)
    assignments = []
    for level, grid, shape_iou in zip(levels, grids, best, strict=True):
        ratio = sides[:, None] / level_anchors(level, sides.device)[None]
        fits = torch.maximum(ratio, 1 / ratio.clamp(min=1e-9)).amax(dim=2) < anchor_ratio
        index, anchor = (fits | (shape_iou == overall)).nonzero(as_tuple=True)
        cells, source = _reachable_cells(objects.boxes[index], level, grid)
        assignments.append(
            _collect(objects, index[source], anchor[source], cells, grid, len(level.anchors), num_classes)
        )
    return assignments


def ignore_mask(predicted: Tensor, targets: Targets, threshold: float) -> Tensor:
    """(B, A, H, W) bool of places whose predicted box (B, A, H, W, 4) overlaps some object of its image by an IoU above
    ``threshold``, or lies in an ignored region: as background they are not punished. The class does not matter."""
    batch = predicted.shape[0]
    flat = predicted.detach().reshape(batch, -1, 4)
    counts = torch.bincount(targets.image_index, minlength=batch)
    most = int(counts.max()) if len(targets) else 0
    if most == 0:
        return torch.zeros(predicted.shape[:-1], dtype=torch.bool, device=predicted.device)
    padded = flat.new_zeros(batch, most, 4)
    starts = torch.cumsum(counts, 0) - counts
    order = torch.argsort(targets.image_index, stable=True)
    image = targets.image_index[order]
    padded[image, torch.arange(len(order), device=order.device) - starts[image]] = targets.boxes[order]
    step = max(1, LARGEST_OVERLAP_TABLE // (flat.shape[1] * most))
    parts = [
        overlaps_any(flat[start : start + step], padded[start : start + step], threshold)
        for start in range(0, batch, step)
    ]
    mask = torch.cat(parts)
    for index in targets.ignore.nonzero().squeeze(1).tolist():
        image_number = int(targets.image_index[index])
        covered = coverage_matrix(flat[image_number], targets.boxes[index, None]).squeeze(1)
        mask[image_number] |= covered >= CROWD_COVERAGE
    return mask.view(predicted.shape[:-1])


def _centre_cells(boxes: Tensor, level: Level, grid: Size) -> Tensor:
    """(P, 2) int64 columns and rows of the boxes' centres, kept inside the grid."""
    centres = xyxy_to_cxcywh(boxes)[:, :2] / level.stride
    limit = torch.tensor((grid[1] - 1, grid[0] - 1), device=boxes.device)
    return torch.minimum(centres.long().clamp(min=0), limit)


def _reachable_cells(boxes: Tensor, level: Level, grid: Size) -> tuple[Tensor, Tensor]:
    """Cells (Q, 2) that can place a box's centre, and (Q,) which of the P boxes each belongs to."""
    reach = (level.xy_scale - 1) / 2
    home = _centre_cells(boxes, level, grid)
    inside = xyxy_to_cxcywh(boxes)[:, :2] / level.stride - home
    cells, source = [home], [torch.arange(len(boxes), device=boxes.device)]
    for axis in (0, 1):
        last = grid[1 - axis] - 1
        for step, near in ((-1, inside[:, axis] < reach), (1, inside[:, axis] > 1 - reach)):
            neighbour = home.clone()
            neighbour[:, axis] += step
            chosen = (near & (neighbour[:, axis] >= 0) & (neighbour[:, axis] <= last)).nonzero().squeeze(1)
            cells.append(neighbour[chosen])
            source.append(chosen)
    return torch.cat(cells), torch.cat(source)


def _collect(
    objects: Targets, index: Tensor, anchor: Tensor, cells: Tensor, grid: Size, num_anchors: int, num_classes: int
) -> LevelAssignment:
    """One entry per place, in which the last of several objects gives the box and every one its class."""
    image, (column, row) = objects.image_index[index], cells.unbind(1)
    slot = ((image * num_anchors + anchor) * grid[0] + row) * grid[1] + column
    places, inverse = torch.unique(slot, return_inverse=True)
    last = torch.full_like(places, -1).scatter_reduce(0, inverse, index, "amax", include_self=True)
    classes = torch.zeros(len(places), num_classes, device=objects.boxes.device)
    classes[inverse, objects.labels[index]] = 1.0
    return LevelAssignment(
        image=places // (num_anchors * grid[0] * grid[1]),
        anchor=places // (grid[0] * grid[1]) % num_anchors,
        row=places // grid[1] % grid[0],
        column=places % grid[1],
        boxes=objects.boxes[last],
        classes=classes,
        weights=objects.weights[last],
    )
