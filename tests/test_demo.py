"""The demo from end to end (a short one; the full one takes minutes): its data, its training, what there is to look at."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolov3 import UserError, load_model
from yolov3 import demo as module
from yolov3.config.loading import build_experiment
from yolov3.demo import SETTINGS, DemoOptions, DemoResult, demo
from yolov3.files.strict_yaml import read_yaml
from yolov3.shapes.dataset import CLASSES, write_shapes_dataset, write_shapes_video

VALIDATION, FRAMES, UNSEEN = 10, 24, 5


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> DemoResult:
    """A demo of a single epoch and few images."""
    with pytest.MonkeyPatch.context() as patch:
        for name, number in (("VAL_IMAGES", VALIDATION), ("VIDEO_FRAMES", FRAMES), ("UNSEEN_IMAGES", UNSEEN)):
            patch.setattr(module, name, number)
        return demo(DemoOptions(tmp_path_factory.mktemp("demo"), epochs=1, images=16, seed=3))


def test_the_new_images_have_their_boxes(shown):
    drawn = sorted(path.name for path in shown.images.glob("*.jpg"))
    assert drawn == [f"{number:06d}.jpg" for number in range(1, UNSEEN + 1)]
    assert all(cv2.imread(str(shown.images / name)).std() > 5 for name in drawn)
    assert json.loads((shown.images / "detections.json").read_text())


def frames_of(video: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(video)), []
    while (answer := capture.read())[0]:
        frames.append(answer[1])
    return frames


def test_the_video_has_all_its_frames(shown):
    assert len(frames_of(shown.video)) == FRAMES
    assert cv2.VideoCapture(str(shown.video)).get(cv2.CAP_PROP_FPS) == 20


def test_images_and_video_are_those_of_the_seed(shown, tmp_path):
    data = write_shapes_dataset(tmp_path / "shapes", train=2, val=0, unseen=1, seed=3)
    made = shown.run.parent
    for name in ("train/000001.jpg", "train/000002.jpg", "unseen/000001.jpg"):
        assert (data / name).read_bytes() == (made / "shapes" / name).read_bytes()
    video = write_shapes_video(tmp_path / "shapes.mp4", frames=3, fps=20.0, seed=3)
    assert np.array_equal(frames_of(video)[0], frames_of(made / "shapes.mp4")[0])


def test_the_training_is_that_of_the_settings(shown):
    rows = list(csv.DictReader((shown.run / "results.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1"] and rows[0]["metrics/AP"]
    settings = read_yaml(shown.run / "config.yaml")
    assert settings["model"]["anchors"] == SETTINGS["model"]["anchors"]
    assert (settings["train"]["epochs"], settings["train"]["seed"]) == (1, 3)
    model = load_model(shown.run / "weights" / "best.pt")
    assert model.names == CLASSES and model.meaning.preprocessing.size == (224, 224)


def test_the_measurement_is_that_of_the_best_weights(shown):
    written = json.loads(shown.metrics.read_text())
    assert written["coco"] == shown.evaluation.coco.as_plain()
    assert written["counts"]["images"] == VALIDATION and "best.pt" in written["settings"]["model"]
    assert (shown.metrics.parent / "predictions.json").is_file()


def test_everything_lies_in_one_folder(shown):
    folder = shown.run.parent
    assert {path.name for path in folder.iterdir()} == {
        "shapes", "shapes.mp4", "train", "evaluate", "images", "video",
    }  # fmt: skip
    assert len(list((folder / "shapes" / "train").glob("*.jpg"))) == 16


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"images": 0}, "images and epochs must be at least 1, found 0 and None"),
        ({"epochs": 0}, "images and epochs must be at least 1, found 1440 and 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers, message):
    with pytest.raises(UserError, match=message):
        DemoOptions(**numbers)


def test_the_settings_are_an_experiment():
    experiment = build_experiment(SETTINGS, "the demo")
    assert experiment.model.preprocessing.size == (224, 224) and experiment.train.epochs == 14


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        demo(DemoOptions(Path(tmp_path / "file"), epochs=1, images=1))
