"""What an experiment says of tiles, and its splits in them."""

from __future__ import annotations

import pytest

from yolov3.catalogue.cutting import data_tiles, learned_tiles, splits_as_learned
from yolov3.catalogue.opening import open_splits
from yolov3.config.experiment import DataSection
from yolov3.config.loading import load_experiment
from yolov3.errors import UserError
from yolov3.shapes.dataset import write_shapes_dataset
from yolov3.tiles.grid import TileRule


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ((), None),
        (("data.tiles=auto",), TileRule()),
        (("data.tiles=64", "data.tile_overlap=0.5"), TileRule(side=64, overlap=0.5)),
        (("data.tiles=2x3",), TileRule(rows=2, columns=3)),
    ],
)
def test_what_the_settings_say(words, rule):
    assert data_tiles(load_experiment(None, words).data) == rule


@pytest.mark.parametrize("wrong", ["3", "0x2", "many", "1x9999", "-64", "²", ""])
def test_what_can_be_no_tiles(wrong):
    if not wrong:
        assert data_tiles(DataSection(tiles="")) is None
        return
    with pytest.raises(UserError, match=r"^data\.tiles: found .*; auto, ROWSxCOLUMNS"):
        data_tiles(DataSection(tiles=wrong))


@pytest.mark.parametrize(
    ("word", "text"),
    [("data.tiles=true", "data.tiles"), ("data.tiles=[2,3]", "data.tiles"), ("data.tile_overlap=1", "0.9")],
)
def test_what_is_no_setting(word, text):
    with pytest.raises(UserError, match=text):
        load_experiment(None, [word])


def test_both_splits_are_cut_by_one_rule(tmp_path):
    root = write_shapes_dataset(tmp_path / "shapes", train=3, val=2, unseen=0, seed=1)
    plain = load_experiment(None, [f"data.root={root}"])
    splits = open_splits(plain.data)
    assert splits_as_learned(splits, plain, (64, 64)).train is splits.train
    tiled = load_experiment(None, [f"data.root={root}", "data.tiles=auto", "augment.minimum_visible=0.5"])
    cut = splits_as_learned(splits, tiled, (64, 64))
    for part, whole in ((cut.train, splits.train), (cut.val, splits.val)):
        expected = [TileRule().tiles_of(sample.size, (64, 64)) for sample in whole.samples]
        assert [sample.region for sample in part.samples] == [tile for tiles in expected for tile in tiles]
        assert any(sample.ignore.any() for sample in part.samples)


@pytest.mark.parametrize(
    ("experiment", "tiles"),
    [
        (None, None), ({}, None), ({"data": 3}, None), ({"data": {}}, None), ({"data": {"tiles": None}}, None),
        ({"data": {"tiles": "2x2"}}, "2x2"), ({"data": {"tiles": 64}}, "64"),
    ],
)  # fmt: skip
def test_what_a_model_carries_of_it(experiment, tiles):
    assert learned_tiles(experiment) == tiles
