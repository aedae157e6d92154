"""What a person can mean by a source, and sources of it in order."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from yolov3.errors import UserError
from yolov3.images.files import read_image
from yolov3.sources import find
from yolov3.sources.find import find_all_items, find_items, sources_of
from yolov3.sources.frames import Frame, Unusable
from yolov3.sources.image_files import ImageFiles, ReadImages
from yolov3.sources.items import DataItem, Found, ImageItem, StreamItem, VideoItem, WebItem
from yolov3.sources.realtime import RealtimeVideo
from yolov3.sources.stream_options import StreamOptions
from yolov3.sources.streams import LiveStream
from yolov3.sources.videos import VideoFile


def test_what_sources_mean(image_paths, write_avi, tmp_path):
    video = write_avi().path
    listing = tmp_path / "list.txt"
    listing.write_text("\n".join([str(image_paths[0]), "# a comment", "", str(video)]))
    assert find_items(str(listing)).items == (ImageItem(image_paths[0]), VideoItem(video))
    assert find_items(f"{tmp_path}/*.png").items == (ImageItem(image_paths[0]), ImageItem(image_paths[3]))
    assert find_items(str(image_paths[2])).items == (ImageItem(image_paths[2]),)
    assert find_items(str(video)).items == (VideoItem(video),)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    shutil.copy(video, mixed / "b.mp4")
    shutil.copy(image_paths[0], mixed / "a.jpg")
    assert find_items(str(mixed)).items == (ImageItem(mixed / "a.jpg"), VideoItem(mixed / "b.mp4"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0", 0),
        ("12", 12),
        ("rtsp://camera/1", "rtsp://camera/1"),
        ("HTTP://camera/video.MJPG?a=*", "HTTP://camera/video.MJPG?a=*"),
        ("https://camera/live.m3u8", "https://camera/live.m3u8"),
        ("udp://@:1234", "udp://@:1234"),
    ],
)
def test_cameras_and_addresses(text, address):
    assert find_items(text) == Found((StreamItem(address),))


def test_a_file_called_as_a_camera_is_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7").write_bytes(b"")
    assert [type(item) for item in find_items("7").items] == [ImageItem]


def test_a_folder_is_gone_through_by_name_with_all_below_it(tmp_path):
    for name in ("b/2.JPG", "b/1.jpg", "a/deep/er/x.mkv", "z.png", "notes.md", "b/data.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_items(str(tmp_path))
    names = [item.path.relative_to(tmp_path).as_posix() for item in found.items]
    assert names == ["z.png", "a/deep/er/x.mkv", "b/1.jpg", "b/2.JPG"]
    assert [type(item) for item in found.items] == [ImageItem, VideoItem, ImageItem, ImageItem]
    assert found.notes == ("2 other files passed over",)


def test_a_list_of_streams_has_an_address_a_camera_or_a_video_per_line(write_avi, tmp_path, monkeypatch):
    """No address in it is asked what it is."""
    monkeypatch.chdir(tmp_path)
    write_avi("beside.mp4")
    (tmp_path / "here.mp4").write_bytes(b"")
    lines = ("# the gate", "rtsp://ada:geheim@camera/1", "", "  2 ", "http://camera/video", "here.mp4", "beside.mp4")
    (tmp_path / "set").mkdir()
    (tmp_path / "beside.mp4").rename(tmp_path / "set" / "beside.mp4")
    (tmp_path / "set" / "all.STREAMS").write_text("\n".join(lines))
    assert find_items("set/all.STREAMS").items == (
        StreamItem("rtsp://ada:geheim@camera/1"), StreamItem(2), StreamItem("http://camera/video"),
        VideoItem(Path("here.mp4")), VideoItem(Path("set/beside.mp4")),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0\nnone.mp4", "source LIST, line 2: none.mp4 does not exist"),
        ("\n# nothing\n", "source LIST: lists no streams"),
        (
            "a.jpg",
            "source LIST, line 1: a.jpg: not a video; a list of streams has addresses, cameras' numbers and videos",
        ),
        ("1\n\nftp://ada:x@h/1", "source LIST, line 3: ftp://h/1: addresses begin with rtsp"),
        ("x" * 300, "xxx: File name too long"),
    ],
)
def test_what_is_wrong_with_a_list_of_streams_is_told_with_its_line(tmp_path, content, message):
    (tmp_path / "a.jpg").write_bytes(b"")
    listing = tmp_path / "cameras.streams"
    listing.write_text(content)
    with pytest.raises(UserError, match=re.escape(message.replace("LIST", str(listing)))):
        find_items(str(listing))


def test_videos_are_played_where_that_is_wanted(tmp_path):
    items = [VideoItem(tmp_path / "a.mp4"), StreamItem(0)]
    options = StreamOptions(realtime=True, patience=3)
    played, camera = sources_of(items, ahead=1, streams=options)
    assert isinstance(played, RealtimeVideo) and played.name == str(tmp_path / "a.mp4")
    assert isinstance(camera, LiveStream) and camera.options is options


def test_what_is_no_plain_file_is_not_waited_for(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "good link.jpg").symlink_to(tmp_path / "x.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = find_items(str(tmp_path))
    assert [item.path.name for item in found.items] == ["good link.jpg", "x.jpg"]
    assert found.notes == ("2 other files passed over",)


def test_patterns_may_go_deep_and_pass_over_what_is_none(tmp_path):
    for name in ("a/1.jpg", "a/b/2.jpg", "a/b/3.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_items(f"{tmp_path}/**/*.*")
    assert [item.path.name for item in found.items] == ["1.jpg", "2.jpg"]
    assert found.notes == ("1 other file passed over",)
    odd = tmp_path / "odd[1].jpg"
    odd.write_bytes(b"")
    assert find_items(str(odd)).items == (ImageItem(odd),)


def test_a_list_names_paths_from_here_or_from_its_own_folder(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    for name in ("here.jpg", "set/beside.jpg", "set/unknown kind"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set" / "list.lst").write_text("\ufeffhere.jpg\r\n  beside.jpg  \nunknown kind\n", encoding="utf-8")
    found = find_items("set/list.lst")
    assert [item.path.as_posix() for item in found.items] == ["here.jpg", "set/beside.jpg", "set/unknown kind"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a.jpg\nb.jpg\n", "source LIST, line 2: b.jpg does not exist"),
        (b"# nothing\n\n", "source LIST: lists no images or videos"),
        (b"a.jpg\nftp://ada:x@h/1", "source LIST, line 2: ftp://h/1: addresses begin with rtsp"),
        (b"a.jpg\n" + b"x" * 300, "xxx: File name too long"),
        (b"\xff\xfe\xff", "LIST: not readable as a list of paths: not a text in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_with_its_line(tmp_path, content, message):
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(message.replace("LIST", str(tmp_path / "list.txt")))):
        find_items(str(tmp_path / "list.txt"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FOLDER/nowhere.jpg", "FOLDER/nowhere.jpg: does not exist"),
        ("FOLDER/*.nothing", "no image or video matches this pattern"),
        ("FOLDER/*.md", "no image or video matches this pattern"),
        ("FOLDER", "no images or videos in this folder or below it (1 other file)"),
        ("FOLDER/link", "a link that leads nowhere"),
        ("a\0b", "source 'a\\x00b': not a path, a pattern, a camera's number or an address"),
        ("", "source '': not a path"),
        ("1234", "1234: does not exist"),
        ("x" * 300, "xxx: File name too long"),
        ("ftp://ada:geheim@host/a.jpg", "source ftp://host/a.jpg: addresses begin with rtsp, rtsps, rtmp, http, https"),
    ],
)
def test_what_is_not_there_is_told(tmp_path, text, message):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.md").write_text("")
    if text.endswith("link"):
        (folder / "link").symlink_to(folder / "nowhere")
    with pytest.raises(UserError, match=re.escape(message.replace("FOLDER", str(folder)))):
        find_items(text.replace("FOLDER", str(folder)))


def test_images_that_follow_each_other_are_one_source(tmp_path):
    a, b, c, d = (tmp_path / name for name in "abcd")
    items = [ImageItem(a), ImageItem(b), VideoItem(c), VideoItem(c), StreamItem(0), ImageItem(d)]
    sources = list(sources_of(items, ahead=5))
    assert [type(source) for source in sources] == [ImageFiles, VideoFile, VideoFile, LiveStream, ImageFiles]
    assert sources[0].paths == [a, b] and sources[0].ahead == 5 and sources[4].paths == [d]
    assert (sources[1].path, sources[3].address) == (c, 0)
    assert list(sources_of([], ahead=1)) == []


def test_an_address_of_the_web_is_asked_what_it_is_unless_it_says_so(tmp_path):
    for address in ("http://host/a.jpg", "HTTPS://ada:geheim@host/snapshot?x=1", "http://host"):
        assert find_items(address) == Found((WebItem(address),))
    for address in ("http://host/a.mp4", "https://host/live.m3u8", "rtsp://host/a.jpg"):
        assert find_items(address) == Found((StreamItem(address),))


def test_several_sources_are_one_after_the_other(image_paths, write_avi, tmp_path):
    video = write_avi().path
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("")
    shutil.copy(image_paths[0], tmp_path / "notes" / "x.png")
    found = find_all_items([str(image_paths[1]), "0", str(tmp_path / "notes"), str(video), str(image_paths[1])])
    assert found.items == (
        ImageItem(image_paths[1]), StreamItem(0), ImageItem(tmp_path / "notes" / "x.png"), VideoItem(video),
        ImageItem(image_paths[1]),
    )  # fmt: skip
    assert found.notes == ("1 other file passed over",)
    with pytest.raises(UserError, match=r"nowhere\.jpg: does not exist"):
        find_all_items([str(image_paths[1]), "nowhere.jpg"])
    with pytest.raises(UserError, match=r"^no source: nothing to look at$"):
        find_all_items([])
    with pytest.raises(UserError, match=r"^source -: the standard input can be read once$"):
        find_all_items(["-", str(video), "-"])


def test_a_list_may_hold_addresses(image_paths, tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text(f"rtsp://ada:geheim@camera/1\n{image_paths[0].name}\nhttps://host/a.jpg?x=#1\n")
    assert find_items(str(listing)).items == (
        StreamItem("rtsp://ada:geheim@camera/1"), ImageItem(image_paths[0]), WebItem("https://host/a.jpg?x=#1"),
    )  # fmt: skip


@pytest.fixture
def standard_input(monkeypatch):
    """Lets bytes come on the standard input."""
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_the_standard_input_may_be_a_list(image_paths, standard_input, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = Path(os.fsdecode(b"\xe9t\xe9.jpg"))  # a name that is no UTF-8
    shutil.copy(image_paths[1], odd)
    standard_input(b"# images\r\n0.png\r\n\n" + os.fsencode(odd) + b"\nhttp://host/a\nBM.jpg")
    shutil.copy(image_paths[1], "BM.jpg")
    assert find_items("-").items == (
        ImageItem(Path("0.png")), ImageItem(odd), WebItem("http://host/a"), ImageItem(Path("BM.jpg")),
    )  # fmt: skip


def test_the_standard_input_may_be_an_image(image_paths, standard_input):
    for path in image_paths:
        standard_input(path.read_bytes())
        (item,) = find_items("-").items
        assert item == DataItem(path.read_bytes(), "stdin")
        (source,) = sources_of([item], ahead=2)
        (frame,) = source
        assert isinstance(frame, Frame) and frame.source == "stdin"
        np.testing.assert_array_equal(frame.image, read_image(path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "source -: nothing came on the standard input"),
        (b"\n \n", "source -: lists no images or videos"),
        (b"none.jpg\n", "source -, line 1: none.jpg does not exist"),
    ],
)
def test_what_is_wrong_with_the_standard_input_is_told(standard_input, data, message):
    standard_input(data)
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        find_items("-")


def test_there_may_be_no_standard_input(monkeypatch, standard_input):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match=r"^source -: there is no standard input$"):
        find_items("-")
    standard_input(bytes(1001))
    monkeypatch.setattr(find, "MAXIMUM_BYTES", 1000)
    with pytest.raises(UserError, match=r"^source -: more than 1000 bytes on the standard input$"):
        find_items("-")


def test_bytes_that_are_no_image_are_told_in_their_place():
    (source,) = sources_of([DataItem(b"\0\1\2", "stdin")], ahead=2)
    assert list(source) == [Unusable("stdin: not an image (JPEG, PNG, BMP, GIF, WebP and TIFF are read)")]


def test_addresses_are_images_and_streams_in_their_order(web, page, image_paths):
    jpeg = image_paths[1].read_bytes()
    for name in ("a.jpg", "b", "c.jpg"):
        web.pages[name] = page("image/jpeg", jpeg)
    web.pages["live"] = page("multipart/x-mixed-replace; boundary=frame", jpeg, frames=1000, pause=0.01)
    names = ["a.jpg", "b", "gone.jpg", "live", "live", "c.jpg"]
    sources = sources_of([WebItem(web.address(name)) for name in names], ahead=3)
    told: list[object] = []
    for source in sources:
        if isinstance(source, LiveStream):
            told.append(source.address)
        else:
            assert isinstance(source, ReadImages) and source.rate is None
            told.append([each.source if isinstance(each, Frame) else each.reason for each in source])
    assert told == [
        [web.address("a.jpg"), web.address("b"), f"{web.address('gone.jpg')}: answers 404 Not Found"],
        web.address("live"), web.address("live"), [web.address("c.jpg")],
    ]  # fmt: skip
    assert sorted(web.asked) == sorted(names), "each was asked once, several at a time"
