"""What is said of growth is so: a leak of memory or of descriptors is seen, and a small load goes through."""

from __future__ import annotations

import sys

import pytest
from endurance import Sample, growth, main

from yolov3.shapes.dataset import write_shapes_dataset


def test_growth_is_told_apart_from_warming_up():
    warming = [Sample(number, 100 if number < 10 else 200, 9) for number in range(100)]
    assert growth(warming) == (0.0, 0)
    noisy = [Sample(number, 200 + number % 3, 9 + number % 4) for number in range(100)]
    assert growth(noisy) == (0.0, 0)
    leaking = [Sample(number, 200 + number, 9 + number // 10) for number in range(100)]
    memory, descriptors = growth(leaking)
    assert memory == pytest.approx(68 / 220.5, rel=0.02) and descriptors == 6


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_a_small_load(tmp_path, write_seeing_model, capsys):
    write_seeing_model(tmp_path / "small.pt", width=0.0625)
    images = write_shapes_dataset(tmp_path / "shapes", train=4, val=2, unseen=0, seed=0)
    main(["--weights", str(tmp_path / "small.pt"), "--images", str(images), "--count", "600", "--videos", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("1000 frames, ") and lines[-1].endswith("told 0 warnings")
