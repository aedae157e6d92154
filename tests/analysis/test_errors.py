"""Each type of error by hand, and the costs beside those of a slow and obvious way."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from yolov3.analysis.errors import FALSE_NEGATIVES, FALSE_POSITIVES, KINDS, find_errors
from yolov3.analysis.precision import average_precisions
from yolov3.boxes import iou_matrix
from yolov3.evaluation.coco import coco_metric

NAMES = (*KINDS, FALSE_POSITIVES, FALSE_NEGATIVES)


def slow_ap(rows: list[tuple[int, float, bool]], truths: list[int], all_truths: list[int]) -> list[float]:
    """AP50 by class of (label, score, right), read at 101 recalls."""
    result = []
    for label, count in enumerate(truths):
        if not all_truths[label]:
            result.append(0.0)
            continue
        if not count:
            result.append(1.0)
            continue
        points, hits = [], 0
        for number, (_, _, right) in enumerate(
            sorted((r for r in rows if r[0] == label), key=lambda r: -r[1]), start=1
        ):
            hits += right
            points.append((hits / count, hits / number))
        result.append(
            np.mean([max((p for r, p in points if r >= recall), default=0.0) for recall in np.linspace(0, 1, 101)])
        )
    return result


def slow_costs(dataset, found) -> dict[str, tuple[int, list[float]]]:
    """Of images without ignored truths, scores without ties."""
    num = len(dataset.names)
    all_truths = [sum(int((s.labels == label).sum()) for s in dataset.samples) for label in range(num)]
    rows, owner, kinds, lost = [], {}, {}, []
    truth_label = {}
    for image, (sample, one) in enumerate(zip(dataset.samples, found)):
        iou = iou_matrix(one.boxes, torch.from_numpy(sample.boxes)).numpy()
        truth_label |= {(image, t): int(label) for t, label in enumerate(sample.labels)}
        taken = {}
        for d in np.argsort(-one.scores.numpy(), kind="stable"):
            label = int(one.labels[d])
            options = [(iou[d, t], t) for t in range(len(sample.boxes))
                       if sample.labels[t] == label and iou[d, t] >= 0.5 and t not in taken]  # fmt: skip
            if options:
                taken[max(options)[1]] = d
            key, score = (image, int(d)), float(one.scores[d])
            rows.append((key, label, score, bool(options)))
            if options:
                owner[key] = (image, max(options)[1])
                continue
            own = max(((iou[d, t], t) for t in range(len(sample.boxes)) if sample.labels[t] == label), default=(0, -1))
            other = max(
                ((iou[d, t], t) for t in range(len(sample.boxes)) if sample.labels[t] != label), default=(0, -1)
            )
            if 0.1 <= own[0] < 0.5:
                kinds[key] = ("localisation", (image, own[1]))
            elif other[0] >= 0.5:
                kinds[key] = ("classification", (image, other[1]))
            elif own[0] >= 0.5:
                kinds[key] = ("duplicate", None)
            elif max(own[0], other[0]) < 0.1:
                kinds[key] = ("background", None)
            else:
                kinds[key] = ("both", None)
        lost += [(image, t) for t in range(len(sample.boxes)) if t not in taken]
    fixable = {target for _, target in kinds.values() if target}
    missed = [truth for truth in lost if truth not in fixable]

    def less(gone: list) -> list[int]:
        return [all_truths[label] - sum(truth_label[t] == label for t in gone) for label in range(num)]

    plain = [(label, score, right) for _, label, score, right in rows]
    before = np.array(slow_ap(plain, all_truths, all_truths))
    costs = {}
    for name in NAMES:
        truths, count = all_truths, sum(kind == name for kind, _ in kinds.values())
        if name in ("missed", FALSE_NEGATIVES):
            truths, count, after = less(gone := missed if name == "missed" else lost), len(gone), plain
        elif name == FALSE_POSITIVES:
            count, after = len(kinds), [row for row in plain if row[2]]
        elif name in ("localisation", "classification"):
            claims: dict = {}
            after = []
            for key, label, score, _ in rows:
                truth = owner.get(key) or (kinds[key][1] if kinds[key][0] == name else None)
                if truth is None:
                    after.append((label, score, False))
                else:
                    claims.setdefault(truth, []).append(score)
            after += [(truth_label[truth], max(scores), True) for truth, scores in claims.items()]
        else:
            after = [r[1:] for r in rows if kinds.get(r[0], ("", None))[0] != name]
        gains = (np.array(slow_ap(after, truths, all_truths)) - before) / max(1, np.count_nonzero(all_truths))
        costs[name] = (count, gains.tolist())
    return costs


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_slow_way(world, seed: int) -> None:
    dataset, found = world.random(seed, images=15, decimals=6, skill=0.2, most=2 + seed)
    for sample in dataset.samples:
        sample.ignore[:] = False
    errors, expected = find_errors(world.match(dataset, found)), slow_costs(dataset, found)
    assert sum(count > 0 for count, _ in expected.values()) >= 6
    for cost in errors.costs:
        count, gains = expected[cost.kind]
        assert cost.count == count, cost.kind
        np.testing.assert_allclose(cost.by_class, gains, atol=1e-9, err_msg=cost.kind)
        assert cost.ap50 == pytest.approx(sum(gains), abs=1e-9)


def test_without_false_ones_of_both_kinds_all_is_well(world) -> None:
    dataset, found = world.random(1, images=20)
    matching = world.match(dataset, found)
    errors = find_errors(matching)
    ap50 = coco_metric(dataset, found).numbers.ap50
    recall = np.nanmean(
        [matching.right[0][matching.found.label == k].sum() / n for k, n in enumerate(matching.truths_of_classes())]
    )
    assert errors.cost(FALSE_POSITIVES).ap50 == pytest.approx(recall - ap50, abs=0.01)  # 101 points of a rectangle
    assert errors.cost(FALSE_NEGATIVES).ap50 > 0
    everything = errors.counts(np.ones(len(errors.kind), bool))
    assert everything == {cost.kind: cost.count for cost in errors.costs[:5]}
    assert (
        sum(errors.counts(matching.found.score > 0.5).values())
        == (matching.wrong[0] & (matching.found.score > 0.5)).sum()
    )
    assert (errors.kind >= 0).sum() == matching.wrong[0].sum() == sum(c.count for c in errors.costs[:5])
    assert np.nanmean(average_precisions(matching)[0]) == pytest.approx(ap50)


TRUE = [[0, 0, 100, 100], [200, 0, 300, 100]]


@pytest.mark.parametrize(
    ("box", "label", "score", "kind"),
    [
        ([210, 0, 310, 100], 0, 0.9, "classification"),
        ([0, 0, 100, 30], 0, 0.9, "localisation"),
        ([200, 0, 300, 30], 0, 0.9, "both"),
        ([5, 0, 105, 100], 0, 0.5, "duplicate"),
        ([0, 300, 100, 400], 0, 0.9, "background"),
    ],
)
def test_one_of_each(world, box: list[int], label: int, score: float, kind: str) -> None:
    dataset = world.data(world.sample(1, TRUE, [0, 1]))
    found = world.found([TRUE[0], TRUE[1], box], [0.6, 0.6, score], [0, 1, label])
    errors = find_errors(world.match(dataset, [found]))
    assert [KINDS[k] for k in errors.kind if k >= 0] == [kind]
    assert {cost.kind: cost.count for cost in errors.costs} == {
        **dict.fromkeys(NAMES, 0), kind: 1, FALSE_POSITIVES: 1,
    }  # fmt: skip
    # A better one in front of the only right one halves the precision; a duplicate comes behind all.
    cost = 0.0 if kind == "duplicate" else 0.25
    assert errors.cost(kind).ap50 == pytest.approx(cost) and errors.cost(FALSE_POSITIVES).ap50 == pytest.approx(cost)
    assert errors.cost(kind).by_class == (pytest.approx(2 * cost / 2), 0)


def test_the_oracles_find_what_was_lost(world) -> None:
    dataset = world.data(world.sample(1, TRUE, [0, 1]))
    # the first misplaced, the second of the wrong class
    errors = find_errors(world.match(dataset, [world.found([[0, 0, 100, 30], TRUE[1]], [0.9, 0.8], [0, 0])]))
    assert [cost.count for cost in errors.costs] == [1, 1, 0, 0, 0, 0, 2, 2]
    assert [cost.ap50 for cost in errors.costs] == pytest.approx([0.5, 0.5, 0, 0, 0, 0, 0, 1])
    assert errors.target[errors.kind == 1].tolist() == [0] and errors.target[errors.kind == 0].tolist() == [1]


def test_missed(world) -> None:
    dataset = world.data(world.sample(1, [*TRUE, [0, 200, 100, 300]], [0, 1, 0]))
    errors = find_errors(world.match(dataset, [world.found(TRUE, [0.9, 0.8], [0, 1])]))
    assert errors.missed.tolist() == [False, False, True]
    # 51 of 101 recalls are reached with 1 of 2
    assert errors.cost("missed").ap50 == errors.cost(FALSE_NEGATIVES).ap50 == pytest.approx(50 / 101 / 2)
    json.dumps(errors.as_plain(), allow_nan=False)


def test_ignored_truths_are_no_errors(world) -> None:
    dataset = world.data(world.sample(1, TRUE, [0, 1], [True, False]))
    errors = find_errors(world.match(dataset, [world.found(TRUE[:1], [0.9], [0])]))
    assert [cost.count for cost in errors.costs] == [0, 0, 0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_nothing_found_and_nothing_true(world, found: bool, true: bool) -> None:
    dataset = world.data(world.sample(1, TRUE[:1] * true, [0] * true))
    errors = find_errors(world.match(dataset, [world.found(TRUE[:1] * found, [0.5] * found, [1] * found)]))
    assert {cost.ap50 if cost.ap50 is None else round(cost.ap50, 9) for cost in errors.costs} <= (
        {0, 1} if true else {None}
    )
    assert errors.cost("classification").count == (found and true)
    assert errors.cost("background").count == (found and not true)
    json.dumps(errors.as_plain(), allow_nan=False)


def test_another_first_threshold_is_refused(world) -> None:
    with pytest.raises(ValueError, match=r"must be 0\.5, found 0\.75"):
        find_errors(world.match(world.data(), [], thresholds=(0.75,)))
