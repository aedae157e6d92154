"""What is said of costs, from numbers alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from yolov3.doctor.costs.cost import GIB, SAFE_SHARE, Memory, TrainingCost, drawn_on


def cost_of(*, one: float, two: float, free: float | None, batch: int = 16, parts: int = 1) -> TrainingCost:
    """Memory in GiB; the whole drawn on."""
    numbers = int(one * GIB), int(two * GIB)
    whole = drawn_on(*numbers, batch // parts)
    memory = Memory(*numbers, whole, False, None if free is None else int(free * GIB))
    return TrainingCost("cpu in float32", (608, 512), batch, parts, memory, 4.0, 100.0, 36, True)


def test_memory_is_drawn_on_by_the_images():
    assert [drawn_on(100, 130, images) for images in (1, 2, 3, 11)] == [100, 130, 160, 400]
    assert drawn_on(100, 90, 16) == 100  # less with more is noise


def test_where_there_is_room_the_cost_is_a_note():
    (finding,) = cost_of(one=1, two=1.25, free=20).findings()
    assert (finding.kind, finding.severity) == ("training-cost", "note")
    assert finding.what == (
        "an epoch takes about 1 min 40 s (4 images/s on cpu in float32), 36 epochs about 1 h, evaluations besides; a step of "
        "16 images of 512x608 needs 4.8 GiB of the 20.0 GiB that are free, drawn on from one and two images"
    )
    (unread,) = replace(cost_of(one=1, two=1.25, free=None), with_reading=False).findings()
    assert "reading the images not counted" in unread.what and "that are free" not in unread.what


@pytest.mark.parametrize("free", [0.5, 1.2, 2.0, 2.5, 3.3, 4.0, 5.2, 6.0])
@pytest.mark.parametrize("parts", [1, 2])
def test_where_there_is_none_it_is_said_what_would_have_room(free, parts):
    cost = cost_of(one=1, two=1.25, free=free, parts=parts)
    findings = {finding.kind: finding for finding in cost.findings()}

    def has_room(images: int) -> bool:
        return 1 + (images - 1) * 0.25 <= SAFE_SHARE * free

    assert ("memory-short" in findings) == (not has_room(16 // parts)) == (not cost.memory.suffices)
    if "memory-short" in findings:
        assert findings["memory-short"].severity == "warning"
        advice = findings["memory-short"].advice
        most = max((images for images in range(1, 17) if has_room(images)), default=0)
        assert cost.memory.most_images() == most
        if most:
            fewest = next(n for n in (1, 2, 4, 8, 16) if has_room(16 // n))
            assert f"train.accumulate={fewest} " in advice and advice.endswith(f"train.batch_size={most}")
        else:
            assert "not one image has room" in advice


def test_plain_values_there_and_back():
    cost = cost_of(one=1, two=1.25, free=20)
    assert TrainingCost.from_plain(json.loads(json.dumps(cost.as_plain()))) == cost
