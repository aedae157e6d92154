"""What was found in an image: looked at, taken apart, compared, drawn, saved, handed to other libraries."""

from __future__ import annotations

import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolov3.detections import Detection, Detections
from yolov3.errors import UserError
from yolov3.images.files import read_image, write_image

NAMES = ("person", "dog")
SIZE = (60, 80)


def make(count: int = 3) -> Detections:
    """Detections of the classes 0, 1, 2, 0, ..., of which the last has no name."""
    boxes = torch.tensor([[1.0, 2, 31, 42]]) + torch.arange(count)[:, None]
    return Detections(
        boxes, torch.linspace(0.9, 0.5, count), torch.arange(count) % 3, NAMES, SIZE, "dog.jpg", {"network": 7.0}
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file with the image in which things were found."""
    path = tmp_path / "photo 7.png"
    write_image(path, np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8))
    return path


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "message"),
    [
        ((2, 5), (2,), (2,), r"Detections\.boxes must have shape \(2, 4\), found \(2, 5\)"),
        ((2, 4), (3,), (2,), r"Detections\.scores must have shape \(2,\), found \(3,\)"),
        ((2, 4), (2,), (2, 1), r"Detections\.labels must have shape \(2,\), found \(2, 1\)"),
    ],
)
def test_detections_of_wrong_shapes_are_refused(boxes, scores, labels, message):
    with pytest.raises(ValueError, match=message):
        Detections(torch.zeros(boxes), torch.zeros(scores), torch.zeros(labels, dtype=torch.int64))


def test_the_short_form_says_what_was_found_how_surely_and_in_what():
    found = Detections(torch.zeros(3, 4), torch.tensor([0.98, 0.91, 0.56]), torch.tensor([0, 0, 1]), NAMES, (576, 768))
    assert repr(found) == str(found) == "3 boxes of person 0.98 0.91, dog 0.56 in 768x576"
    assert repr(found[:1]) == "1 box of person 0.98 in 768x576"
    assert repr(found[:0]) == "no boxes in 768x576"
    assert repr(Detections.empty()) == "no boxes"


def test_the_short_form_stays_short():
    found = Detections(torch.zeros(300, 4), torch.full((300,), 0.5), torch.arange(300) % 80)
    text = repr(found)
    assert text.startswith("300 boxes of 0 0.50 0.50 0.50 0.50, 1 0.50") and text.endswith(", 74 more classes")
    assert len(text) < 200
    one = Detections(torch.zeros(9, 4), torch.full((9,), 0.5), torch.zeros(9, dtype=torch.int64), NAMES)
    assert repr(one) == "9 boxes of person 0.50 0.50 0.50 0.50 0.50 and 4 more"


def test_one_by_one():
    found = make()
    first, second, third = found
    assert first == found[0] == found[-3] == Detection((1.0, 2.0, 31.0, 42.0), found.scores[0].item(), 0, "person")
    assert (second.name, third.name, third.label) == ("dog", "2", 2)
    assert found[np.int64(1)] == second and repr(second) == "dog 0.70 at 2 3 32 43"
    assert all(isinstance(side, float) for side in first.box) and isinstance(first.score, float)


@pytest.mark.parametrize("index", [3, -4])
def test_a_detection_that_is_not_there(index):
    with pytest.raises(IndexError, match=f"no detection {index}; there are 3"):
        make()[index]


def test_a_part_keeps_what_is_known_of_the_image():
    found = make()
    indices = (
        found.scores > 0.6, slice(0, 2), torch.tensor([0, 1]), [0, 1], [True, True, False], np.array([0, 1]),
        (found.scores > 0.6).numpy(), found.labels < 2,
    )  # fmt: skip
    for index in indices:
        part = found[index]
        assert len(part) == 2 and torch.equal(part.boxes, found.boxes[:2])
        assert (part.names, part.image_size, part.source, part.times) == (NAMES, SIZE, "dog.jpg", {"network": 7.0})
    assert len(found[:0]) == len(found[[]]) == len(found[found.scores > 2]) == 0
    assert found[found.scores.argmin()] == found[2:]  # a tensor always gives a part


@pytest.mark.parametrize("index", [True, "person", torch.ones(2, dtype=torch.bool)])
def test_what_chooses_nothing_is_refused(index):
    with pytest.raises((TypeError, IndexError)):
        make()[index]


def test_equal_is_what_was_found_not_how_it_came_about():
    found = make()
    assert found == make() and found == Detections(found.boxes, found.scores, found.labels, NAMES, SIZE)
    assert [found] == [make()] and found != make(2) and found != "3 boxes"
    others = (
        Detections(found.boxes + 0.001, found.scores, found.labels, NAMES, SIZE),
        Detections(found.boxes, found.scores / 2, found.labels, NAMES, SIZE),
        Detections(found.boxes, found.scores, found.labels.flip(0), NAMES, SIZE),
        Detections(found.boxes, found.scores, found.labels, ("cat", "dog"), SIZE),
        Detections(found.boxes, found.scores, found.labels, NAMES, (80, 60)),
    )
    assert all(found != other for other in others)


def test_a_label_without_a_name_is_told_by_its_number():
    found = make()
    assert [found.name_of(label) for label in found.labels.tolist()] == ["person", "dog", "2"]
    assert Detections.empty().name_of(0) == "0"


def test_empty_detections_and_those_in_main_memory():
    nothing = Detections.empty(("cat",))
    assert len(nothing) == 0 and nothing.names == ("cat",) and nothing.labels.dtype == torch.int64
    assert list(nothing) == nothing.to_dicts() == nothing.to_coco(1) == []
    found = make().cpu()
    assert found.boxes.device.type == "cpu" and found == make() and found.source == "dog.jpg"


def test_drawn_on_what_is_given_in_any_form(image: Path):
    pixels = read_image(image)
    drawn = make().draw(pixels)
    assert drawn.shape == pixels.shape and (drawn != pixels).any()
    for given in (image, str(image), image.read_bytes(), Image.open(image)):
        assert (make().draw(given) == drawn).all()
    assert (make(0).draw(pixels) == pixels).all()


def test_drawn_on_its_own_file_and_saved(image: Path, tmp_path: Path):
    found = Detections(make().boxes, make().scores, make().labels, NAMES, SIZE, str(image))
    found.save(tmp_path / "drawn.png")
    assert (read_image(tmp_path / "drawn.png") == found.draw(image)).all()
    make().save(str(tmp_path / "other.png"), image)
    assert (tmp_path / "other.png").read_bytes() == (tmp_path / "drawn.png").read_bytes()


def test_they_are_not_changed():
    with pytest.raises(FrozenInstanceError):
        make().scores = torch.zeros(3)  # type: ignore[misc]
    with pytest.raises(TypeError, match="unhashable"):
        hash(make())


def test_what_cannot_be_drawn_or_saved_is_told(image: Path, tmp_path: Path):
    with pytest.raises(UserError, match=r"do not know their image; give it: draw\(image\)"):
        Detections.empty().draw()
    with pytest.raises(UserError, match=r"the image is 5x4, these detections are of one of 80x60 \(width x height\)"):
        make().draw(np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(UserError, match=r"images are written as"):
        make().save(tmp_path / "drawn.xyz", image)
    with pytest.raises(UserError, match=r"dog\.jpg: does not exist"):
        make().draw()


def test_plain_values():
    first, *_ = make().to_dicts()
    assert first == {"class": 0, "name": "person", "score": 0.9, "box": [1.0, 2.0, 31.0, 42.0]}


def test_cocos_results():
    found = make(2)
    assert found.to_coco()[1] == {"image_id": "dog", "category_id": 1, "bbox": [2.0, 3.0, 30.0, 40.0], "score": 0.5}
    assert [row["category_id"] for row in found.to_coco(139, (1, 18))] == [1, 18]
    assert found.to_coco(139)[0]["image_id"] == 139
    with pytest.raises(UserError, match="class 1 has no category id; 1 are given"):
        found.to_coco(139, (1,))
    with pytest.raises(UserError, match=r"give its number: to_coco\(image_id\)"):
        Detections.empty().to_coco()


@pytest.mark.parametrize("count", [0, 3])
def test_as_an_array(count: int):
    found = make(count)
    array = found.to_numpy()
    assert array.shape == (count, 6) and array.dtype == np.float32
    for row, one in zip(array.tolist(), found):
        assert row == pytest.approx([*one.box, one.score, one.label])


@pytest.mark.parametrize("name", ["pandas", "supervision"])
def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        UserError, match=f"to_{name} needs the package {name}, which is not installed: pip install {name}"
    ):
        getattr(make(), f"to_{name}")()


def test_a_library_that_is_broken_is_not_called_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "pandas.py").write_text("import a_module_that_nobody_has")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has"):
        make().to_pandas()


@pytest.mark.parametrize("count", [0, 3])
def test_as_a_table_of_pandas(count: int):
    pandas = pytest.importorskip("pandas")
    table = make(count).to_pandas()
    assert isinstance(table, pandas.DataFrame) and len(table) == count
    assert list(table.columns) == ["class", "name", "score", "left", "top", "right", "bottom"]
    if count:
        assert table["name"].tolist() == ["person", "dog", "2"] and table["bottom"].tolist() == [42.0, 43.0, 44.0]


@pytest.mark.parametrize("count", [0, 3])
def test_as_detections_of_supervision(count: int):
    supervision = pytest.importorskip("supervision")
    theirs = make(count).to_supervision()
    assert isinstance(theirs, supervision.Detections) and len(theirs) == count
    assert theirs.class_id.tolist() == [0, 1, 2][:count]
    assert np.allclose(theirs.xyxy, make(count).boxes) and np.allclose(theirs.confidence, make(count).scores)
    assert theirs.data["class_name"].tolist() == ["person", "dog", "2"][:count]
