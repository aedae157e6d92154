"""The text of a .cfg: what Darknet reads in it, what is refused with its line, and there and back again."""

from __future__ import annotations

import pytest

from yolov3.darknet import plan as plans
from yolov3.darknet.cfg import parse_cfg, read_cfg, write_cfg
from yolov3.darknet.cfg_to_plan import graph_from_text, load_graph, plan_from_cfg
from yolov3.darknet.graph import DarknetClassifierGraph, DarknetGraph
from yolov3.darknet.plan_to_cfg import cfg_from_plan
from yolov3.errors import UserError

NET = "[net]\nwidth=64\nheight=96\nchannels=3\n"
HEAD = "[convolutional]\nfilters=14\nactivation=linear\nsize=32\nstride=32\n"
YOLO = "[yolo]\nmask=1,2\nanchors=1,2, 3,4, 5,6\nnum=3\nclasses=2\n"


def plan_of(text: str) -> plans.NetworkPlan:
    return plan_from_cfg(parse_cfg(text, "x.cfg"))


def test_a_line_is_read_as_darknet_reads_it():
    text = "\ufeff# words\r\n; more\r\n[ net ]\r\n wid th = 6 4\r\nheight=\t96 # why\r\nchannels=3\r\nheight=32\r\n\r\n"
    cfg = parse_cfg(text, "x.cfg")
    (net,) = cfg.sections
    assert (net.name, net.line) == ("net", 3)
    assert [(o.key, o.value, o.line) for o in net.options] == [
        ("width", "64", 4),
        ("height", "96", 5),
        ("channels", "3", 6),
    ]
    assert cfg.notes == ("x.cfg:7: height is given twice; the first counts (96)",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no \\[section\\]"),
        ("# only words\n", "no \\[section\\]"),
        ("width=1\n", "x.cfg:1: width=1 stands before"),
        ("[net]\nwidth\n", "x.cfg:2: expected key=value, found width"),
        ("[net]\n=3\n", "x.cfg:2: expected key=value"),
        ("[net\n", "x.cfg:1: a section is written"),
        ("[]\n", "x.cfg:1: a section is written"),
        ("<!DOCTYPE html>\n<html>", "x.cfg:1: expected key=value"),
        ("\x00\x01\x02", "x.cfg:1: expected key=value"),
        ("[net]\n" + "[a]\n" * 2001, "x.cfg:2002: more than 2001 sections"),
    ],
)
def test_what_is_no_cfg_is_refused_with_its_line(text, message):
    with pytest.raises(UserError, match=message):
        parse_cfg(text, "x.cfg")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none\.cfg: cannot be read"):
        read_cfg(tmp_path / "none.cfg")
    (tmp_path / "wide.cfg").write_bytes("[net]\n".encode("utf-16"))
    with pytest.raises(UserError, match="UTF-16"):
        read_cfg(tmp_path / "wide.cfg")
    (tmp_path / "big.cfg").write_bytes(b"#" * 4_000_001)
    with pytest.raises(UserError, match="larger than"):
        read_cfg(tmp_path / "big.cfg")
    (tmp_path / "comment.cfg").write_bytes(b"# \xb1\xe0\xc2\xeb\n[net]\nwidth=1\n")  # a comment in another encoding
    assert read_cfg(tmp_path / "comment.cfg").sections[0].name == "net"


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
    assert convolution == plans.ConvolutionPlan(
        sources=(-1,), filters=1, size=1, stride=(1, 1), padding=0, activation="logistic", batch_normalise=False
    )
    assert (pool.size, pool.stride, pool.padding) == (2, (2, 2), 1)
    assert (wide_pool.size, wide_pool.stride, wide_pool.padding) == (3, (1, 1), 2)
    assert upsample.stride == 2
    assert shortcut.activation == "linear"


def test_pad_and_padding_follow_darknet():
    def padding(options: str) -> int:
        return plan_of(f"{NET}[convolutional]\n{options}").layers[0].padding

    assert padding("size=5\npad=1\npadding=7\n") == 2
    assert padding("size=5\npadding=1\n") == 1
    assert padding("size=1\npad=1\n") == 0
    assert padding("size=4\npad=1\n") == 2


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


@pytest.mark.shared
def test_the_files_at_hand_load_and_survive_being_written(shared):
    paths = sorted((shared / "darknet").glob("*.cfg")) + sorted((shared / "reference" / "darknet_micro").glob("*.cfg"))
    assert len(paths) == 6
    for path in paths:
        cfg = read_cfg(path)
        assert parse_cfg(write_cfg(cfg)) == cfg
        plan = plan_from_cfg(cfg)
        assert plan_of(write_cfg(cfg_from_plan(plan))) == plan
        kind = DarknetClassifierGraph if "darknet53" in path.name else DarknetGraph
        assert isinstance(load_graph(path), kind)


def test_every_kind_of_layer_survives_being_written():
    layers = [
        plans.ConvolutionPlan(
            sources=(-1,), filters=8, size=3, stride=(1, 2), padding=0, activation="mish", batch_normalise=True
        ),
        plans.ConvolutionPlan(
            sources=(0,), filters=8, size=3, stride=(1, 1), padding=1, activation="relu6", batch_normalise=False,
            groups=4, dilation=2,
        ),
        plans.BatchNormPlan(sources=(1,)),
        plans.DropoutPlan(sources=(2,), probability=0.25),
        plans.ShortcutPlan(sources=(3, 1, 0), activation="swish"),
        plans.RoutePlan(sources=(4, 1), groups=2, group=1),
        plans.MaxPoolPlan(sources=(5,), size=5, stride=(2, 1), padding=3),
        plans.ReorgPlan(sources=(6,), stride=1),
        plans.ReorgPlan(sources=(7,), stride=2, reverse=True),
        plans.UpsamplePlan(sources=(8,), stride=3, scale=0.5),
        plans.AveragePoolPlan(sources=(9,)),
        plans.RoutePlan(sources=(10, 10, 10, 10)),
        plans.ScaleChannelsPlan(sources=(11, 4), activation="leaky"),
        plans.SamPlan(sources=(12, 12), activation="logistic"),
        plans.RoutePlan(sources=(0,)),
        plans.AveragePoolPlan(sources=(14,)),
        plans.SoftmaxPlan(sources=(15,)),
        plans.CostPlan(sources=(16,)),
    ]  # fmt: skip
    plan = plans.NetworkPlan((3, 99, 128), tuple(layers))
    assert plan_of(write_cfg(cfg_from_plan(plan))) == plan


def test_anchors_and_meaning_survive_being_written():
    heads = (
        plans.ConvolutionPlan(
            sources=(-1,), filters=14, size=32, stride=(32, 32), padding=0, activation="logistic", batch_normalise=False
        ),
        plans.YoloPlan(
            sources=(0,), anchors=((81.5, 82.0), (3.25, 4.0)), num_classes=2, xy_scale=1.05, new_coordinates=True
        ),
        plans.RoutePlan(sources=(0,)),
        plans.YoloPlan(sources=(2,), anchors=((1.0, 2.0), (81.5, 82.0)), num_classes=2),
    )
    plan = plans.NetworkPlan((3, 64, 64), heads)
    cfg = cfg_from_plan(plan, letter_box=True, yolo_options={"nms_kind": "diounms", "beta_nms": 0.5})
    text = write_cfg(cfg)
    assert plan_of(text) == plan
    assert "anchors=1,2,81.5,82,3.25,4\n" in text  # one that serves two levels stands there once
    assert text.count("nms_kind=diounms") == 2
    assert "letter_box=1" in text
