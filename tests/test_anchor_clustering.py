"""Anchors are found where boxes are, and the command tells and writes them."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from yolov3.anchor_clustering import AnchorMatch, cluster_anchors, measure_anchors, shape_iou
from yolov3.anchors import TINY_ANCHORS
from yolov3.cli import main


def test_shape_iou_is_that_of_boxes_on_one_corner():
    sides, anchors = np.array([[10.0, 20.0], [4.0, 4.0]]), np.array([[10.0, 20.0], [20.0, 10.0]])
    np.testing.assert_allclose(shape_iou(sides, anchors), [[1, 100 / 300], [16 / 200, 16 / 200]])


def test_clusters_are_found_and_spread_over_the_levels_by_size():
    generator = np.random.default_rng(0)
    true = np.array([[8, 12], [20, 18], [30, 60], [100, 50], [120, 150], [300, 280]], float)
    sides = np.concatenate([centre * generator.uniform(0.9, 1.1, (200, 2)) for centre in true])
    anchors = cluster_anchors(sides, num_levels=2, per_level=3)
    found = np.array([anchor for level in reversed(anchors) for anchor in level])
    np.testing.assert_allclose(found, true, rtol=0.05)
    fit = measure_anchors(sides, anchors)
    assert fit.recall == 1 and fit.mean_iou > 0.85
    assert cluster_anchors(sides, num_levels=2, per_level=3) == anchors  # the seed decides


def test_a_perfect_fit_and_too_few_boxes():
    sides = np.array([[float(w), float(h)] for level in TINY_ANCHORS for w, h in level])
    assert measure_anchors(sides, TINY_ANCHORS) == AnchorMatch(1.0, 1.0)
    with pytest.raises(ValueError, match="6 anchors cannot be fitted to 2 different boxes"):
        cluster_anchors(np.array([[1.0, 2.0], [1, 2], [3, 4]]), num_levels=2, per_level=3)


@pytest.mark.shared
def test_the_command_on_real_data(shared, tmp_path, capsys):
    config, new = tmp_path / "a.yaml", tmp_path / "b.yaml"
    config.write_text(f"data: {{root: {shared}/datasets/bccd}}\nmodel: {{variant: yolov3-tiny}}\n")
    assert main(["anchors", str(config), "--write", str(new)]) == 0
    output = capsys.readouterr().out
    assert "now     mean IoU 0.699" in output and "fitted  mean IoU 0.86" in output
    written = yaml.safe_load(new.read_text())
    assert np.array(written["model"]["anchors"]).shape == (2, 3, 2)
    assert main(["anchors", str(new), "--write", str(new)]) == 2
    assert "exists already" in capsys.readouterr().err
