"""From a .cfg to its network: Darknet's defaults, what is refused by name and line, and files damaged in every way."""

from __future__ import annotations

import random
import resource
import string
from pathlib import Path

import pytest
import torch

from yolov3.darknet import plan as plans
from yolov3.darknet.cfg import parse_cfg, read_cfg, write_cfg
from yolov3.darknet.cfg_to_plan import (
    graph_from_cfg,
    graph_from_text,
    load_graph,
    net_reader,
    plan_errors,
    plan_from_cfg,
)
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph
from yolov3.darknet.plan import NetworkPlan
from yolov3.darknet.plan_to_cfg import cfg_from_plan
from yolov3.darknet.trace import LARGEST_NETWORK, PlanError, stored_layers
from yolov3.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"
NET = "[net]\nwidth=64\nheight=96\nchannels=3\n"
HEAD = "[convolutional]\nfilters=14\nactivation=linear\nsize=32\nstride=32\n"
YOLO = "[yolo]\nmask=1,2\nanchors=1,2, 3,4, 5,6\nnum=3\nclasses=2\n"


def plan_of(text: str) -> NetworkPlan:
    return plan_from_cfg(parse_cfg(text, "x.cfg"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[convolutional]\n", "x.cfg:1: .* the first section must be"),
        ("[net]\nwidth=64\nheight=96\n", "x.cfg:1: \\[net\\] needs channels="),
        (NET.replace("3", "1"), "x.cfg:4: .* channels=1 cannot be done"),
        (NET.replace("96", "0"), "x.cfg:3: .* height must be 1 to 8192, found 0"),
        (NET.replace("64", "9000"), "x.cfg:2: .* width must be 1 to 8192"),
        (NET.replace("64", "64px"), "x.cfg:2: .* width must be a whole number, found 64px"),
        (NET.replace("64", "6.4"), "whole number"),
        (NET.replace("64", "9" * 5000), "whole number"),
        (NET.replace("64", ""), "found nothing"),
        (NET, "1 to 2000 layers, found 0"),
        (NET + "[net]\n", "x.cfg:5: .* only at the beginning"),
        (NET + "[region]\n", "x.cfg:5: \\[region\\] is not done here; done are: convolutional"),
        (NET + "[reorg3d]\n", "is not done here"),
        (NET + "[Gaussian_yolo]\n", "is not done here"),
        (NET + "[convolutionl]\n", "is not a section of Darknet"),
        (NET + "[convolutional]\nfilter=3\n", "x.cfg:6: .* unknown key filter; did you mean filters"),
        (NET + "[convolutional]\nfilters=99999\n", "x.cfg:5: \\[convolutional\\] \\(layer 0\\) filters must be"),
        (NET + "[convolutional]\nfilters=1000000000\n", "filters must be"),
        (NET + "[convolutional]\nsize=0\n", "size must be 1"),
        (NET + "[convolutional]\nstride=0\n", "stride must be 1"),
        (NET + "[convolutional]\nstride=-2\n", "stride must be 1"),
        (NET + "[convolutional]\nactivation=gelu\n", "x.cfg:6: .* activation=gelu cannot be done; allowed: lin"),
        (NET + "[convolutional]\nantialiasing=1\n", "x.cfg:6: .* antialiasing=1 cannot be done"),
        (NET + "[convolutional]\nshare_index=-3\n", "share_index cannot be done"),
        (NET + "[convolutional]\ndontload=1\n", "dontload=1 cannot be done"),
        (NET + "[convolutional]\nbatch_normalize=3\n", "batch_normalize must be"),
        (NET + "[convolutional]\n[shortcut]\nfrom=-2\n", "x.cfg:7: .* from=-2: this is layer 1, .* no layer -1"),
        (NET + "[convolutional]\n[route]\nlayers=1\n", "no layer 1 before it"),
        (NET + "[convolutional]\n[route]\nlayers=-1,5\n", "no layer 5 before it"),
        (NET + "[convolutional]\n[route]\nlayers=-1,\n", "found nothing"),
        (NET + "[route]\n", "needs layers="),
        (NET + "[convolutional]\n[shortcut]\nfrom=-1\nweights_type=per_channel\n", "weights_type=per_channel cannot"),
        (NET + "[convolutional]\n[scale_channels]\nfrom=-1,-1\n", "takes 1 layer, found 2"),
        (NET + "[upsample]\nstride=-2\n", "stride must be 1 to 128"),
        (NET + "[dropout]\nprobability=nan\n", "probability must be a number, found nan"),
        (NET + "[dropout]\nprobability=1e999\n", "probability must be a number"),
        (NET + "[softmax]\ngroups=2\n", "groups=2 cannot be done"),
        (NET + HEAD + YOLO.replace("num=3", "num=4"), "num=4 needs 8 numbers in anchors, found 6"),
        (NET + HEAD + YOLO.replace("3,4", "3,-4"), "anchors must be positive"),
        (NET + HEAD + YOLO.replace("1,2\n", "1,3\n"), "mask must hold numbers from 0 to 2"),
        (NET + HEAD + YOLO.replace("classes=2", "classes=0"), "classes must be 1"),
        (NET + HEAD + YOLO.replace("classes=2", "classes=3"), "2 anchors x .* = 16 filters, found 14"),
        (NET + HEAD + YOLO + "scale_x_y=0\n", "scale_x_y must be above 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_name(text, message):
    with pytest.raises(UserError, match=message):
        graph_from_text(text, "x.cfg")


def test_defaults_are_darknets():
    plan = plan_of(NET + "[convolutional]\n[maxpool]\nstride=2\n[maxpool]\nsize=3\n[upsample]\n[shortcut]\nfrom=-1\n")
    convolution, pool, wide_pool, upsample, shortcut = plan.layers
    assert plan.input_shape == (3, 96, 64)
    assert convolution == plans.ConvolutionPlan(
        sources=(-1,), filters=1, size=1, stride=(1, 1), padding=0, activation="logistic", batch_normalise=False
    )
    assert (pool.size, pool.stride, pool.padding) == (2, (2, 2), 1)
    assert (wide_pool.size, wide_pool.stride, wide_pool.padding) == (3, (1, 1), 2)
    assert upsample.stride == 2
    assert shortcut.activation == "linear"


def test_a_yolo_layer_without_mask_and_classes_has_all_anchors_and_vocs_classes():
    text = NET + HEAD.replace("14", "50") + "[yolo]\nanchors=1,2,3,4\nnum=2\n"
    assert plan_of(text).layers[1] == plans.YoloPlan(sources=(0,), anchors=((1, 2), (3, 4)), num_classes=20)


def test_a_mask_chooses_anchors_in_its_own_order():
    text = NET + HEAD + YOLO.replace("mask=1,2", "mask=2,0") + "scale_x_y=1.05\nnew_coords=1\n"
    assert plan_of(text).layers[1] == plans.YoloPlan(
        sources=(0,), anchors=((5, 6), (1, 2)), num_classes=2, xy_scale=1.05, new_coordinates=True
    )


def test_pad_and_padding_follow_darknet():
    def padding(options: str) -> int:
        return plan_of(f"{NET}[convolutional]\n{options}").layers[0].padding

    assert padding("size=5\npad=1\npadding=7\n") == 2
    assert padding("size=5\npadding=1\n") == 1
    assert padding("size=1\npad=1\n") == 0
    assert padding("size=4\npad=1\n") == 2


@pytest.mark.parametrize(
    ("options", "stride"), [("stride=3\n", (3, 3)), ("stride=2\nstride_x=1\n", (2, 1)), ("stride_y=2\n", (2, 1))]
)
def test_strides_are_vertical_and_horizontal(options, stride):
    plan = plan_of(f"{NET}[convolutional]\n{options}[maxpool]\nsize=3\n{options}")
    assert [layer.stride for layer in plan.layers] == [stride, stride]


@pytest.mark.parametrize(
    ("options", "normalised"),
    [("", False), ("batch_normalize=1\n", True), ("batch_normalize=2\n", True), ("cbn=1\n", True), ("cbn=0\n", False)],
)
def test_batch_norm_is_asked_for_in_three_ways(options, normalised):
    assert plan_of(f"{NET}[convolutional]\n{options}").layers[0].batch_normalise is normalised


def test_a_kernel_of_one_has_no_dilation():
    text = NET + "[convolutional]\nsize={}\npad=1\ndilation=2\n"
    assert [plan_of(text.format(size)).layers[0].dilation for size in (1, 3)] == [1, 2]


def test_short_names_training_keys_and_inline_comments_are_accepted():
    text = (
        NET
        + "momentum=0.9\nletter_box=1\n[conv]\nfilters=14 # as needed\nsize=32\nstride=32\nlearning_rate=0.1\n"
        + YOLO
    )
    assert len(graph_from_text(text).levels) == 1


def test_sources_are_absolute_numbers():
    plan = plan_of(NET + "[convolutional]\n" * 3 + "[route]\nlayers=-1,0\n[shortcut]\nfrom=-2,1\n")
    assert plan.layers[3].sources == (2, 0)
    assert plan.layers[4].sources == (3, 2, 1)


def test_what_is_wrong_with_a_plan_names_the_line_of_its_layer():
    cfg = parse_cfg("[net]\nwidth=64\n\n[convolutional]\n", "x.cfg")
    with pytest.raises(UserError, match=r"x\.cfg:4: \[convolutional\] \(layer 0\) too wide"), plan_errors(cfg):
        raise PlanError(0, "too wide")
    with pytest.raises(UserError, match=r"x\.cfg:1: \[net\] too many"), plan_errors(cfg):
        raise PlanError(-1, "too many")
    with pytest.raises(KeyError), plan_errors(cfg):
        raise KeyError


def test_the_net_section_comes_first_under_either_name():
    for name in ("net", "network"):
        assert net_reader(parse_cfg(f"[{name}]\nwidth=32\n")).integer("width") == 32
    with pytest.raises(UserError, match=r"cfg:1: \[yolo\] the first section must be \[net\]"):
        net_reader(parse_cfg("[yolo]\n[net]\n"))


@pytest.mark.parametrize("name", ["yolov3", "yolov3-spp", "yolov3-tiny", "darknet53"])
def test_the_shipped_files_become_networks(name):
    with torch.device("meta"):
        network = load_graph(CONFIGS / f"{name}.cfg")
    assert isinstance(network, DarknetClassifierGraph if name == "darknet53" else DarknetGraph)
    assert network.num_classes == (1000 if name == "darknet53" else 80)


@pytest.mark.shared
def test_the_files_at_hand_load_and_their_plans_survive_being_written(shared):
    paths = [*(shared / "darknet").glob("**/*.cfg"), *(shared / "reference" / "darknet_micro").glob("*.cfg")]
    assert len(paths) == 7
    for path in paths:
        plan = plan_from_cfg(read_cfg(path))
        assert plan_of(write_cfg(cfg_from_plan(plan))) == plan
        kind = DarknetClassifierGraph if "darknet53" in path.name else DarknetGraph
        assert isinstance(load_graph(path), kind)


# ---- damaged and hostile files: a clear error or a network, never a crash, and never memory for the asking ----

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
    """Whether a text gives a network; anything but a network or a one-line error fails. Networks are built on the meta
    device, which takes no memory."""
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


def fuzz(count: int, seeds: list[str]) -> None:
    rng = random.Random(0)
    valid = 0
    for _ in range(count):
        valid += check_cfg(mutate(rng.choice(seeds), rng))
    assert 0.01 < valid / count < 0.9  # both ways are walked


def test_changed_files_give_a_network_or_a_clear_error():
    fuzz(FEW, [SMALL])


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.shared
def test_many_changed_files_give_a_network_or_a_clear_error(shared):
    seeds = [SMALL] * 4 + [(CONFIGS / "yolov3-tiny.cfg").read_text()]
    seeds += [path.read_text() for path in (shared / "darknet").glob("*.cfg")]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fuzz(MANY, seeds)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kilobytes


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


def test_every_cut_of_a_file_is_understood_or_refused(tmp_path):
    path = tmp_path / "x.cfg"
    understood = 0
    for end in range(len(SMALL) + 1):
        path.write_bytes(SMALL[:end].encode())
        try:
            graph_from_cfg(read_cfg(path))
            understood += 1
        except UserError as error:
            assert str(path) in str(error)
    assert 2 <= understood < len(SMALL) / 3
