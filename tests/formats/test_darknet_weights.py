"""Weights of Darknet: the same answers as the C program, the same bytes back, and only files that belong."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from yolov3.darknet.cfg_to_plan import graph_from_text, load_graph
from yolov3.darknet.graph import build_graph
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.native import native_convolutions, native_plan, recognise
from yolov3.errors import UserError
from yolov3.formats.darknet_weights import inspect_weights, read_weights, write_weights
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.layers import Conv
from yolov3.models.yolov3 import YOLOv3

MICRO = ("yolov3", "yolov3-spp", "yolov3-tiny", "darknet53")
WIDTH = 1 / 16
AGREEMENT = 1e-4


def micro_network(name: str) -> nn.Module:
    """Our own network of the sizes of the reference: every width divided by 16, no layer under two channels."""
    if name == "darknet53":
        return Darknet53Classifier(num_classes=10, width=WIDTH).eval()
    network = YOLOv3(variant=name, num_classes=4, width=WIDTH)
    if name == "yolov3-tiny" and network.backbone.conv1.convolution.out_channels == 1:
        network.backbone.conv1, network.backbone.conv2 = Conv(3, 2, 3), Conv(2, 2, 3)
    return network.eval()


def as_darknet(raw: torch.Tensor) -> torch.Tensor:
    """Raw maps (B, A, H, W, 5 + C) as Darknet's [yolo] layer leaves them: (B, A * (5 + C), H, W), w and h raw."""
    activated = raw.sigmoid()
    activated[..., 2:4] = raw[..., 2:4]
    return activated.permute(0, 1, 4, 2, 3).flatten(1, 2)


def fill(network: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5, generator=generator) if "var" in name else tensor.normal_(generator=generator)
    return network


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["graph", "native"])
@pytest.mark.parametrize("name", MICRO)
def test_agreement_with_the_c_program(shared, name, kind):
    folder = shared / "reference" / "darknet_micro"
    weights = folder / f"{name}-micro.weights"
    network = load_graph(folder / f"{name}-micro.cfg").eval() if kind == "graph" else micro_network(name)
    report = read_weights(weights, network)
    assert report.ended_before is None
    reference = np.load(folder / f"{name}-micro.npz")
    with torch.no_grad():
        found = network(torch.from_numpy(reference["input"]))
    outputs = [found.softmax(1)[..., None, None]] if name == "darknet53" else [as_darknet(maps) for maps in found]
    assert len(outputs) == len([key for key in reference if key.startswith("output_")])
    for index, output in enumerate(outputs):
        expected = torch.from_numpy(reference[f"output_{index}"])
        assert (output - expected).abs().max() < AGREEMENT


@pytest.mark.shared
def test_every_file_at_hand_comes_back_with_the_same_bytes(shared, tmp_path):
    paths = [*(shared / "darknet").glob("*.weights"), *(shared / "reference" / "darknet_micro").glob("*.weights")]
    assert len(paths) == 6
    for path in paths:
        network = load_graph(path.with_suffix(".cfg"))
        report = read_weights(path, network)
        copy = tmp_path / path.name
        write_weights(copy, network, header=report.header)
        assert copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", MICRO)
def test_written_and_read_again_it_is_the_same_model(name, tmp_path):
    original, copy = fill(micro_network(name)), micro_network(name)
    write_weights(tmp_path / "a.weights", original, header=DarknetHeader(seen=640))
    report = read_weights(tmp_path / "a.weights", copy)
    assert report.header == DarknetHeader(0, 2, 5, 640)
    for key, tensor in original.state_dict().items():
        assert torch.equal(tensor, copy.state_dict()[key]), key


@pytest.mark.parametrize("name", MICRO)
def test_our_network_and_the_graph_of_its_plan_are_one(name):
    network = fill(micro_network(name)).double()  # the random weights blow rounding up
    plan = native_plan(network, (64, 96))
    graph = build_graph(plan).double().eval()
    with torch.no_grad():
        for number, module in native_convolutions(network).items():
            own = list(module.state_dict().values())
            twin = list(graph.layers[number].state_dict().values())
            assert len(own) == len(twin)
            for target, tensor in zip(twin, own):
                target.copy_(tensor.view(target.shape))
        image = torch.rand(2, 3, 64, 96, dtype=torch.float64)
        found, expected = graph(image), network(image)
    torch.testing.assert_close(found, expected)
    if name != "darknet53":
        assert graph.levels == network.levels
    if name != "yolov3-tiny":
        twin_network = recognise(plan)
        assert type(twin_network) is type(network)
        assert native_plan(twin_network, (64, 96)) == plan


def test_layer_numbers_are_those_of_the_published_files():
    with torch.device("meta"):
        numbers = {v: native_plan(YOLOv3(variant=v), (416, 416)) for v in ("yolov3", "yolov3-spp", "yolov3-tiny")}
    facts = {name: (len(plan.layers), [i for i, _ in plan.yolo_layers]) for name, plan in numbers.items()}
    assert facts == {
        "yolov3": (107, [82, 94, 106]),
        "yolov3-spp": (114, [89, 101, 113]),
        "yolov3-tiny": (24, [16, 23]),
    }


def test_old_header_is_read_and_kept(tmp_path):
    network = fill(micro_network("yolov3-tiny"))
    old, new = tmp_path / "old.weights", tmp_path / "new.weights"
    write_weights(old, network, header=DarknetHeader(0, 1, 0, 77))
    write_weights(new, network, header=DarknetHeader(0, 2, 0, 77))
    assert struct.unpack("<iiiI", old.read_bytes()[:16]) == (0, 1, 0, 77)
    assert old.read_bytes()[16:] == new.read_bytes()[20:]
    for path in (old, new):
        copy = micro_network("yolov3-tiny")
        report = read_weights(path, copy)
        write_weights(tmp_path / "again.weights", copy, header=report.header)
        assert (tmp_path / "again.weights").read_bytes() == path.read_bytes()
    with pytest.raises(UserError, match="does not fit"):
        write_weights(old, network, header=DarknetHeader(0, 1, 0, 2**32))
    write_weights(new, network, header=DarknetHeader(seen=2**40))
    assert inspect_weights(new).header.seen == 2**40


@pytest.mark.parametrize(("name", "cut", "next_layer"), [("yolov3", 74, 75), ("yolov3-tiny", 15, 15)])
def test_a_backbone_cut_at_a_layer_is_a_start_and_no_model(tmp_path, name, cut, next_layer):
    network, other = fill(micro_network(name)), fill(micro_network(name), seed=1)
    path = tmp_path / "backbone.conv"
    write_weights(path, network, layers=cut)
    before = {key: tensor.clone() for key, tensor in other.state_dict().items()}
    with pytest.raises(UserError, match=f"holds the layers before layer {next_layer} of .*: a backbone"):
        read_weights(path, other)
    assert all(torch.equal(tensor, before[key]) for key, tensor in other.state_dict().items())
    report = read_weights(path, other, allow_cut=True)
    assert report.ended_before == next_layer
    for (number, own), twin in zip(native_convolutions(network).items(), native_convolutions(other).values()):
        same = torch.equal(own.state_dict()[next(iter(own.state_dict()))], next(iter(twin.state_dict().values())))
        assert same == (number < cut)
    write_weights(tmp_path / "again.conv", other, header=report.header, layers=cut)
    assert (tmp_path / "again.conv").read_bytes() == path.read_bytes()


def spoil(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "spoilt.weights"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\0\0", "far too short"),
        (b"<!DOCTYPE html><html><head><title>Moved</title>", "web page"),
        (b"\n\n  <html>" + b" " * 100, "web page"),
        (b"PK\x03\x04" + bytes(100), "zip archive or a PyTorch file"),
        (b"\x80\x02}q\x00(X\x05\x00\x00\x00" + bytes(20), "pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS"),
        (b"404: Not Found; nothing to see here", "looks like text"),
        (b"[net]\nwidth=416\nheight=416\n", "looks like a .cfg"),
        (struct.pack("<iiiQ", 0, 2, 5, 0), "0 numbers, but the network has .*nothing follows the header"),
        (struct.pack("<iii", 0, 2, 5) + bytes(4), "no such header"),
        (struct.pack("<iiiQ", -1, 2, 5, 0) + bytes(40), "no such header"),
        (struct.pack("<iiiQ", 0, 2, 5, 0) + bytes(41), "no whole number of float32"),
    ],
)
def test_other_files_are_refused_by_what_they_look_like(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_weights(spoil(tmp_path, content), micro_network("yolov3-tiny"))


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.weights", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            inspect_weights(path)


def test_a_file_of_another_length_changes_nothing(tmp_path):
    network = fill(micro_network("yolov3-tiny"))
    write_weights(tmp_path / "right.weights", network)
    content = (tmp_path / "right.weights").read_bytes()
    count = (len(content) - 20) // 4
    target = fill(micro_network("yolov3-tiny"), seed=2)
    before = {key: tensor.clone() for key, tensor in target.state_dict().items()}
    for changed, message in (
        (content[:-4], f"{count - 1} numbers, but the network has {count}"),
        (content + bytes(4), f"{count + 1} numbers, but the network has {count}"),
        (content[:400], "would end inside layer"),
        (content[:-3], "no whole number"),
    ):
        with pytest.raises(UserError, match=message):
            read_weights(spoil(tmp_path, changed), target, allow_cut=True)
    assert all(torch.equal(tensor, before[key]) for key, tensor in target.state_dict().items())


def test_weights_of_another_network_are_told_apart(tmp_path):
    networks = {name: micro_network(name) for name in MICRO}
    for name, network in networks.items():
        write_weights(tmp_path / f"{name}.weights", network)
    for name in MICRO:
        for other, network in networks.items():
            if name != other:
                with pytest.raises(UserError, match="weights of another network, or cut off"):
                    read_weights(tmp_path / f"{name}.weights", network, allow_cut=True)


def test_the_error_tells_how_many_classes_would_fit(tmp_path):
    for variant in ("yolov3", "yolov3-tiny"):
        write_weights(tmp_path / "80.weights", YOLOv3(variant=variant, num_classes=80, width=WIDTH))
        with pytest.raises(UserError, match="it would fit 80 classes"):
            read_weights(tmp_path / "80.weights", YOLOv3(variant=variant, num_classes=20, width=WIDTH))


def test_a_port_that_marks_its_header_wrongly_is_named(tmp_path):
    network = micro_network("yolov3-tiny")
    write_weights(tmp_path / "a.weights", network)
    content = bytes(12) + (tmp_path / "a.weights").read_bytes()[12:]
    with pytest.raises(UserError, match=r"a 20-byte header is marked 0\.0"):
        read_weights(spoil(tmp_path, content), network)


def test_weights_that_are_not_finite_are_kept_and_reported(tmp_path, caplog):
    network = fill(micro_network("yolov3-tiny"))
    with torch.no_grad():
        network.backbone.conv2.convolution.weight[0, 0, 0, 0] = float("nan")
        network.backbone.conv3.normalisation.running_var[0] = -1.0
    write_weights(tmp_path / "a.weights", network)
    copy = micro_network("yolov3-tiny")
    report = read_weights(tmp_path / "a.weights", copy)
    assert [warning.split(": ", 1)[1] for warning in report.warnings] == [
        "layer 2: 1 weights are not finite numbers",
        "layer 4: its batch norm has a negative variance",
    ]
    assert "not finite" in caplog.text
    write_weights(tmp_path / "b.weights", copy)
    assert (tmp_path / "b.weights").read_bytes() == (tmp_path / "a.weights").read_bytes()


def test_a_batch_norm_on_its_own_is_stored_as_its_program_does(tmp_path):
    text = (
        "[net]\nwidth=32\nheight=32\nchannels=3\n[batchnorm]\n[convolutional]\nfilters=4\nactivation=linear\n"
        "[avgpool]\n[softmax]\n"
    )
    network = fill(graph_from_text(text))
    sizes = {}
    for revision in (0, 5):
        path = tmp_path / f"{revision}.weights"
        write_weights(path, network, header=DarknetHeader(0, 2, revision))
        sizes[revision] = len(path.read_bytes())
        report = read_weights(path, network)
        write_weights(tmp_path / "again.weights", network, header=report.header)
        assert (tmp_path / "again.weights").read_bytes() == path.read_bytes()
    assert sizes[5] - sizes[0] == 3 * 4


def test_half_precision_is_written_as_float32(tmp_path):
    network = fill(micro_network("yolov3-tiny")).half()
    write_weights(tmp_path / "a.weights", network)
    copy = micro_network("yolov3-tiny")
    read_weights(tmp_path / "a.weights", copy)
    for key, tensor in network.float().state_dict().items():
        assert torch.equal(tensor, copy.state_dict()[key])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "layers", "size"),
    [
        ("yolov3", None, 248_007_048),
        ("yolov3-tiny", None, 35_434_956),
        ("yolov3-spp", None, 252_209_544),
        ("yolov3", 74, 162_482_580),
        ("yolov3-tiny", 15, 30_973_396),
        ("darknet53", None, 166_582_580),
    ],
)
def test_files_of_the_published_sizes_come_back_with_the_same_bytes(tmp_path, variant, layers, size):
    path, copy = tmp_path / "a.weights", tmp_path / "b.weights"
    bits = np.random.default_rng(0).integers(0, 256, size - 20, dtype=np.uint8)
    path.write_bytes(DarknetHeader(0, 2, 0, 32_013_312).pack() + bits.tobytes())
    with torch.device("meta"):
        network = Darknet53Classifier() if variant == "darknet53" else YOLOv3(variant=variant)
    network.to_empty(device="cpu")
    report = read_weights(path, network, allow_cut=layers is not None)
    assert (report.ended_before is None) == (layers is None)
    write_weights(copy, network, header=report.header, layers=layers)
    assert copy.stat().st_size == size
    assert copy.read_bytes() == path.read_bytes()
