"""The detector from Python: any way of giving an image gives the same detections."""

from __future__ import annotations

import itertools
import logging
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolov3 import Detector, UserError, load_model
from yolov3.boxes import iou_matrix
from yolov3.detections import Detections
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.geometry import Geometry
from yolov3.images.files import read_image
from yolov3.inference.detector import AT_ONCE
from yolov3.inference.options import DetectorOptions
from yolov3.selecting.postprocess import postprocess
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
    with pytest.raises(UserError, match="an image must"):
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


def test_bytes_and_pillow_images_too(weights, images):
    detector = Detector(weights, confidence=0.3)
    path = sorted(images.iterdir())[0]
    expected = detector(path)
    with Image.open(path) as pillow:
        found = detector([str(path), path.read_bytes(), pillow, read_image(path)])
    assert len(expected) and all(same(each, expected) for each in found)
    assert [each.source for each in found] == [str(path), None, None, None]


def test_colours_are_red_green_blue(weights, images):
    detector = Detector(weights, confidence=0.05)
    path = sorted(images.iterdir())[0]
    assert detector(read_image(path)) == detector(path)
    assert detector(np.ascontiguousarray(read_image(path)[..., ::-1])) != detector(path)


def test_detections_know_their_image(weights, images):
    path = sorted(images.iterdir())[0]
    found = Detector(weights)(path)
    assert found.image_size == read_image(path).shape[:2] and found.source == str(path)
    assert found.names == ("ball", "box", "star", "ring", "cone", "capsule")
    assert set(found.times) == {"reading", "fitting", "network", "selecting"} and min(found.times.values()) > 0


def test_long_lists_go_in_parts_in_their_order(weights, images):
    detector = Detector(weights, confidence=0.3)
    paths = sorted(images.iterdir()) * 4
    assert len(paths) > 2 * AT_ONCE
    found = detector(tuple(paths))
    assert [each.source for each in found] == [str(path) for path in paths]
    assert all(same(each, detector(path)) for each, path in zip(found, paths))
    assert detector.times.images == 2 * len(paths)


def test_thresholds_of_a_call(weights, images):
    path = sorted(images.iterdir())[0]
    detector = Detector(weights, confidence=0.05, device="cpu")
    changes = {"confidence": 0.4, "nms_threshold": 0.2, "max_detections": 3, "class_agnostic": True}
    for name, value in changes.items():
        other = Detector(weights, confidence=0.05, device="cpu")
        other.selection = Detector(weights, DetectorOptions(confidence=0.05), **{name: value}).selection
        assert detector(path, **{name: value}) == other(path) != detector(path), name
    assert set(detector(path, classes=["ring"]).labels.tolist()) == {3}
    assert [set(found.labels.tolist()) for found in detector([path], classes=[3])] == [{3}]
    assert set(detector(path).labels.tolist()) != {3}, "the next call is as before"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"confidence": 2.0}, UserError, r"confidence must lie in \[0, 1\], found 2.0"),
        ({"classes": ["rign"]}, UserError, "no class 'rign'; the model has 6 classes"),
        ({"device": "cpu"}, TypeError, "device cannot differ from call to call; what can: .*confidence"),
        ({"conf": 0.3}, TypeError, "conf cannot differ from call to call"),
    ],
)
def test_wrong_changes_of_a_call(weights, images, changes, error, message):
    detector, path = Detector(weights), sorted(images.iterdir())[0]
    for call in (lambda: detector(path, **changes), lambda: detector.folder(images, **changes)):
        with pytest.raises(error, match=message):
            call()
    with pytest.raises(error, match=message):  # at once, not with the first frame
        detector.stream(path, **changes)


def test_a_folder(weights, images, video, tmp_path, caplog):
    detector = Detector(weights, confidence=0.3)
    paths = sorted(images.iterdir())
    shutil.copy(paths[0], tmp_path / "b.jpg")
    (tmp_path / "below").mkdir()
    shutil.copy(paths[1], tmp_path / "below" / "a.jpg")
    shutil.copy(video, tmp_path / "video.mp4")
    (tmp_path / "bad.jpg").write_text("text")
    with caplog.at_level(logging.WARNING):
        found = detector.folder(tmp_path)
    assert [each.source for each in found] == [str(tmp_path / "b.jpg"), str(tmp_path / "below" / "a.jpg")]
    assert all(same(each, detector(path)) for each, path in zip(found, paths))
    assert caplog.messages == [
        f"not used: {tmp_path}/bad.jpg: not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)"
    ]


def test_folders_videos_and_what_is_neither(weights, images, video, tmp_path):
    detector = Detector(weights)
    with pytest.raises(UserError, match=r"a folder; folder\(\) looks at its images"):
        detector(images)
    with pytest.raises(UserError, match=r"a video; stream\(\) goes through its frames"):
        detector(str(video))
    with pytest.raises(UserError, match="not a folder"):
        detector.folder(video)
    shutil.copy(video, tmp_path / "video.mp4")
    with pytest.raises(UserError, match=r"no images in this folder or below it; stream\(\) takes videos"):
        detector.folder(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        detector.stream(tmp_path / "none.mp4")
    (tmp_path / "bad.mp4").write_text("no video")
    with pytest.raises(UserError, match="not readable as a video"):
        next(detector.stream(tmp_path / "bad.mp4"))


def test_a_video_frame_by_frame(weights, video):
    detector = Detector(weights, confidence=0.3)
    seen = list(detector.stream(video))
    assert [frame.index for frame, _ in seen] == list(range(13))
    for frame, found in seen:
        assert isinstance(found, Detections) and same(found, detector(frame.image))
        assert found.source == frame.source == str(video) and found.image_size == frame.image.shape[:2]
    frame, found = seen[0]
    assert found.draw(frame.image).shape == frame.image.shape
    with pytest.raises(UserError, match=r"give the image: draw\(image\)"):
        found.draw()


def test_a_stream_can_be_left(weights, video, images, tmp_path, caplog):
    stream = Detector(weights).stream(str(video))
    assert next(stream)[0].index == 0
    stream.close()
    names = tmp_path / "list.txt"
    (tmp_path / "bad.mp4").write_text("no video")
    cut = sorted(images.iterdir())[0].read_bytes()
    (tmp_path / "cut.jpg").write_bytes(cut[: len(cut) * 3 // 4])
    names.write_text(f"bad.mp4\ncut.jpg\n{video}\n")
    with caplog.at_level(logging.WARNING):
        seen = list(Detector(weights).stream(names, confidence=0.4))
    assert len(seen) == 14 and seen[0][0].damaged
    assert [message.partition(": ")[0] for message in caplog.messages] == ["not used", str(tmp_path / "cut.jpg")]


def test_the_network_is_used_when_it_is_asked_for(weights, images, web, page):
    path = sorted(images.iterdir())[0]
    web.pages = {"a.jpg": page("image/jpeg", path.read_bytes()), "live": page("multipart/x-mixed-replace; boundary=x")}
    address = web.address("a.jpg?token=secret", "user:secret")
    detector = Detector(weights, confidence=0.3)
    for given in (address, "rtsp://user:secret@example.org/live"):
        for call in (detector, detector.stream):
            with pytest.raises(UserError, match="an address on the network; allow_network=True fetches it") as told:
                call(given)
            assert "secret" not in str(told.value)
    assert not web.asked
    detector = Detector(weights, confidence=0.3, allow_network=True)
    (found,) = detector([address])
    assert web.asked == ["a.jpg"] and same(found, detector(path))
    assert found.source is not None and "secret" not in found.source and found.source.endswith("a.jpg?token=***")
    with pytest.raises(UserError, match=r"gone\.jpg: answers 404 Not Found"):
        detector(web.address("gone.jpg"))
    with pytest.raises(UserError, match=r"live: a stream; stream\(\) goes through its frames"):
        detector(web.address("live"))


def test_a_list_of_one_form_or_of_many_may_be_given(weights, images):
    paths: list[str | Path] = [str(path) for path in sorted(images.iterdir())]
    assert len(Detector(weights)([paths[0], Path(paths[1])])) == 2


def wide_and_high() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [
        generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((40, 160), (96, 128), (50, 200), (120, 60))
    ]


def test_rectangular_inputs_are_as_small_as_images_need_and_answers_keep_their_order(weights, monkeypatch):
    detector, images = Detector(weights, rect=True, confidence=0.2), wide_and_high()
    sizes = []
    compute = type(detector.runtime).__call__

    def watched(runtime, batch):
        assert batch.permute(0, 2, 3, 1).is_contiguous() and batch.dtype == torch.uint8
        sizes.append(tuple(batch.shape))
        return compute(runtime, batch)

    monkeypatch.setattr(type(detector.runtime), "__call__", watched)
    together = detector(images)
    assert sizes == [(2, 3, 32, 128), (1, 3, 96, 128), (1, 3, 96, 64)]
    assert [found.image_size for found in together] == [image.shape[:2] for image in images]
    assert all(same(found, detector(image), 1e-2) for found, image in zip(together, images))
    assert same(together[1], Detector(weights, confidence=0.2)(images[1]))  # it fills the input


def test_rectangular_inputs_are_refused_where_images_are_stretched(weights):
    with pytest.raises(UserError, match=r"^rect is for letterboxed images, and this model stretches them"):
        Detector(weights, rect=True, fit="stretch")


@pytest.mark.shared
def test_rectangular_inputs_find_about_the_same_in_photographs(shared):
    square, rectangular = (
        Detector(shared / "darknet" / "yolo-fastest-1.1.weights", fit="letterbox", rect=rect, confidence=0.4)
        for rect in (False, True)
    )
    strong, found_again = 0, 0
    for path in sorted((shared / "images").glob("*.jpg")):
        first, second = square(path), rectangular(path)
        first = first[first.scores > 0.5]
        same_class = first.labels[:, None] == second.labels[None]
        found_again += int(((iou_matrix(first.boxes, second.boxes) * same_class) > 0.7).any(dim=1).sum())
        strong += len(first)
    assert strong > 8 and found_again >= 0.8 * strong


def test_a_live_stream_gives_the_newest_frame_when_it_is_asked(weights, cameras):
    (camera,), (address,) = cameras(50.0)
    stream = Detector(weights, device="cpu", allow_network=True).stream(address, confidence=0.9)
    frames = []
    for frame, found in stream:
        frames.append(frame)
        assert found.source == frame.source == address and 0 <= frame.age < 5
        if len(frames) == 8:
            break
        time.sleep(0.2)  # whoever uses it is slow
    stream.close()
    numbers = [camera.read(frame.image)[1] for frame in frames]
    assert [after - before - 1 for before, after in itertools.pairwise(numbers)] == [
        frame.passed_over for frame in frames[1:]
    ]
    assert sum(frame.passed_over for frame in frames[1:]) > 20
    late = [frame.captured - camera.read(frame.image)[0] for frame in frames[2:]]
    assert sorted(late)[3] < 0.1, "captured when it came, not when it was asked for"


def test_a_list_of_streams_is_gone_through_together(weights, cameras, tmp_path, caplog):
    _, addresses = cameras(40.0, 40.0)
    (tmp_path / "all.streams").write_text("\n".join([*addresses, "rtsp://ada:geheim@127.0.0.1:9/1"]))
    detector = Detector(weights, device="cpu")
    with pytest.raises(UserError, match="an address on the network"):
        detector.stream(tmp_path / "all.streams")
    detector = Detector(weights, device="cpu", allow_network=True)
    seen: set[str] = set()
    with caplog.at_level("WARNING"):
        for frame, _ in detector.stream(tmp_path / "all.streams"):
            seen.add(frame.source)
            if seen == set(addresses) and caplog.messages:
                break
    assert caplog.messages == ["not used: rtsp://127.0.0.1:9/1: cannot be opened"]
    with pytest.raises(UserError, match=r"^rtsp://127\.0\.0\.1:9/1: cannot be opened$"):
        next(detector.stream("rtsp://ada:geheim@127.0.0.1:9/1"))
