"""The detector from Python: any way of giving an image gives the same detections."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3 import Detector, UserError, load_model
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.inference.detector import DetectorOptions
from yolov3.postprocess import postprocess
from yolov3.structures import ModelMeaning, Preprocessing, Suppression
from yolov3.watching.stage_times import StageTimes


def same(first, second, tolerance=1e-3) -> bool:
    return (
        len(first) == len(second)
        and torch.equal(first.labels, second.labels)
        and torch.allclose(first.boxes, second.boxes, atol=tolerance)
        and torch.allclose(first.scores, second.scores, atol=1e-5)
    )


def test_a_path_a_text_an_array_and_a_list_give_the_same(weights, images):
    detector = Detector(weights, confidence=0.3)
    paths = sorted(images.iterdir())
    alone = [detector(path) for path in paths]
    assert len(alone[0]) > 0
    assert same(detector(str(paths[0])), alone[0])
    assert same(detector(read_image(paths[0])), alone[0])
    assert all(same(a, b) for a, b in zip(detector(paths), alone))
    assert detector([]) == []


def test_boxes_lie_in_the_image_best_first_with_names(weights, images):
    found = Detector(weights, confidence=0.2)(sorted(images.iterdir())[0])
    height, width = read_image(sorted(images.iterdir())[0]).shape[:2]
    assert (found.boxes >= 0).all() and (found.boxes[:, 2] <= width).all() and (found.boxes[:, 3] <= height).all()
    assert (found.scores.diff() <= 0).all()
    assert found.name_of(int(found.labels[0])) in ("ball", "box", "star", "ring", "cone", "capsule")


def test_classes_by_name_or_number(weights, images):
    path = sorted(images.iterdir())[0]
    by_name, by_number = (Detector(weights, confidence=0.2, classes=[c])(path) for c in ("ring", 3))
    assert same(by_name, by_number) and set(by_name.labels.tolist()) == {3}
    with pytest.raises(UserError, match="no class 'rign'; the model has 6 classes: ball, box"):
        Detector(weights, classes=["rign"])


def test_limits_and_sizes(weights, images):
    path = sorted(images.iterdir())[0]
    assert len(Detector(weights, confidence=0.05, max_detections=4)(path)) == 4
    assert Detector(weights, image_size=64).preprocessing.size == (64, 64)
    for wrong in ({"image_size": 100}, {"confidence": 2.0}, {"device": "tpu"}, {"max_detections": 0}):
        with pytest.raises(UserError):
            Detector(weights, **wrong)


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), 7, np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_image_is_refused(weights, image):
    with pytest.raises(UserError, match="a picture must"):
        Detector(weights)([image])


def test_the_smallest_image(weights):
    assert Detector(weights)(np.zeros((1, 1, 3), np.uint8)).boxes.shape[1] == 4


def test_missing_weights_and_wrong_files(tmp_path, images):
    with pytest.raises(UserError, match="no such weights file"):
        Detector(tmp_path / "none.pt")
    text = tmp_path / "text.pt"
    text.write_text("<html>")
    with pytest.raises(UserError, match="web page"):
        Detector(text)
    with pytest.raises(UserError, match=r"found \.jpg"):
        Detector(sorted(images.iterdir())[0])


def test_options_are_a_record_and_keywords_are_laid_over_it(weights):
    options = DetectorOptions(confidence=0.4, nms_threshold=0.6, image_size=(64, 96), fit="stretch", device="cpu")
    detector = Detector(weights, options, confidence=0.5, class_agnostic=True)
    selection = detector.selection
    assert (selection.confidence, selection.nms_threshold, selection.class_agnostic) == (0.5, 0.6, True)
    assert detector.preprocessing == Preprocessing(size=(64, 96), fit="stretch")
    assert detector.runtime.device == "cpu" and detector.runtime.precision == "float32"


def test_a_loaded_model_does_as_well_as_its_file(weights, images):
    path = sorted(images.iterdir())[0]
    assert same(Detector(load_model(weights), confidence=0.3)(path), Detector(weights, confidence=0.3)(path))


def test_what_is_found_is_what_the_network_says_fitted_and_selected_by_hand(weights, images):
    detector = Detector(weights, confidence=0.3, device="cpu")
    array = read_image(sorted(images.iterdir())[1])
    geometry = Geometry.fit(array.shape[:2], Preprocessing(size=(96, 128)))
    fitted = torch.from_numpy(geometry.apply_image(array)).permute(2, 0, 1)[None]
    (expected,) = postprocess(detector.runtime(fitted), [geometry], detector.selection, detector.names)
    assert len(expected) and same(detector(array), expected)


def test_the_models_own_suppression_is_used(weights, tmp_path):
    model = load_model(weights)
    meaning = ModelMeaning(model.names, Preprocessing(size=(64, 64)), Suppression("diou", 0.8))
    save_checkpoint(tmp_path / "diou.pt", model.network, meaning=meaning)
    assert Detector(tmp_path / "diou.pt").selection.suppression == Suppression("diou", 0.8)


def test_a_model_without_names_knows_its_classes_by_number(weights, tmp_path, images):
    model = load_model(weights)
    save_checkpoint(tmp_path / "bare.pt", model.network, meaning=ModelMeaning((), Preprocessing(size=(96, 128))))
    found = Detector(tmp_path / "bare.pt", confidence=0.2, classes=["3"])(sorted(images.iterdir())[0])
    assert len(found) and {found.name_of(int(label)) for label in found.labels} == {"3"}
    with pytest.raises(UserError, match="no class '6'; the model has 6 classes: 0 to 5"):
        Detector(tmp_path / "bare.pt", classes=[6])


def test_times_and_images_are_counted(weights, images):
    detector = Detector(weights)
    detector(sorted(images.iterdir())[:3])
    detector(sorted(images.iterdir())[0])
    times = detector.times
    assert times.images == 4 and min(times.fitting, times.network, times.selecting) > 0


def test_what_happens_once_is_no_part_of_the_times(weights, images, monkeypatch):
    detector = Detector(weights, confidence=0.3, device="cpu")
    seen = []
    whole = detector.runtime
    monkeypatch.setattr(detector, "runtime", lambda batch: seen.append(tuple(batch.shape)) or whole(batch))
    detector.warm_up()
    assert seen == [(1, 3, 96, 128)] and detector.times == StageTimes()
    path = sorted(images.iterdir())[0]
    assert same(detector(path), Detector(weights, confidence=0.3, device="cpu")(path)) and detector.times.images == 1
