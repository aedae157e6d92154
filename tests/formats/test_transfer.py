"""Starting from a model of other classes: what fits is taken, class rows go by name, the rest stays as it was."""

from __future__ import annotations

import pytest
import torch

from yolov3.darknet.graph import build_graph
from yolov3.darknet.native import native_plan
from yolov3.errors import UserError
from yolov3.files.class_names import class_key
from yolov3.formats.darknet_files import save_darknet
from yolov3.formats.darknet_weights import write_weights
from yolov3.formats.transfer import start_from_darknet, transfer_weights
from yolov3.models.classifier import Darknet53Classifier
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import Preprocessing

SOURCE = ("person", "dining table", "aeroplane", "car")
TARGET = ("Car", "lorry", "diningtable", "airplane", "person")
ROWS = {"Car": 3, "diningtable": 1, "airplane": 2, "person": 0}
WIDTH = 1 / 16


def detector(classes: int, variant: str = "yolov3-tiny", width: float = WIDTH) -> YOLOv3:
    return YOLOv3(variant=variant, num_classes=classes, width=width)


def state_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_everything_but_class_rows_is_taken_and_those_go_by_name():
    source, target = detector(4), detector(5)
    fresh = state_of(target)
    report = transfer_weights(target, source.state_dict(), names=TARGET, source_names=SOURCE, source="a.pt")
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
    report = transfer_weights(target, source.state_dict(), names="abc", source_names="abc", source="a.pt")
    assert all(row.outcome == "taken" for row in report.rows)
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


@pytest.mark.parametrize(("classes", "taken"), [(3, ("x", "y", "z")), (4, ())])
def test_a_source_without_names_gives_its_classes_by_number_only(classes, taken):
    source, target = detector(classes), detector(3)
    report = transfer_weights(target, source.state_dict(), names="xyz", source_names=(), source="a.pt")
    assert report.classes_taken == taken
    head = next(row for row in report.rows if row.tensor == "heads.0.predict.bias")
    assert head.rows_taken == 3 * (5 + len(taken))


def test_a_backbone_of_a_classifier_fits_a_detector():
    source, target = Darknet53Classifier(num_classes=7, width=WIDTH), detector(2, "yolov3")
    report = transfer_weights(target, source.state_dict(), names="ab", source_names="abcdefg", source="c.pt")
    assert {row.outcome for row in report.rows if row.tensor.startswith("backbone.")} == {"taken"}
    assert {row.outcome for row in report.rows if row.tensor.startswith("neck.")} == {"initialised"}
    assert report.unused == ("classify.weight", "classify.bias")
    assert (report.classes_taken, report.classes_new) == ((), ("a", "b"))


def test_a_classifier_takes_class_rows_too():
    source, target = Darknet53Classifier(num_classes=2, width=WIDTH), Darknet53Classifier(num_classes=3, width=WIDTH)
    transfer_weights(target, source.state_dict(), names=("x", "b", "a"), source_names=("a", "b"), source="c.pt")
    assert torch.equal(target.classify.weight[1:], source.classify.weight.flip(0))


def test_graphs_of_darknet_are_transferred_alike():
    source = build_graph(native_plan(detector(4), (64, 64)))
    target = build_graph(native_plan(detector(5), (64, 64)))
    report = transfer_weights(target, source.state_dict(), names=TARGET, source_names=SOURCE, source="a.weights")
    partly = [row.tensor for row in report.rows if row.outcome == "partly taken"]
    assert partly == [f"layers.{number}.convolution.{kind}" for number in (15, 22) for kind in ("weight", "bias")]
    own, other = (n.layers[15].convolution.bias.view(3, -1) for n in (target, source))
    assert torch.equal(own[:, 5], other[:, 5 + 3])


def test_another_network_is_refused_and_nothing_is_changed():
    target = detector(3)
    before = state_of(target)
    for other in (detector(3, width=2 * WIDTH), detector(3, "yolov3")):
        with pytest.raises(UserError, match=r"b\.pt: weights of another network"):
            transfer_weights(target, other.state_dict(), names="abc", source_names="abc", source="b.pt")
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_start_from_darknets_files(tmp_path):
    source = detector(4, "yolov3")
    path = tmp_path / "a.weights"
    save_darknet(source, path, preprocessing=Preprocessing(), names=SOURCE)
    target = detector(5, "yolov3")
    report = start_from_darknet(target, path, names=TARGET)
    assert report.classes_new == ("lorry",)
    assert torch.equal(target.heads[2].predict.bias.view(3, -1)[:, 5], source.heads[2].predict.bias.view(3, -1)[:, 8])

    backbone = tmp_path / "darknet53.conv.74"
    with torch.no_grad():
        for parameter in source.backbone.parameters():
            parameter.add_(1)
    write_weights(backbone, source, layers=74)
    report = start_from_darknet(target, backbone, names=TARGET)
    assert torch.equal(target.backbone.conv1.convolution.weight, source.backbone.conv1.convolution.weight)
    assert {row.outcome for row in report.rows if row.tensor.startswith("neck.")} == {"initialised"}
    assert {row.outcome for row in report.rows if row.tensor.startswith("backbone.")} == {"taken"}
    assert report.classes_new == TARGET
    with pytest.raises(UserError, match=r"needs the \.cfg"):
        start_from_darknet(detector(5), backbone, names=TARGET)


def test_names_that_mean_one_class_have_one_key():
    assert class_key("Dining Table") == class_key("dining-table") == class_key("diningtable")
    assert class_key("tvmonitor") == class_key("TV")
    assert class_key("car") != class_key("cart")
