"""Frames of every source go through the detector in batches and into every output, in order, until there are no more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from yolov3.inference.delivery import Delivery, Tally
from yolov3.inference.detector import Detector
from yolov3.inference.loop import DetectionLoop
from yolov3.outputs.json_file import JsonFile
from yolov3.outputs.output import Output, Result, StopDetecting
from yolov3.sources.find import find_items
from yolov3.sources.frames import SourceError
from yolov3.sources.items import DataItem, ImageItem, StreamItem, VideoItem, WebItem
from yolov3.sources.stream_options import StreamOptions
from yolov3.watching.watcher import Watcher


class Collected(Output):
    """Keeps what it is given, and wants no more after so many."""

    def __init__(self, most: int | None = None) -> None:
        self.results: list[Result] = []
        self.ended: list[str] = []
        self.most = most

    def write(self, result: Result) -> None:
        self.results.append(result)
        if len(self.results) == self.most:
            raise StopDetecting

    def end(self, name: str) -> None:
        self.ended.append(name)


class Told(Watcher):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.advances: list[tuple[int, int | None]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
        self.advances.append((done, total))


@pytest.fixture
def make_loop(weights):
    """A loop with its parts: the detector, an output that collects, one who is told, a tally."""

    def make(*outputs: Output, batch_size: int = 2, **more: Any) -> DetectionLoop:
        detector = Detector(weights, confidence=0.3, device="cpu")
        delivery = Delivery(outputs or (Collected(),), Told(), Tally(), detector.times)
        return DetectionLoop(detector, delivery, batch_size, **more)

    return make


@pytest.fixture
def items(images, video) -> list:
    paths = sorted(images.iterdir())
    return [ImageItem(paths[0]), ImageItem(paths[1]), VideoItem(video), ImageItem(paths[2])]


def test_every_frame_comes_once_in_order_with_the_name_of_its_source(make_loop, items, video):
    output = Collected()
    loop = make_loop(output)
    loop.run(items)
    names = [result.file_stem for result in output.results]
    assert names == ["000001", "000002", *(f"shapes_{number:06d}" for number in range(13)), "000003"]
    assert [result.rate for result in output.results] == [None] * 2 + [pytest.approx(12.5)] * 13 + [None]
    assert output.ended == ["shapes"]
    assert loop.delivery.tally.frames == loop.detector.times.images == 16 and not loop.delivery.tally.stopped
    assert loop.delivery.tally.problems == loop.delivery.tally.damaged == []


def test_what_is_found_is_what_the_detector_finds_alone(make_loop, items):
    output = Collected()
    loop = make_loop(output, batch_size=3)
    loop.run(items)
    total = 0
    for result in output.results:
        alone = loop.detector(result.frame.image)
        assert result.detections.labels.tolist() == alone.labels.tolist()
        assert result.detections.boxes.numpy() == pytest.approx(alone.boxes.numpy(), abs=1e-2)
        total += len(alone)
    assert sum(loop.delivery.tally.boxes.values()) == total > 0
    assert set(loop.delivery.tally.boxes) <= set(loop.detector.names)


@pytest.mark.parametrize(("batch_size", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (8, [5])])
def test_images_go_in_batches(make_loop, images, batch_size, sizes, monkeypatch):
    loop = make_loop(batch_size=batch_size)
    seen = []
    whole = loop.detector.detect_prepared
    monkeypatch.setattr(
        loop.detector, "detect_prepared", lambda batch, *rest: seen.append(len(batch)) or whole(batch, *rest)
    )
    loop.run(find_items(str(images)).items)
    assert seen == sizes


def test_what_is_watched_as_it_happens_goes_one_by_one(make_loop, video, monkeypatch):
    loop = make_loop(batch_size=4)
    seen = []
    whole = loop.detector.detect_prepared
    monkeypatch.setattr(
        loop.detector, "detect_prepared", lambda batch, *rest: seen.append(len(batch)) or whole(batch, *rest)
    )
    loop.run([StreamItem(str(video))])
    assert seen == [1] * 13


def test_a_limit_counts_for_each_video_and_not_for_images(make_loop, items, video):
    output = Collected()
    make_loop(output, batch_size=4, max_frames=3).run([*items, VideoItem(video)])
    assert [result.frame.index for result in output.results] == [None, None, 0, 1, 2, None, 0, 1, 2]
    assert output.ended == ["shapes", "shapes-2"], "the second does not overwrite the first"


def test_an_output_that_wants_no_more_ends_it_and_the_others_get_that_frame_too(make_loop, items, tmp_path):
    stopping, other = Collected(most=4), Collected()
    with JsonFile(tmp_path) as file:
        loop = make_loop(other, stopping, file)
        loop.run(items)
    assert loop.delivery.tally.stopped and loop.delivery.tally.frames == 4
    assert len(stopping.results) == len(other.results) == 4
    assert len(json.loads((tmp_path / "detections.json").read_text())) == 4
    assert stopping.ended == ["shapes"]  # so that its video is finished


def test_what_cannot_be_used_is_told_counted_and_passed_over(make_loop, images, video, tmp_path):
    first, second = sorted(images.iterdir())[:2]
    content = first.read_bytes()
    files = {"bad.jpg": b"no picture", "cut.jpg": content[: len(content) // 2], "bad.mp4": b"no video"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    items = [
        ImageItem(first), ImageItem(tmp_path / "bad.jpg"), ImageItem(tmp_path / "cut.jpg"), VideoItem(tmp_path / "bad.mp4"),
        VideoItem(tmp_path / "none.mp4"), ImageItem(second),
    ]  # fmt: skip
    output = Collected()
    loop = make_loop(output)
    loop.run(items)
    assert [Path(result.frame.source).name for result in output.results] == [first.name, "cut.jpg", second.name]
    assert loop.delivery.tally.problems == [
        f"{tmp_path}/bad.jpg: not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)",
        f"{tmp_path}/bad.mp4: not readable as a video (damaged, cut off or of an unknown kind)",
        f"{tmp_path}/none.mp4: does not exist",
    ]
    assert loop.delivery.tally.damaged == [f"{tmp_path}/cut.jpg: the file is cut off; what there is was looked at"]
    told = [f"warning: not used: {line}" for line in loop.delivery.tally.problems] + [
        f"warning: damaged: {line}" for line in loop.delivery.tally.damaged
    ]
    assert sorted(loop.delivery.watcher.lines) == sorted(told)


def test_a_stream_that_cannot_be_opened_is_an_error(make_loop):
    with pytest.raises(SourceError, match="camera 98: cannot be opened"):
        make_loop().run([StreamItem(98)])


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (ImageItem(Path("none.jpg")), "none.jpg: does not exist"),
        (VideoItem(Path("none.mp4")), "none.mp4: does not exist"),
        (DataItem(b"\0", "stdin"), "stdin: not an image"),
        (WebItem("http://ada:geheim@127.0.0.1:9/a.jpg"), "http://127.0.0.1:9/a.jpg: cannot be fetched"),
        (StreamItem("rtsp://ada:geheim@127.0.0.1:9/a"), "rtsp://127.0.0.1:9/a: cannot be opened"),
    ],
)
def test_what_cannot_be_used_is_an_error_where_it_is_all_there_is(make_loop, images, item, message):
    loop = make_loop()
    with pytest.raises(SourceError, match=f"^{message}"):
        loop.run([item])
    assert loop.delivery.watcher.lines == [], "it is told once"
    output = Collected()
    loop = make_loop(output)
    loop.run([item, ImageItem(sorted(images.iterdir())[0])])
    (problem,) = loop.delivery.tally.problems
    assert len(output.results) == 1 and problem.startswith(message)
    assert loop.delivery.watcher.lines == [f"warning: not used: {problem}"]


def test_progress_knows_the_end_where_there_is_one(make_loop, images, video):
    loop = make_loop(batch_size=4)
    loop.run(find_items(str(images)).items)
    assert loop.delivery.watcher.advances == [(number, 5) for number in range(1, 6)]
    loop = make_loop(batch_size=4)
    loop.run([VideoItem(video), ImageItem(sorted(images.iterdir())[0]), VideoItem(video)])
    assert loop.delivery.watcher.advances[:13] == [(number, 13) for number in range(1, 14)]
    assert loop.delivery.watcher.advances[13] == (14, None)
    assert loop.delivery.watcher.advances[14:] == [(number, 27) for number in range(15, 28)]


def test_outputs_are_finished_and_left_by_whoever_opened_them(make_loop, items):
    class Broken(Collected):
        def write(self, result: Result) -> None:
            raise OSError("disk")

    output = Broken()
    with pytest.raises(OSError, match="disk"):
        make_loop(output).run([items[2]])
    assert output.ended == ["shapes"]


def test_the_time_of_reading_and_writing_is_counted(make_loop, items):
    loop = make_loop()
    loop.run(items)
    times = loop.detector.times
    assert min(times.reading, times.fitting, times.network, times.selecting, times.writing) > 0


def test_nothing_to_go_through(make_loop):
    loop = make_loop()
    loop.run([])
    assert loop.delivery.tally == Tally() and replace(loop, delivery=replace(loop.delivery, outputs=())).run([]) is None


def test_what_is_live_comes_after_all_that_has_an_end_and_together(make_loop, items, cameras):
    made, addresses = cameras(30.0, 30.0)
    output = Collected()
    loop = make_loop(output, batch_size=4, max_frames=3)
    loop.run([WebItem(addresses[0]), items[0], StreamItem(addresses[1]), *items[1:3]])
    sources = [result.frame.source for result in output.results]
    files = [str(item.path) for item in (items[0], items[1], *[items[2]] * 3)]
    assert sources[:5] == files and sorted(sources[5:]) == sorted(addresses * 3)
    assert [result.delay is None for result in output.results] == [True] * 5 + [False] * 6
    assert made[0].connections == 2, "it was asked what it is"
    assert list(loop.delivery.tally.streams) == addresses and loop.delivery.tally.problems == []


def test_recordings_are_played_where_that_is_wanted(make_loop, items, video):
    loop = make_loop(streams=StreamOptions(realtime=True, frames="every"))
    loop.run([items[0], VideoItem(video), VideoItem(video)])
    assert [counts.frames for counts in loop.delivery.tally.streams.values()] == [13, 13]
    assert loop.delivery.tally.frames == 27
