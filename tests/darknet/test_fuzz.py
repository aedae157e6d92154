"""Damaged and hostile files: a clear error or a valid model, never a crash, and never memory for the asking.

Networks are built on the meta device, which takes no memory; a network that a file asks for must be small enough to be
built in earnest, which the limits of a plan see to.
"""

from __future__ import annotations

import random
import resource
import string
import struct
from pathlib import Path

import pytest
import torch

from yolov3.darknet.cfg import parse_cfg, read_cfg, write_cfg
from yolov3.darknet.cfg_to_plan import graph_from_cfg, plan_from_cfg
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph
from yolov3.darknet.header import DarknetHeader
from yolov3.darknet.plan import NetworkPlan
from yolov3.darknet.plan_to_cfg import cfg_from_plan
from yolov3.darknet.trace import LARGEST_NETWORK, stored_layers
from yolov3.datasets.darknet_data import read_data
from yolov3.errors import UserError
from yolov3.files.class_names import read_names
from yolov3.formats.darknet_weights import inspect_weights, read_weights, write_weights
from yolov3.models.yolov3 import YOLOv3

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
FEW, MANY = 1_000, 20_000

SMALL = """[net]
width=64
height=96
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
filters=8
size=3
pad=1
groups=2
activation=mish
[dropout]
probability=.2
[shortcut]
from=-3
activation=linear
[avgpool]
[scale_channels]
from=-2
[route]
layers=-1,1
groups=2
group_id=1
[reorg]
stride=2
[upsample]
stride=2
[sam]
from=-1
[convolutional]
filters=14
size=1
activation=linear
[yolo]
mask=0,2
anchors=1,2, 3,4, 5,6
num=3
classes=2
"""

WORDS = """
    0 1 -1 2 3 -3 8 32 255 8192 8193 65536 1000000000 99999999999999999999 -2147483649 1e9 nan inf .5 1,2 , = [ ] # ;
    [net] [yolo] [route] [convolutional] [shortcut] [maxpool] [upsample] [avgpool] [softmax] [batchnorm] [reorg]
    filters=4 size=7 stride=3 groups=3 from=-1 layers=-1,-2 activation=swish mask=0 num=1 dilation=2 pad=1
"""
TOKENS = (*WORDS.split(), "", "\n", "\t", "\r", "\0", "\ufeff", "\u00a0", "é", "日")


def mutate(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 2, 3, 8, 30))):
        if not lines:
            lines = [""]
        at = rng.randrange(len(lines))
        match rng.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[rng.randrange(len(lines))])
            case 2:
                lines[at] = lines[at].partition("=")[0] + "=" + rng.choice(TOKENS)
            case 3:
                lines.insert(at, rng.choice(TOKENS))
            case 4:
                place = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + rng.choice(TOKENS) + lines[at][place:]
            case 5:
                lines[at] = "".join(rng.choices(string.printable, k=rng.randrange(20)))
            case 6:
                other = rng.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 7:
                lines[at:at] = lines[at : at + rng.randrange(40)] * rng.choice((1, 2, 60))
    return "\n".join(lines)


def check_cfg(text: str) -> bool:
    """Whether a text gives a network; anything but a network or a one-line error fails."""
    try:
        cfg = parse_cfg(text, "x.cfg")
        assert parse_cfg(write_cfg(cfg)) == cfg
        plan = plan_from_cfg(cfg)
        with torch.device("meta"):
            network = graph_from_cfg(cfg)
    except UserError as error:
        assert str(error).startswith("x.cfg")
        assert "\n" not in str(error)
        return False
    assert sum(count for _, count in stored_layers(plan)) <= LARGEST_NETWORK
    assert plan_from_cfg(parse_cfg(write_cfg(cfg_from_plan(plan)))) == plan
    run_without_memory(network, plan)
    return True


def run_without_memory(network: DarknetGraph | DarknetClassifierGraph, plan: NetworkPlan) -> None:
    """A network that was accepted runs, and its maps have the shapes that its plan told."""
    found = network.eval()(torch.empty(2, *plan.input_shape, device="meta"))
    if isinstance(network, DarknetClassifierGraph):
        assert found.shape == (2, network.num_classes)
        return
    for maps, level in zip(found, network.levels, strict=True):
        grid = (plan.input_shape[1] // level.stride, plan.input_shape[2] // level.stride)
        assert maps.shape == (2, len(level.anchors), *grid, 5 + network.num_classes)


def fuzz_cfg(count: int, seeds: list[str]) -> None:
    rng = random.Random(0)
    valid = 0
    for _ in range(count):
        valid += check_cfg(mutate(rng.choice(seeds), rng))
    assert 0.01 < valid / count < 0.9  # both ways are walked


def fuzz_weights(count: int, folder: Path) -> None:
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


def test_changed_cfgs_give_a_network_or_a_clear_error():
    fuzz_cfg(FEW, [SMALL])


@pytest.mark.slow
@pytest.mark.shared
def test_many_changed_cfgs_give_a_network_or_a_clear_error(shared):
    seeds = [SMALL] * 4 + [(CONFIGS / "yolov3-tiny.cfg").read_text()]
    seeds += [path.read_text() for path in (shared / "darknet").glob("*.cfg")]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fuzz_cfg(MANY, seeds)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kilobytes


def test_changed_weights_give_a_model_or_a_clear_error(tmp_path, caplog):
    caplog.set_level("CRITICAL")
    fuzz_weights(FEW // 2, tmp_path)


@pytest.mark.slow
def test_many_changed_weights_give_a_model_or_a_clear_error(tmp_path, caplog):
    caplog.set_level("CRITICAL")
    fuzz_weights(MANY, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[net]\nwidth=8192\nheight=8192\nchannels=3\n" + "[convolutional]\nfilters=8192\nsize=128\npad=1\n" * 1999,
        "[net]\nwidth=64\nheight=64\nchannels=3\n" + "[upsample]\nstride=128\n" * 100,
        "[net]\nwidth=64\nheight=64\nchannels=3\n[convolutional]\n" + "[route]\nlayers=-1,-1,-1,-1,-1,-1,-1,-1\n" * 100,
        "[net]\nwidth=64\nheight=64\nchannels=3\n[convolutional]\n[route]\nlayers=" + "-1," * 100_000 + "-1\n",
        "[net]\nwidth=64\nheight=64\nchannels=3\n[convolutional]\n[yolo]\nanchors=" + "1," * 500_000 + "1\n",
        "[" * 1_000_000,
        "[net]\n" + "width=1\n" * 200_000,
    ],
    ids=["huge", "upsampled", "doubled", "routed", "anchors", "brackets", "repeated"],
)  # fmt: skip
def test_files_that_ask_for_the_world_get_an_error(text):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert not check_cfg(text)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def test_every_cut_of_a_cfg_is_understood_or_refused(tmp_path):
    path = tmp_path / "x.cfg"
    for end in range(0, len(SMALL), 3):
        path.write_bytes(SMALL[:end].encode())
        try:
            graph_from_cfg(read_cfg(path))
        except UserError as error:
            assert str(path) in str(error)


def test_headers_of_any_bytes_are_judged(tmp_path):
    rng = random.Random(2)
    path = tmp_path / "a.weights"
    for _ in range(FEW):
        version = (rng.choice((-1, 0, 1, 2, 1001, 2**31 - 1)) for _ in range(3))
        path.write_bytes(struct.pack("<iii", *version) + rng.randbytes(rng.randrange(20)))
        try:
            file = inspect_weights(path)
        except UserError:
            continue
        assert isinstance(file.header, DarknetHeader)
        assert path.stat().st_size == file.header.size + 4 * file.count


def test_names_and_data_files_of_any_bytes(tmp_path):
    rng = random.Random(3)
    path = tmp_path / "a.names"
    for _ in range(FEW):
        path.write_bytes(
            "".join(rng.choices("ab =\n\r\t#;\0é", k=rng.randrange(30))).encode() + rng.randbytes(rng.randrange(2))
        )
        for read in (read_names, read_data):
            try:
                assert read(path)
            except UserError as error:
                assert str(error).startswith(str(path))
