"""Names of outputs: one per source, safe on every file system, never one twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from yolov3.outputs.names import LONGEST_NAME, OutputNames, frame_name, safe_name


def test_names_are_distinct_even_without_regard_to_case():
    names = OutputNames()
    given = [names.name_of(source) for source in ("a/1.jpg", "b/1.jpg", "1.png", "A/1.JPG", "x/Été.jpg", "x/été.png")]
    assert given == ["1", "1-2", "1-3", "1-4", "Été", "été-2"]
    assert len({name.casefold() for name in given}) == 6
    assert names.name_of("b/1.jpg") == "1-2"


def test_a_name_that_looks_like_a_numbered_one_is_not_given_twice():
    names = OutputNames()
    assert [names.name_of(source) for source in ("1-2.jpg", "a/1.jpg", "b/1.jpg")] == ["1-2", "1", "1-3"]


def test_cameras_and_addresses_have_names_too():
    names = OutputNames()
    assert names.name_of("0") == "0"
    assert names.name_of("rtsp://user:secret@camera:554/live?x=1") == "live_x=1"
    assert names.name_of("http://camera:80/") == "camera_80"
    assert names.name_of("rtsp://10.0.0.7:554") == "10.0.0.7_554"
    assert names.name_of("http://host/a.b/c.jpg") == "c"


def test_a_source_that_has_ended_keeps_its_name_to_itself():
    names = OutputNames()
    assert names.name_of("a.mp4") == names.name_of("a.mp4") == "a"
    names.end("a.mp4")
    names.end("never seen.mp4")
    assert names.name_of("a.mp4") == names.name_of("a.mp4") == "a-2"


def test_no_image_is_called_as_the_frame_of_a_video():
    names = OutputNames()
    assert names.name_of("v.mp4", has_frames=True) == "v"
    assert names.name_of("a/V_000000.jpg") == "V_000000-2"
    assert names.name_of("v_1.jpg") == "v_1", "no frame is called so"
    assert names.name_of("w_1000000.jpg") == "w_1000000"
    assert names.name_of("W.avi", has_frames=True) == "W-2"
    assert names.name_of("w.jpg") == "w" and names.name_of("x_000001.jpg") == "x_000001"
    assert names.name_of("x.jpg") == "x", "two images have nothing to do with each other"


@settings(max_examples=300)
@given(
    some.lists(some.tuples(some.sampled_from(("v", "v-2", "v_000000", "v_000001", "v_000000-2", "V")), some.booleans()))
)
def test_no_two_files_of_a_frame_have_one_name(sources):
    names, stems = OutputNames(), []
    for number, (stem, is_video) in enumerate(sources):
        name = names.name_of(f"{number}/{stem}.x", has_frames=is_video)
        stems += [frame_name(name, index) for index in range(3)] if is_video else [name]
    files = [f"{stem}{crop}" for stem in stems for crop in ("", "_1", "_2")]
    assert len({file.casefold() for file in stems}) == len(stems)
    assert len({file.casefold() for file in files if file not in stems}) == 2 * len(stems)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("con", "_con"), ("aux.x", "_aux.x"), ("COM7", "_COM7"), ("console", "console"), ("a:b", "a_b"), ("", "_"),
        ("..", "_"), ("a.", "a"), (" a ", "a"), ("tab\there", "tab_here"), ("\udcff", "_"), ("a/b\\c", "a_b_c"),
        ("été 鳥", "été 鳥"), ("a .", "a"), ("a. . ", "a"), ("x" * 179 + ". y", "x" * 179),
    ],
)  # fmt: skip
def test_what_some_system_forbids_is_replaced(text, safe):
    assert safe_name(text) == safe


@settings(max_examples=500)
@given(some.text(some.one_of(some.characters(), some.sampled_from(" ./c")), max_size=300))
def test_every_text_becomes_a_name(text):
    name = safe_name(text)
    assert name and len(name.encode()) <= LONGEST_NAME + 1
    assert not set(name) & set('<>:"/\\|?*\0\t\n') and name not in (".", "..")
    assert not name.endswith((".", " "))
    assert safe_name(name) == name or len(name.encode()) > LONGEST_NAME


@given(
    some.lists(
        some.tuples(
            some.sampled_from(["a/1.jpg", "b/1.jpg", "1.png", "1-2.gif", "v.mp4", "v_000001.jpg"]), some.booleans()
        )
    )
)
@settings(max_examples=200)
def test_reserved_names_are_those_that_would_be_given(sources):
    """By whoever gives them: the same names one by one, and from another who is told them."""
    sources = [(source, source.endswith(".mp4")) for source, _ in sources]
    names, told, at_once = OutputNames(), OutputNames(), []
    reserved = names.reserve(sources)
    told.keep(zip((source for source, _ in sources), reserved))
    plain = OutputNames()
    for source, has_frames in sources:
        at_once.append(plain.name_of(source, has_frames=has_frames))
        assert names.name_of(source, has_frames=has_frames) == at_once[-1]
        assert told.name_of(source, has_frames=has_frames) == at_once[-1]
        if has_frames:
            for each in (plain, names, told):
                each.end(source)
    assert reserved == at_once


def test_what_cannot_be_used_keeps_its_name_all_the_same():
    names = OutputNames()
    names.reserve([("a/1.jpg", False), ("b/1.jpg", False)])
    assert names.name_of("b/1.jpg") == "1-2" and names.name_of("c/1.jpg") == "1-3"
