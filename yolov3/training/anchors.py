"""Anchors for an experiment: how well its own match the boxes of its data, and those that would match best."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from yolov3.anchors import AnchorMatch, AnchorSet, cluster_anchors, measure_anchors
from yolov3.catalogue.cutting import as_learned
from yolov3.catalogue.opening import open_dataset
from yolov3.config.experiment import Experiment
from yolov3.datasets.box_sides import learned_sides
from yolov3.errors import UserError
from yolov3.formats.build import Start, build_detector, settle


@dataclass(frozen=True)
class AnchorProposal:
    """Of ``num_boxes`` boxes of the data ``source``: the anchors an experiment has ``now`` and those that were
    ``clustered``, with how well they match."""

    source: str
    num_boxes: int
    now: AnchorSet
    now_match: AnchorMatch
    clustered: AnchorSet
    clustered_match: AnchorMatch

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "source": self.source,
            "num_boxes": self.num_boxes,
            "now": {"anchors": _as_lists(self.now), **asdict(self.now_match)},
            "fitted": {"anchors": _as_lists(self.clustered), **asdict(self.clustered_match)},
        }


def _as_lists(anchors: AnchorSet) -> list[list[list[float]]]:
    return [[[float(side) for side in anchor] for anchor in level] for level in anchors]


def propose_anchors(experiment: Experiment, *, seed: int = 0) -> AnchorProposal:
    """Cluster the boxes of an experiment's training data, as its network sees them. Raises UserError."""
    model, _ = settle(experiment.model, Start())
    dataset = as_learned(open_dataset(experiment.data, "train"), experiment, model.preprocessing.size)
    sides = learned_sides(dataset, model.preprocessing)
    with torch.device("meta"):
        levels = build_detector(model, num_classes=len(dataset.names)).levels
    now = tuple(level.anchors for level in levels)
    try:
        clustered = cluster_anchors(sides, num_levels=len(now), per_level=len(now[0]), seed=seed)
    except ValueError as error:
        raise UserError(f"{dataset.source}: {error}") from error
    return AnchorProposal(
        dataset.source, len(sides), now, measure_anchors(sides, now), clustered, measure_anchors(sides, clustered)
    )
