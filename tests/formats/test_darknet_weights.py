"""Weights of Darknet: the same answers as the C program, the same bytes back, and only files that belong."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from yolov3.darknet.cfg_to_plan import graph_from_text, load_graph
from yolov3.darknet.graph import build_graph
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.native import native_convolutions
from yolov3.darknet.trace import stored_layers
from yolov3.errors import UserError
from yolov3.formats.darknet_weights import (
    KNOWN_COUNTS,
    darknet_network,
    inspect_weights,
    layers_covered,
    plan_of,
    read_weights,
    stored_tensors,
    write_weights,
)
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3

MICRO = ("yolov3", "yolov3-spp", "yolov3-tiny", "darknet53")
WIDTH = 1 / 16
AGREEMENT = 1e-4


def micro_network(name: str) -> nn.Module:
    """Our own network of the sizes of the reference: every width divided by 16, no layer under two channels."""
    if name == "darknet53":
        return Darknet53Classifier(num_classes=10, width=WIDTH).eval()
    return YOLOv3(variant=name, num_classes=4, width=WIDTH).eval()


def as_darknet(raw: torch.Tensor) -> torch.Tensor:
    """Raw maps (B, A, H, W, 5 + C) as Darknet's [yolo] layer leaves them: (B, A * (5 + C), H, W), w and h raw."""
    activated = raw.sigmoid()
    activated[..., 2:4] = raw[..., 2:4]
    return activated.permute(0, 1, 4, 2, 3).flatten(1, 2)


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
    paths = [*(shared / "darknet").glob("**/*.weights"), *(shared / "reference" / "darknet_micro").glob("*.weights")]
    assert len(paths) == 7
    for path in paths:
        network = load_graph(path.with_suffix(".cfg"))
        report = read_weights(path, network)
        copy = tmp_path / path.name
        write_weights(copy, network, header=report.header)
        assert copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", MICRO)
def test_written_and_read_again_it_is_the_same_model(name, tmp_path, fill):
    original, copy = fill(micro_network(name)), micro_network(name)
    write_weights(tmp_path / "a.weights", original, header=DarknetHeader(seen=640))
    report = read_weights(tmp_path / "a.weights", copy)
    assert report.header == DarknetHeader(0, 2, 5, 640)
    for key, tensor in original.state_dict().items():
        assert torch.equal(tensor, copy.state_dict()[key]), key


def test_old_header_is_read_and_kept(tmp_path, fill):
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
def test_a_backbone_cut_at_a_layer_is_a_start_and_no_model(tmp_path, name, cut, next_layer, fill):
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


@pytest.mark.parametrize("name", MICRO)
def test_the_tensors_lie_in_the_file_as_the_plan_counts_them(name):
    network = micro_network(name)
    for model in (network, build_graph(plan_of(network))):
        stored = list(stored_tensors(model, DarknetHeader()))
        counts = tuple((number, sum(tensor.numel() for tensor in tensors)) for number, tensors in stored)
        assert counts == stored_layers(plan_of(network))


def test_a_layer_is_stored_with_its_statistics_before_its_kernel(tmp_path, fill):
    network = fill(micro_network("yolov3-tiny"))
    write_weights(tmp_path / "a.weights", network)
    numbers = np.fromfile(tmp_path / "a.weights", dtype="<f4", offset=20)
    conv, head = network.backbone.conv1, network.heads[1].predict
    norm = conv.normalisation
    first = (norm.bias, norm.weight, norm.running_mean, norm.running_var, conv.convolution.weight)
    expected = np.concatenate([tensor.detach().numpy().ravel() for tensor in first])
    np.testing.assert_array_equal(numbers[: len(expected)], expected)
    last = np.concatenate([tensor.detach().numpy().ravel() for tensor in (head.bias, head.weight)])
    np.testing.assert_array_equal(numbers[-len(last) :], last)


def test_known_counts_are_those_of_the_networks():
    found = set()
    for variant, classes in (("yolov3", 80), ("yolov3", 20), ("yolov3", 601), ("yolov3-spp", 80), ("yolov3-tiny", 80)):
        with torch.device("meta"):
            network = YOLOv3(variant=variant, num_classes=classes)
        counts = [count for _, count in stored_layers(plan_of(network))]
        numbers = [number for number, _ in stored_layers(plan_of(network))]
        found.add(sum(counts))
        cut = {"yolov3": 74, "yolov3-tiny": 15}.get(variant)
        if cut:
            found.add(sum(count for number, count in zip(numbers, counts) if number < cut))
    with torch.device("meta"):
        found.add(sum(count for _, count in stored_layers(plan_of(Darknet53Classifier()))))
    assert set(KNOWN_COUNTS) - found == {9_009_967}  # of three levels, which we do not build


def test_how_far_a_file_reaches_is_told_before_it_is_read(tmp_path):
    network = micro_network("yolov3")
    write_weights(tmp_path / "whole.weights", network)
    write_weights(tmp_path / "cut.weights", network, layers=74)
    plan = plan_of(network)
    whole, cut = (inspect_weights(tmp_path / f"{name}.weights") for name in ("whole", "cut"))
    assert whole.size == (tmp_path / "whole.weights").stat().st_size
    assert layers_covered(whole, plan).ended_before is None
    assert layers_covered(cut, plan, allow_cut=True).ended_before == 75
    with pytest.raises(UserError, match="a backbone to start a training from, not a whole model"):
        layers_covered(cut, plan)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.weights"
    write_weights(path, micro_network("yolov3-tiny"))
    before = path.read_bytes()
    (tmp_path / ".a.weights.tmp").mkdir()  # in the way of the new one
    with pytest.raises(UserError, match=r"a\.weights: cannot be written"):
        write_weights(path, micro_network("yolov3"))
    assert path.read_bytes() == before


def test_networks_without_a_plan_are_none_of_darknets():
    assert darknet_network(network := micro_network("darknet53")) is network
    with pytest.raises(TypeError, match="a Linear has no plan in Darknet's language"):
        darknet_network(nn.Linear(1, 1))


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


def test_a_file_of_another_length_changes_nothing(tmp_path, fill):
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


def test_weights_that_are_not_finite_are_kept_and_reported(tmp_path, caplog, fill):
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


def test_a_batch_norm_on_its_own_is_stored_as_its_program_does(tmp_path, fill):
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


def test_half_precision_is_written_as_float32(tmp_path, fill):
    network = fill(micro_network("yolov3-tiny")).half()
    write_weights(tmp_path / "a.weights", network)
    copy = micro_network("yolov3-tiny")
    read_weights(tmp_path / "a.weights", copy)
    for key, tensor in network.float().state_dict().items():
        assert torch.equal(tensor, copy.state_dict()[key])


# ---- damaged files: a clear error or a model, never a crash ----


def fuzz(count: int, folder: Path) -> None:
    rng = random.Random(1)
    network = YOLOv3(variant="yolov3-tiny", num_classes=2, width=1 / 16)
    path = folder / "a.weights"
    write_weights(path, network)
    good = path.read_bytes()
    accepted = 0
    for _ in range(count):
        content = bytearray(good[: rng.choice((len(good), rng.randrange(64), rng.randrange(len(good))))])
        for _ in range(rng.randrange(4)):
            if content:
                content[rng.randrange(min(len(content), rng.choice((20, len(content)))))] = rng.randrange(256)
        if rng.random() < 0.3:
            content += rng.randbytes(rng.choice((1, 4, 8, 400)))
        if rng.random() < 0.1:
            content = bytearray(rng.randbytes(rng.randrange(200)))
        path.write_bytes(bytes(content))
        try:
            report = read_weights(path, network, allow_cut=True)
        except UserError as error:
            assert str(error).startswith(str(path))
            assert "\n" not in str(error)
        else:
            assert report.header.size + 4 * report.count == len(content)
            accepted += 1
    assert 0 < accepted < count


def test_changed_files_give_a_model_or_a_clear_error(tmp_path, caplog):
    caplog.set_level("CRITICAL")
    fuzz(500, tmp_path)


@pytest.mark.slow
def test_many_changed_files_give_a_model_or_a_clear_error(tmp_path, caplog):
    caplog.set_level("CRITICAL")
    fuzz(20_000, tmp_path)


def test_headers_of_any_bytes_are_judged(tmp_path):
    rng = random.Random(2)
    path = tmp_path / "a.weights"
    judged = 0
    for _ in range(1000):
        version = (rng.choice((-1, 0, 1, 2, 1001, 2**31 - 1)) for _ in range(3))
        path.write_bytes(struct.pack("<iii", *version) + rng.randbytes(rng.randrange(20)))
        try:
            file = inspect_weights(path)
        except UserError as error:
            assert str(error).startswith(str(path))
            continue
        assert path.stat().st_size == file.header.size + 4 * file.count == file.size
        judged += 1
    assert 0 < judged < 1000


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
