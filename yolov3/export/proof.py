"""The proof of an export: PyTorch in float32 and the exported graph, side by side, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolov3.datasets.dataset import Dataset
from yolov3.evaluation.class_matching import match_classes
from yolov3.evaluation.evaluate import EvaluateOptions, evaluate_runtime
from yolov3.evaluation.measure import Evaluation, EvaluationSettings
from yolov3.export.agreement import Agreement, compare
from yolov3.export.images import few_images
from yolov3.export.options import ExportOptions
from yolov3.graphs.facts import GraphFacts
from yolov3.runtimes.runtime import Runtime
from yolov3.selecting.postprocess import Selection
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

SCORE_LIMIT, BOX_LIMIT = 1e-3, 0.1
"""In float32: what two programs may differ by that add the same numbers in another order (score; pixels)."""

POINTS = 100  # of AP, which lies in [0, 1]


@dataclass(frozen=True)
class Precisions:
    """AP50 and AP, in [0, 1], on so many images, by PyTorch in float32 (``before``) and by the graph (``after``)."""

    images: int
    ap50_before: float
    ap50_after: float
    ap_before: float
    ap_after: float

    @property
    def drop(self) -> float:
        """What AP50 loses, in points."""
        return POINTS * (self.ap50_before - self.ap50_after)

    def as_plain(self) -> dict[str, float]:
        """Plain values."""
        return {
            "images": self.images,
            "ap50_before": self.ap50_before,
            "ap50_after": self.ap50_after,
            "ap_before": self.ap_before,
            "ap_after": self.ap_after,
            "ap50_drop_in_points": round(self.drop, 4),
        }


@dataclass(frozen=True)
class Proof:
    """What was measured, and whether it holds: ``passed`` is None where nothing that was measured can tell. ``why`` says it
    in words."""

    agreement: Agreement
    precisions: Precisions | None
    passed: bool | None
    why: str

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        verdict = {True: "passed", False: "failed", None: "not judged"}[self.passed]
        return {
            "verdict": verdict,
            "why": self.why,
            "agreement": self.agreement.as_plain(),
            "precisions": None if self.precisions is None else self.precisions.as_plain(),
            "limits_of_float32": {"score": SCORE_LIMIT, "box": BOX_LIMIT},
        }


def prove(
    torch_runtime: Runtime,
    graph: Runtime,
    facts: GraphFacts,
    data: Dataset | None,
    before: Evaluation | None,
    options: ExportOptions,
    watcher: Watcher,
) -> Proof:
    """Compare both on some real images, and where there are labels measure the graph on all of them, as PyTorch was
    ``before``. Raises UserError for an image that cannot be read."""
    selection = selection_of(facts, options)
    images = (image for _, image in few_images(data))
    agreement = compare(
        torch_runtime, graph, images, facts.meaning.preprocessing, selection, by_places=facts.suppressed is None
    )
    precisions = None
    if data is not None and before is not None:
        watcher.report(f"measuring the graph on {counted(len(data), 'image')}")
        after = measured(graph, facts, data, options, watcher)
        numbers = (before.coco.ap50, after.coco.ap50, before.coco.ap, after.coco.ap)
        if None not in numbers:
            precisions = Precisions(len(data), *(float(each or 0) for each in numbers))
    passed, why = judge(facts, agreement, precisions, options.max_drop)
    if facts.precision == "bfloat16" != graph.precision:
        passed, why = None, f"this processor has no bfloat16: all of this was computed in {graph.precision}"
    return Proof(agreement, precisions, passed, why)


def judge(
    facts: GraphFacts, agreement: Agreement, precisions: Precisions | None, max_drop: float
) -> tuple[bool | None, str]:
    """Whether an export holds, and why."""
    drop = None if precisions is None else precisions.drop
    if facts.precision == "float32":
        close = agreement.score <= SCORE_LIMIT and agreement.box <= BOX_LIMIT
        new = agreement.gained + agreement.lost - agreement.near
        words = f"differs by at most {agreement.score:.2g} in score and {agreement.box:.2g} pixels"
        if close and not new:
            return True, f"{words} (limits {SCORE_LIMIT:g} and {BOX_LIMIT:g})"
        return False, f"{words} (limits {SCORE_LIMIT:g} and {BOX_LIMIT:g}), {counted(new, 'detection')} gained or lost"
    if drop is None:
        return None, f"no labelled images to measure {facts.precision} on; give them with --check DATA"
    words = f"AP50 {'loses' if drop >= 0 else 'gains'} {abs(drop):.2f} points (limit {max_drop:g})"
    return drop <= max_drop, words


def selection_of(facts: GraphFacts, options: ExportOptions) -> Selection:
    """How boxes are chosen where detections are compared."""
    return Selection(
        confidence=options.confidence,
        nms_threshold=options.nms_threshold,
        suppression=facts.meaning.suppression,
        class_agnostic=options.class_agnostic,
        max_detections=options.max_detections,
    )


def measured(
    runtime: Runtime, facts: GraphFacts, data: Dataset, options: ExportOptions, watcher: Watcher
) -> Evaluation:
    """Both metrics of a runtime, by the rules of ``yolov3 evaluate``, or of the graph where it suppresses by itself."""
    labels = match_classes(facts.meaning.names, data.names, num_model_classes=facts.num_classes)
    if facts.suppressed is not None:
        selection = selection_of(facts, options)
    else:
        rules = EvaluateOptions
        selection = Selection(
            rules.confidence, rules.nms_threshold, facts.meaning.suppression, multi_label=rules.multi_label
        )
    settings = EvaluationSettings(
        model=facts.description,
        data=data.source,
        images=len(data),
        num_classes=len(data.names),
        preprocessing=facts.meaning.preprocessing,
        selection=selection,
        batch_size=1 if runtime.name != "torch" else 8,
        device=runtime.device,
        precision=runtime.precision,
        runtime=runtime.name,
    )
    return evaluate_runtime(runtime, data, settings, model_labels=labels, workers=0, watcher=watcher)
