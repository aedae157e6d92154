"""Starting from a model of other classes: what fits is taken, class rows go by name, the rest stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from yolov3.darknet.graph import build_graph
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.formats.darknet_files import load_darknet, save_darknet
from yolov3.formats.darknet_weights import write_weights
from yolov3.formats.model import LoadedModel
from yolov3.formats.transfer import (
    TransferReport,
    TransferRow,
    is_backbone,
    transfer_backbone,
    transfer_weights,
)
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning

SOURCE = ("person", "dining table", "aeroplane", "car")
TARGET = ("Car", "lorry", "diningtable", "airplane", "person")
ROWS = {"Car": 3, "diningtable": 1, "airplane": 2, "person": 0}
WIDTH = 1 / 16


def detector(classes: int, variant: str = "yolov3-tiny", width: float = WIDTH, anchors=None) -> YOLOv3:
    return YOLOv3(variant=variant, num_classes=classes, width=width, anchors=anchors)


def model_of(network: torch.nn.Module, names: Sequence[str], source: str = "a.pt") -> LoadedModel:
    return LoadedModel(network, ModelMeaning(tuple(names)), source=source)


def state_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_everything_but_class_rows_is_taken_and_those_go_by_name():
    source, target = detector(4), detector(5)
    fresh = state_of(target)
    report = transfer_weights(target, model_of(source, SOURCE), names=TARGET)
    given, found = source.state_dict(), target.state_dict()
    for name in found:
        if "predict" not in name:
            assert torch.equal(found[name], given[name]), name
            continue
        own, other, first = (state[name].unflatten(0, (3, -1)) for state in (found, given, fresh))
        assert torch.equal(own[:, :5], other[:, :5])
        for label, class_name in enumerate(TARGET):
            expected = other[:, 5 + ROWS[class_name]] if class_name in ROWS else first[:, 5 + label]
            assert torch.equal(own[:, 5 + label], expected), (name, class_name)
    assert report.classes_taken == ("Car", "diningtable", "airplane", "person")
    assert report.classes_new == ("lorry",)
    assert report.unused == ()
    outcomes = {row.tensor: (row.outcome, row.rows_taken, row.rows) for row in report.rows}
    assert outcomes["heads.1.predict.weight"] == ("partly taken", 27, 30)
    assert outcomes["backbone.conv1.convolution.weight"][0] == "taken"
    assert "classes that start anew: lorry" in str(report)


def test_the_same_classes_are_taken_whole():
    source, target = detector(3), detector(3)
    report = transfer_weights(target, model_of(source, "abc"), names="abc")
    assert all(row.outcome == "taken" for row in report.rows)
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


@pytest.mark.parametrize(("classes", "taken"), [(3, ("x", "y", "z")), (4, ())])
def test_a_source_without_names_gives_its_classes_by_number_only(classes, taken):
    source, target = detector(classes), detector(3)
    report = transfer_weights(target, model_of(source, ()), names="xyz")
    assert report.classes_taken == taken
    head = next(row for row in report.rows if row.tensor == "heads.0.predict.bias")
    assert head.rows_taken == 3 * (5 + len(taken))


def test_a_backbone_of_a_classifier_fits_a_detector():
    source, target = Darknet53Classifier(num_classes=7, width=WIDTH), detector(2, "yolov3")
    report = transfer_weights(target, model_of(source, "abcdefg", "c.pt"), names="ab")
    assert {row.outcome for row in report.rows if row.tensor.startswith("backbone.")} == {"taken"}
    assert {row.outcome for row in report.rows if row.tensor.startswith("neck.")} == {"initialised"}
    assert report.unused == ("classify.weight", "classify.bias")
    assert (report.classes_taken, report.classes_new) == ((), ("a", "b"))


def test_a_classifier_takes_class_rows_too():
    source, target = Darknet53Classifier(num_classes=2, width=WIDTH), Darknet53Classifier(num_classes=3, width=WIDTH)
    transfer_weights(target, model_of(source, ("a", "b"), "c.pt"), names=("x", "b", "a"))
    assert torch.equal(target.classify.weight[1:], source.classify.weight.flip(0))


def test_graphs_of_darknet_are_transferred_alike():
    source = build_graph(native_plan(detector(4), (64, 64)))
    target = build_graph(native_plan(detector(5), (64, 64)))
    report = transfer_weights(target, model_of(source, SOURCE, "a.weights"), names=TARGET)
    partly = [row.tensor for row in report.rows if row.outcome == "partly taken"]
    assert partly == [f"layers.{number}.convolution.{kind}" for number in (15, 22) for kind in ("weight", "bias")]
    own, other = (n.layers[15].convolution.bias.view(3, -1) for n in (target, source))
    assert torch.equal(own[:, 5], other[:, 5 + 3])


def test_another_network_is_refused_and_nothing_is_changed():
    target = detector(3)
    before = state_of(target)
    for other in (detector(3, width=2 * WIDTH), detector(3, "yolov3")):
        with pytest.raises(UserError, match=r"b\.pt: weights of another network"):
            transfer_weights(target, model_of(other, "abc", "b.pt"), names="abc")
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("yolov3-tiny 0.0625", "yolov3 0.0625", "it is yolov3-tiny x0.0625: model.variant=yolov3-tiny"),
        ("yolov3 0.0625", "yolov3-tiny 0.0625", "it is yolov3 x0.0625: model.variant=yolov3"),
        (
            "yolov3-tiny 0.125",
            "yolov3-tiny 0.0625",
            "it is yolov3-tiny x0.125: model.variant=yolov3-tiny model.width=0.125",
        ),
        ("yolov3-tiny 1", "yolov3-spp 0.0625", "it is yolov3-tiny: model.variant=yolov3-tiny model.width=1"),
    ],
)
def test_another_variant_is_said_with_the_words_for_it(source, target, words):
    networks = []
    for text in (source, target):
        variant, width = text.split()
        networks.append(YOLOv3(variant=variant, num_classes=3, width=float(width)))
    message = rf"^b\.pt: weights of another network: \d+ of this one's \d+ layers fit; {re.escape(words)}$"
    with pytest.raises(UserError, match=message):
        transfer_weights(networks[1], model_of(networks[0], "abc", "b.pt"), names="abc")


def test_a_graph_is_said_with_its_cfg_or_how_to_get_one():
    graph = build_graph(native_plan(detector(4), (64, 64)))
    for cfg, experiment, words in (
        ("cfg/b.cfg", None, "it is the network of cfg/b.cfg: model.cfg=cfg/b.cfg"),
        (None, {"model": {"cfg": "c.cfg"}}, "it is the network of c.cfg: model.cfg=c.cfg"),
        (None, None, "write its .cfg with yolov3 convert b.pt b.weights, then model.cfg=b.cfg"),
    ):
        model = LoadedModel(graph, ModelMeaning(("a",) * 4), experiment, "b.pt", "a network of Darknet's family", cfg)
        with pytest.raises(UserError, match=rf"layers fit; .*{re.escape(words)}$"):
            transfer_weights(detector(3), model, names="abc")


def test_a_network_of_ours_takes_the_place_of_a_cfg():
    graph = build_graph(native_plan(detector(4), (64, 64)))
    with pytest.raises(UserError, match=r": model\.variant=yolov3-tiny model\.width=0\.0625 in place of model\.cfg$"):
        transfer_weights(graph, model_of(detector(4), "abcd", "b.pt"), names="abcd")


def test_a_classifier_of_another_backbone_is_said_to_be_one():
    source = Darknet53Classifier(num_classes=2, width=WIDTH)
    model = LoadedModel(source, ModelMeaning(("a", "b")), None, "c.pt", "darknet53-classifier, 2 classes")
    with pytest.raises(
        UserError, match=r"it is darknet53-classifier, 2 classes: a classifier, of which only a detector"
    ):
        transfer_weights(detector(3), model, names="abc")


def test_darknets_whole_files_are_a_start(tmp_path):
    source = detector(4, "yolov3")
    path = tmp_path / "a.weights"
    save_darknet(source, path, meaning=ModelMeaning(SOURCE))
    target = detector(5, "yolov3")
    report = transfer_weights(target, load_darknet(path), names=TARGET)
    assert report.source == str(path)
    assert report.classes_new == ("lorry",)
    assert torch.equal(target.heads[2].predict.bias.view(3, -1)[:, 5], source.heads[2].predict.bias.view(3, -1)[:, 8])


# ---- heads of other anchors ----

ANCHORS = (((10.0, 20.0),) * 3, ((5.0, 6.0), (7.0, 8.0), (9.0, 9.5)))
OTHER = (ANCHORS[0], ((5.0, 6.0), (7.0, 8.0), (9.0, 9.0)))


def test_a_head_of_other_anchors_is_not_taken_and_told():
    source, target = detector(3, anchors=ANCHORS), detector(3, anchors=OTHER)
    fresh = state_of(target)
    report = transfer_weights(target, model_of(source, "abc"), names="abc")
    assert report.other_anchors == (
        "the head of stride 16 starts anew: its anchors are 5,6 7,8 9,9, those of the weights 5,6 7,8 9,9.5",
    )
    found, given = target.state_dict(), source.state_dict()
    for name in found:
        expected = fresh if name.startswith("heads.1.predict") else given
        assert torch.equal(found[name], expected[name]), name
    outcomes = {row.tensor: row.outcome for row in report.rows}
    assert outcomes["heads.1.predict.weight"] == outcomes["heads.1.predict.bias"] == "initialised"
    assert outcomes["heads.0.predict.weight"] == "taken"
    assert report.classes_taken == ("a", "b", "c")
    assert str(report).endswith(f"  {report.other_anchors[0]}")


def test_where_no_head_is_taken_all_classes_start_anew():
    other = tuple(tuple((width + 1, height) for width, height in level) for level in ANCHORS)
    target = detector(3, anchors=other)
    report = transfer_weights(target, model_of(detector(3, anchors=ANCHORS), "abc"), names="abc")
    assert (report.classes_taken, report.classes_new) == ((), ("a", "b", "c"))
    assert len(report.other_anchors) == 2
    assert "classes taken" not in str(report)


def test_another_number_of_anchors_is_other_anchors():
    few = (ANCHORS[0][:2], ANCHORS[1][:2])
    target = detector(3, anchors=few)
    report = transfer_weights(target, model_of(detector(3, anchors=ANCHORS), "abc"), names="abc")
    assert len(report.other_anchors) == 2
    assert "those of the weights 10,20 10,20 10,20" in report.other_anchors[0]


def test_the_heads_of_a_graph_are_compared_too():
    source, target = (build_graph(native_plan(detector(3, anchors=a), (64, 64))) for a in (ANCHORS, OTHER))
    fresh = state_of(target)
    report = transfer_weights(target, model_of(source, "abc"), names="abc")
    assert len(report.other_anchors) == 1
    assert torch.equal(target.layers[22].convolution.weight, fresh["layers.22.convolution.weight"])
    assert torch.equal(target.layers[15].convolution.weight, source.layers[15].convolution.weight)


# ---- backbones ----


def cut(path: Path, network: YOLOv3, layers: int) -> Path:
    write_weights(path, network, layers=layers)
    return path


def test_a_backbone_is_taken_and_all_else_starts_anew(tmp_path):
    source, target = detector(4, "yolov3"), detector(5, "yolov3")
    fresh = state_of(target)
    path = cut(tmp_path / "darknet53.conv.74", source, 74)
    assert is_backbone(path, target)
    report = transfer_backbone(target, path, names=TARGET)
    for name, tensor in target.state_dict().items():
        expected = source.state_dict() if name.startswith("backbone.") else fresh
        assert torch.equal(tensor, expected[name]), name
    assert {row.outcome for row in report.rows if row.tensor.startswith("backbone.")} == {"taken"}
    assert {row.outcome for row in report.rows if not row.tensor.startswith("backbone.")} == {"initialised"}
    assert (report.source, report.classes_taken, report.classes_new) == (str(path), (), TARGET)
    assert (report.unused, report.other_anchors) == ((), ())


def test_a_graph_takes_a_backbone_too(tmp_path):
    source = detector(4)
    target = build_graph(native_plan(detector(5), (64, 64)))
    path = cut(tmp_path / "tiny.conv.15", source, 15)
    assert is_backbone(path, target)
    transfer_backbone(target, path, names=TARGET)
    assert torch.equal(target.layers[0].convolution.weight, source.backbone.conv1.convolution.weight)


def test_what_is_no_backbone_of_a_network_is_told_apart(tmp_path):
    target = detector(5, "yolov3")
    with torch.device("meta"):
        without_memory = detector(1, "yolov3")
    backbone = cut(tmp_path / "darknet53.conv.74", target, 74)
    whole = cut(tmp_path / "whole.weights", target, 1000)
    other = cut(tmp_path / "tiny.conv.15", detector(4), 15)
    (tmp_path / "text.conv.74").write_text("no weights")
    assert is_backbone(backbone, without_memory)
    for path in (whole, other, tmp_path / "text.conv.74", tmp_path / "none"):
        assert not is_backbone(path, target)
        assert not is_backbone(path, without_memory)


def test_a_backbone_of_another_network_changes_nothing(tmp_path):
    target = detector(3)
    before = state_of(target)
    path = cut(tmp_path / "darknet53.conv.74", detector(4, "yolov3"), 74)
    with pytest.raises(UserError, match=r"darknet53\.conv\.74: .*another network"):
        transfer_backbone(target, path, names="abc")
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


# ---- the report ----


@pytest.mark.parametrize(("taken", "outcome"), [(0, "initialised"), (3, "partly taken"), (7, "taken")])
def test_an_outcome_is_told_by_the_rows(taken, outcome):
    assert TransferRow("x.weight", taken, 7).outcome == outcome


def test_the_table_counts_the_tensors_of_each_part():
    rows = (
        TransferRow("backbone.a", 4, 4),
        TransferRow("backbone.b", 4, 4),
        TransferRow("heads.0.weight", 2, 4),
        TransferRow("heads.0.bias", 0, 4),
    )
    report = TransferReport("a.pt", rows, ("car",), ("lorry", "cat"), (), ("the head of stride 8 starts anew",))
    assert str(report).splitlines() == [
        "started from a.pt",
        "  part      taken  partly taken  initialised",
        "  backbone      2             0            0",
        "  heads         0             1            1",
        "  classes taken: car",
        "  classes that start anew: lorry, cat",
        "  the head of stride 8 starts anew",
    ]


def test_a_network_whose_heads_are_not_known_is_a_mistake_of_ours():
    network = torch.nn.Conv2d(3, 4, 1)
    with pytest.raises(TypeError, match="the heads of a Conv2d are not known"):
        transfer_weights(network, model_of(network, "ab"), names="ab")


def test_names_that_mean_one_class_are_one_class():
    source, target = detector(2), detector(3)
    report = transfer_weights(
        target, model_of(source, ("TV", "dining-table")), names=("tvmonitor", "Dining Table", "x")
    )
    assert report.classes_taken == ("tvmonitor", "Dining Table")


def test_of_two_classes_of_one_name_the_first_gives_its_row():
    source, target = detector(3), detector(1)
    transfer_weights(target, model_of(source, ("cat", "dog", "cat")), names=("cat",))
    own, other = (network.heads[0].predict.bias.view(3, -1) for network in (target, source))
    assert torch.equal(own[:, 5], other[:, 5])
