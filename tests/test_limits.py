"""The limits are far enough away, and what is allowed up to them can be used."""

from __future__ import annotations

import numpy as np
import torch

from yolov3 import limits


def test_the_largest_seed_is_one_for_all_who_draw():
    generator = torch.Generator().manual_seed(limits.LARGEST_SEED)
    assert generator.initial_seed() == limits.LARGEST_SEED
    assert np.random.default_rng((limits.LARGEST_SEED, 0, 1)).random() < 1


def test_limits_are_beyond_what_is_done():
    assert limits.LARGEST_SIDE >= 4096 and limits.LARGEST_SIDE % 32 == 0
    assert limits.MOST_CLASSES > 21_841  # ImageNet's whole
    assert limits.LARGEST_COUNT < 2**31
