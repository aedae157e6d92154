"""Galleries show the cases and the cells with crops of their own images."""

from __future__ import annotations

import pytest

from yolov3.reporting.galleries import CELL_PICTURES, MOST_CELLS, Shown, draw_galleries


@pytest.fixture(scope="module")
def parts(measured):
    evidence = measured.analyse().evidence
    return evidence, draw_galleries(
        Shown(measured.dataset, measured.evaluation.detections), evidence.galleries, evidence.confusion
    )


def test_each_case_is_a_picture_of_its_image(parts, measured):
    evidence, galleries = parts
    assert len(galleries.cases) == len(evidence.galleries)
    for gallery, cases in zip(galleries.cases, evidence.galleries, strict=True):
        assert [picture.name for picture in gallery.pictures] == [
            measured.dataset.samples[case.image].path.name for case in cases.cases
        ]
        assert [picture.words for picture in gallery.pictures] == [case.words for case in cases.cases]
        assert all(picture.address.startswith("data:image/jpeg;base64,") for picture in gallery.pictures)


def test_the_fullest_cells_beside_the_diagonal_are_shown(parts):
    evidence, galleries = parts
    counts = evidence.confusion.counts
    wrong = {
        (row, column)
        for row in range(len(counts))
        for column in range(len(counts))
        if row != column and counts[row, column]
    }
    assert galleries.linked <= wrong and len(galleries.linked) == min(MOST_CELLS, len(wrong))
    least = min(counts[cell] for cell in galleries.linked)
    assert all(counts[cell] <= least for cell in wrong - galleries.linked)
    assert {gallery.name for gallery in galleries.cells} == {f"cell-{row}-{column}" for row, column in galleries.linked}


def test_a_cell_shows_as_many_images_as_it_can(parts):
    evidence, galleries = parts
    cells = evidence.confusion.cells()
    for gallery in galleries.cells:
        row, column = map(int, gallery.name.split("-")[1:])
        pairs = cells[row, column]
        shown = min(CELL_PICTURES, len(pairs))
        assert len(gallery.pictures) == shown and gallery.title.endswith(f"({len(pairs)})")
        assert len({picture.name for picture in gallery.pictures}) == min(shown, len({pair.image for pair in pairs}))
