"""A reader keeps the newest frame or lets its source wait; nobody waits for it."""

from __future__ import annotations

import threading
import time

import pytest

from yolov3.sources.frames import Note, SourceError
from yolov3.sources.stream_options import StreamOptions
from yolov3.streams import reader as module
from yolov3.streams.reader import QUEUED, StreamReader


@pytest.fixture
def read(fed):
    """A source and a reader of it that has begun."""
    begun = []

    def begin(frames=None, source=None, **options):
        source = source or fed()
        changed = threading.Condition()
        reader = StreamReader(source, StreamOptions(frames, **options), changed)
        reader.start()
        begun.append((reader, changed))
        return source, reader, changed

    yield begin
    for reader, changed in begun:
        with changed:
            reader.leave()
        reader.join(10)


def taken(reader: StreamReader, changed: threading.Condition) -> tuple[int, int, int | None]:
    with changed:
        frame = reader.take()
    return int(frame.image[0, 0, 0]), frame.passed_over, frame.index


def test_the_newest_is_kept_and_the_others_are_counted(read, until):
    source, reader, changed = read()
    source.feed(1, 2, 3)
    until(lambda: source.given == 3)
    assert taken(reader, changed) == (3, 2, 2) and not reader.has_frame
    source.feed(4)
    until(lambda: reader.has_frame)
    assert taken(reader, changed) == (4, 0, 3) and reader.has_begun


def test_every_frame_is_kept_and_the_source_waits(read, until):
    source, reader, changed = read("every")
    source.feed(*range(30))
    until(lambda: source.given == QUEUED)
    time.sleep(0.1)
    assert source.given == QUEUED, "no more are read than have room"
    seen = []
    while len(seen) < 30:
        until(lambda: reader.has_frame)
        seen.append(taken(reader, changed))
    assert seen == [(number, 0, number) for number in range(30)]


def test_what_waits_is_read_to_the_last_frame_unless_the_newest_is_wanted(read, until, fed):
    source, reader, changed = read(source=fed(waits=True))
    source.feed(1, 2, 3)
    source.stop()
    until(lambda: reader._read)
    assert not reader.has_ended, "there are still frames to take"
    assert [taken(reader, changed)[0] for _ in range(3)] == [1, 2, 3] and reader.has_ended
    source, reader, changed = read("newest", fed(waits=True))
    source.feed(1, 2, 3)
    source.stop()
    until(lambda: reader._read)
    assert taken(reader, changed) == (3, 2, 2) and reader.has_ended


def test_its_own_thread_opens_and_closes(read, until):
    source, reader, _ = read()
    source.stop()
    until(lambda: reader.has_ended)
    assert source.released == "reader of camera" and reader.failure is None and not reader.has_begun


@pytest.mark.parametrize("error", [SourceError("camera: broken"), KeyError("unforeseen")])
def test_what_ends_it_is_kept(read, until, error):
    source, reader, _ = read()
    source.things.put(error)
    until(lambda: reader.has_ended)
    assert reader.failure is error and source.released


def test_who_leaves_wakes_a_reader_that_waits_for_room(read, until):
    source, reader, changed = read("every")
    source.feed(*range(QUEUED + 2))
    until(lambda: source.given == QUEUED)
    with changed:
        reader.leave()
    reader.join(10)
    assert source.released and reader.has_ended and not reader.has_frame and reader.failure is None


def test_a_library_that_never_returns_is_given_up(read, until, monkeypatch):
    source, reader, changed = read()
    stuck = threading.Event()
    source.things.put(lambda: stuck.wait(60))
    until(source.things.empty)
    source.calling_since = 100.0
    with changed:
        reader.give_up_stuck(100.0 + module.STUCK_SECONDS)
        assert not reader.has_ended
        reader.give_up_stuck(101.0 + module.STUCK_SECONDS)
        assert reader.has_ended and str(reader.failure) == "camera: has not answered for 1 min 1 s"
    start = time.monotonic()
    reader.join(0.01)
    assert time.monotonic() - start < 5 and source.released is None
    stuck.set()


def test_an_image_that_stands_still_is_told_once_and_that_it_moves_again(read, until):
    source, reader, _ = read(frozen_after=0.15)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        source.feed(7)
        time.sleep(0.01)
    until(source.things.empty)
    frozen = Note("camera: frozen: the same image for 0 s")
    assert list(reader.notes) == [frozen] and reader.frozen == 1
    source.feed(8, 9)
    until(lambda: len(reader.notes) == 2)
    assert reader.notes[1] == Note("camera: the image moves again", warning=False)


def test_a_file_may_stand_still(read, until, fed):
    source = fed(waits=True)
    source.length = 100
    source, reader, _ = read("newest", source, frozen_after=0.0)
    source.feed(*[7] * 20)
    until(lambda: source.given == 20)
    assert not reader.notes and not reader.frozen


def test_what_is_told_does_not_pile_up(read):
    source, reader, _ = read()
    for number in range(module.MOST_NOTES + 50):
        source.tell(Note(str(number)))
    assert len(reader.notes) == module.MOST_NOTES and reader.notes[-1].line == str(module.MOST_NOTES + 49)
