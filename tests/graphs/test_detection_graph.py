"""A network with images as they are on one side and boxes on the other: by the definitions, beside the codec."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from yolov3.codec import decode
from yolov3.graphs.detection_graph import DetectionGraph
from yolov3.models.yolov3 import YOLOv3


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, 64, 96), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture(scope="module", params=["micro", "tiny"])
def network(request, micro, fill):
    return micro if request.param == "micro" else fill(YOLOv3(variant="yolov3-tiny", num_classes=2, width=0.0625))


@pytest.fixture(scope="module")
def raw(network, images) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        return network(images.float() / 255)


def outputs_of(network, images, outputs, input_kind="uint8", kind=torch.float32):
    with torch.no_grad():
        return DetectionGraph(network, outputs, input_kind, kind)(images)


def test_boxes_are_those_of_the_codec(network, images, raw, dense):
    expected = dense(decode(raw, network.levels))
    found = outputs_of(network, images, "boxes")
    places = sum(len(level.anchors) * 64 * 96 // level.stride**2 for level in network.levels)
    assert [tuple(each.shape) for each in found] == [(2, places, 4), (2, places), (2, places, 2)]
    for mine, own in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, own)
    assert found[1].std() > 0.02 and found[2].std() > 0.02  # numbers that say something


def test_raw_maps_are_those_of_the_network(network, images, raw):
    found = outputs_of(network, images, "raw")
    assert len(found) == len(network.levels)
    for mine, own in zip(found, raw, strict=True):
        torch.testing.assert_close(mine, own)


def test_darknets_are_scores_and_boxes_in_parts_of_the_input(network, images, raw, dense):
    boxes, objectness, classes = dense(decode(raw, network.levels))
    confs, parts = outputs_of(network, images, "darknet")
    assert parts.shape == (2, boxes.shape[1], 1, 4)
    for label in range(2):
        torch.testing.assert_close(confs[..., label], objectness * classes[..., label])
    for entry, side in enumerate((96, 64, 96, 64)):
        torch.testing.assert_close(parts[:, :, 0, entry] * side, boxes[..., entry])


@pytest.mark.parametrize("outputs", ["boxes", "raw", "darknet"])
def test_bytes_and_fractions_are_the_same_images(network, images, outputs):
    of_bytes = outputs_of(network, images, outputs)
    of_fractions = outputs_of(network, images.float() / 255, outputs, "float32")
    assert all(torch.equal(first, second) for first, second in zip(of_bytes, of_fractions, strict=True))


@pytest.mark.parametrize("outputs", ["boxes", "raw", "darknet"])
def test_a_smaller_type_is_the_networks_own_affair(micro, images, outputs):
    """What comes out is float32 whatever the network computes in."""
    found = outputs_of(deepcopy(micro).half(), images, outputs, kind=torch.float16)
    expected = outputs_of(micro, images, outputs)
    for half, whole in zip(found, expected, strict=True):
        assert half.dtype == torch.float32 and not torch.equal(half, whole)
        torch.testing.assert_close(half, whole, rtol=0.02, atol=0.2 if whole.abs().max() > 2 else 0.02)
