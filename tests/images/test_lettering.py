"""Lines of text as pixels, by whichever library draws them."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from yolov3.images.lettering import lettering


@pytest.fixture(params=["OpenCV 5", "Pillow"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each of the two libraries that may draw letters, where it is there."""
    if request.param == "OpenCV 5" and not hasattr(cv2, "FontFace"):
        pytest.skip("this is OpenCV 4")
    if request.param == "Pillow":
        monkeypatch.delattr(cv2, "FontFace", raising=False)
    lettering.cache_clear()
    yield request.param
    lettering.cache_clear()


def ink_of(text: str, size: int = 60) -> np.ndarray:
    found = lettering(text, size)
    assert found is not None
    return found


def parts_of(ink: np.ndarray) -> tuple[int, int]:
    """The number of separate strokes, and of the holes in them."""
    strokes = cv2.connectedComponents((ink > 100).astype(np.uint8))[0] - 1
    return strokes, cv2.connectedComponents((ink <= 100).astype(np.uint8), connectivity=4)[0] - 2


def test_a_zero_is_a_ring_without_stroke_or_dot_and_no_letter() -> None:
    zero, letter = ink_of("0"), ink_of("O")
    assert parts_of(zero) == (1, 1)
    rows, columns = np.nonzero(zero)
    middle = zero[(rows.min() + rows.max()) // 2 - 8 : (rows.min() + rows.max()) // 2 + 8]
    assert not middle[:, (columns.min() + columns.max()) // 2].any()
    assert np.ptp(np.nonzero(letter)[1]) > 1.15 * np.ptp(columns), "the letter is rounder"


def test_letters_stand_within_the_line_with_room_around() -> None:
    for size in (12, 24, 130):
        ink = ink_of("Ågjpqy(|0.98", size)
        assert ink.dtype == np.uint8 and abs(ink.shape[0] - 1.5 * size) <= 1
        assert ink.max() > 150 and not ink[0].any() and not ink[-1].any()
        assert not ink[:, 0].any() and not ink[:, -1].any()


def test_longer_texts_are_wider_and_never_wrap() -> None:
    widths = [ink_of("person 0.98 " * count).shape[1] for count in (1, 2, 20)]
    assert widths[0] < widths[1] < widths[2] and widths[2] > 15 * widths[0]
    assert len({ink_of("person 0.98 " * count).shape[0] for count in (1, 20)}) == 1


@pytest.mark.parametrize(
    "text",
    ["猫 0.5", "кот", "قطة", "कुत्ता", "👍🏽", "a\nb\tc", "a\0b\x1b[31m", "\udcff name", "ﷺ" * 20, "\u202eabc", "%s{}\\"],
)
def test_names_in_any_script_and_none_are_drawn(text: str) -> None:
    ink = ink_of(text)
    assert ink.any() and ink.shape[0] == ink_of("a").shape[0]


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_text_without_letters(text: str) -> None:
    assert lettering(text, 20) is None


def test_opencv_has_more_letters_than_english(library: str) -> None:
    same = (ink_of("кот").shape == ink_of("???").shape) and (ink_of("кот") == ink_of("???")).all()
    assert same == (library == "Pillow")


def test_what_is_kept_for_the_next_frame_cannot_be_changed() -> None:
    first = ink_of("dog 0.56")
    assert ink_of("dog 0.56") is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1
