"""What cannot be meant by the options of streams is refused."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.sources.stream_options import StreamOptions


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": "all"}, "frames must be newest or every, found 'all'"),
        ({"patience": -1}, "patience must be a number of seconds from 0, found -1"),
        ({"patience": float("nan")}, "patience must be a number of seconds from 0, found nan"),
        ({"frozen_after": float("inf")}, "frozen_after must be a number of seconds from 0, found inf"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(UserError, match=f"^{message}$"):
        StreamOptions(**changes)


def test_what_can():
    assert StreamOptions("every", True, 0, 0.5).frames == "every"
