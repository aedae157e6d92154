"""What stands where and what of it is labelled: all that can be seen, by boxes around its pixels, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from yolov3.shapes import scene
from yolov3.shapes.forms import CLASSES, CLUTTER, Pose
from yolov3.shapes.materials import TILE_SIDE
from yolov3.shapes.render import Placed, Thing, place
from yolov3.shapes.scene import (
    MINIMUM_CONTRAST,
    MINIMUM_VISIBLE,
    USUAL_COLOURS,
    draw_image,
    draw_setting,
    draw_thing,
    keep_visible,
    photograph,
)

SIZE = (160, 224)


def ball(x: float, y: float, radius: float = 25.0) -> Thing:
    tile = np.full((TILE_SIDE, TILE_SIDE, 3), 0.5, np.float32)
    return Thing("ball", (x, y), Pose(radius, 0.0, 0.3, (0.5,) * 4, 0), tile, 0.2)


def covered(placed: Placed, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W) bool of the image's pixels that a thing covers."""
    whole = np.zeros(size, bool)
    mask, region = placed.mask(size)
    whole[region] = mask
    return whole


@pytest.mark.parametrize("size", [(224, 288), (352, 224), (64, 64), (40, 300)])
def test_labels_fit_their_image(size):
    height, width = size
    labelled = 0
    for seed in range(8):
        drawn = draw_image(np.random.default_rng(seed), size)
        assert drawn.image.shape == (*size, 3) and drawn.image.dtype == np.uint8
        count = len(drawn.boxes)
        assert drawn.boxes.shape == (count, 4) and drawn.labels.shape == drawn.areas.shape == (count,)
        assert (drawn.boxes[:, :2] >= 0).all() and (drawn.boxes[:, 2:] <= (width, height)).all()
        assert (drawn.boxes[:, 2:] > drawn.boxes[:, :2]).all() and set(drawn.labels) <= set(range(len(CLASSES)))
        boxes = (drawn.boxes[:, 2:] - drawn.boxes[:, :2]).prod(axis=1)
        assert (drawn.areas > 0.15 * boxes).all() and (drawn.areas <= boxes).all()
        labelled += count
    assert labelled > 8


def test_the_seed_decides():
    first, second, other = (draw_image(np.random.default_rng(seed), SIZE) for seed in (1, 1, 2))
    assert np.array_equal(first.image, second.image) and np.array_equal(first.boxes, second.boxes)
    assert not np.array_equal(first.image, other.image)


def test_every_class_is_drawn_and_not_every_image_is_full():
    labels, counts = set(), set()
    for seed in range(30):
        drawn = draw_image(np.random.default_rng(seed), (96, 128))
        labels |= set(drawn.labels.tolist())
        counts.add(len(drawn.labels))
    assert labels == set(range(len(CLASSES))) and len(counts) > 3


def test_labels_of_a_drawn_image_are_those_of_its_things(monkeypatch):
    """The boxes, labels and areas against masks of the whole image, pixel by pixel."""
    seen: list[list[Placed]] = []

    def remember(things, size):
        seen.append(keep_visible(things, size))
        return seen[-1]

    monkeypatch.setattr(scene, "keep_visible", remember)
    for seed in range(6):
        drawn = draw_image(np.random.default_rng(seed), SIZE)
        labelled = [placed for placed in seen[-1] if placed.thing.kind in CLASSES]
        assert [CLASSES[label] for label in drawn.labels] == [placed.thing.kind for placed in labelled]
        for placed, box, area in zip(labelled, drawn.boxes.tolist(), drawn.areas.tolist()):
            rows, columns = np.nonzero(covered(placed))
            assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] and area == len(rows)


def slow_visible(things: list[Thing]) -> list[Thing]:
    """Front first: what hides and what is outside is counted on the whole image."""
    taken, kept = np.zeros(SIZE, bool), []
    for thing in things:
        placed = place(thing)
        mask = covered(placed)
        if (mask & ~taken).sum() >= MINIMUM_VISIBLE * (placed.body.cover >= 0.5).sum() and (mask & ~taken).any():
            taken |= mask
            kept.append(thing)
    return kept


def test_what_is_kept_equals_the_obvious_way():
    generator = np.random.default_rng(3)
    setting = draw_setting(generator, SIZE)
    dropped = 0
    for _ in range(15):
        kinds = generator.choice([*CLASSES, *CLUTTER], 14)
        things = [draw_thing(generator, setting, str(kind)) for kind in kinds]
        kept = [placed.thing for placed in keep_visible(things, SIZE)]
        assert [id(thing) for thing in kept] == [id(thing) for thing in slow_visible(things)]
        dropped += len(things) - len(kept)
    assert dropped > 10


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        (ball(112.0, 80.0), 1),  # hidden
        (ball(130.0, 80.0), 1),  # half hidden
        (ball(155.0, 80.0), 2),  # seen but for a little
        (ball(180.0, 80.0), 2),
        (ball(0.0, 80.0), 1),  # half outside
        (ball(20.0, 80.0), 2),  # outside but for a little
        (ball(-300.0, 80.0), 1),
    ],
)
def test_what_is_hidden_or_outside_is_taken_out_of_the_scene(second, kept):
    found = keep_visible([ball(112.0, 80.0), second], SIZE)
    assert len(found) == kept and found[0].thing.centre == (112.0, 80.0)
    assert keep_visible([], SIZE) == []


def test_without_a_thing_the_image_differs_in_its_box_and_not_far_away():
    generator = np.random.default_rng(5)
    setting = draw_setting(generator, SIZE)
    things = keep_visible([ball(60.0, 80.0, 20.0), ball(180.0, 80.0, 20.0)], SIZE)
    both, one = (photograph(setting, kept, np.random.default_rng(0)).astype(int) for kept in (things, things[:1]))
    difference = np.abs(both - one).max(axis=2)
    assert difference[62:98, 162:198].mean() > 10
    assert difference[:, :100].max() == 0


def test_the_first_stands_before_the_others():
    setting = draw_setting(np.random.default_rng(5), SIZE)
    front = replace(ball(100.0, 80.0), tile=np.full((TILE_SIDE, TILE_SIDE, 3), 0.9, np.float32))
    behind = ball(112.0, 80.0)
    alone = photograph(setting, [place(front)], np.random.default_rng(0)).astype(int)
    together = photograph(setting, [place(front), place(behind)], np.random.default_rng(0)).astype(int)
    assert np.abs(alone - together)[65:95, 85:112].max() <= 1
    assert np.abs(alone - together)[70:90, 128:136].mean() > 3


def test_things_stand_inside_in_sizes_that_can_be_seen():
    generator = np.random.default_rng(0)
    setting = draw_setting(generator, SIZE)
    for kind in (*CLASSES, *CLUTTER):
        for _ in range(20):
            thing = draw_thing(generator, setting, kind)
            share = thing.pose.radius / min(SIZE)
            assert (0.13 <= share <= 0.27) if kind in CLASSES else (0.05 <= share <= 0.17)
            assert 0 < thing.centre[0] < SIZE[1] and 0 < thing.centre[1] < SIZE[0]
            assert thing.pose.tilt == setting.tilt and 0 <= thing.gloss <= 1


def test_colours_are_usual_for_a_kind_and_differ_from_the_ground():
    assert set(USUAL_COLOURS) == set(CLASSES)
    generator = np.random.default_rng(0)
    close = 0
    for _ in range(4):
        setting = draw_setting(generator, (64, 64))
        for kind in CLASSES:
            for _ in range(10):
                tile = draw_thing(generator, setting, kind).tile
                base = np.median(tile.reshape(-1, 3), axis=0)
                close += np.linalg.norm(np.sqrt(base) - np.sqrt(setting.mean)) < MINIMUM_CONTRAST / 2
    assert close <= 5  # of 240; a pattern can bring a colour closer
    balls = [draw_thing(generator, setting, "ball").tile.mean(axis=(0, 1)) for _ in range(40)]
    assert sum(red > green and red > blue for red, green, blue in balls) > 30


def test_settings_are_light_from_above():
    for seed in range(20):
        setting = draw_setting(np.random.default_rng(seed), SIZE)
        assert np.linalg.norm(setting.light.direction) == pytest.approx(1, abs=1e-5)
        assert setting.light.direction[2] > 0.5 and setting.ground.shape == (*SIZE, 3)
        assert setting.camera.falloff.shape == SIZE and setting.camera.falloff.min() > 0
        assert (setting.light.sun > 0).all() and (setting.light.sky > 0).all() and setting.mean.shape == (3,)
