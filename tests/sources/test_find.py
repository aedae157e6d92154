"""What a person can mean by a source, and sources of it in order."""

from __future__ import annotations

import os
import re
import shutil

import pytest

from yolov3.errors import UserError
from yolov3.sources.find import Found, ImageItem, StreamItem, VideoItem, find_items, sources_of
from yolov3.sources.image_files import ImageFiles
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
        ("HTTP://camera/video?a=*", "HTTP://camera/video?a=*"),
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
    assert found.notes == ("1 other files passed over",)
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
        (b"# nothing\n\n", "source LIST: lists no pictures or videos"),
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
        ("FOLDER/*.nothing", "no picture or video matches this pattern"),
        ("FOLDER/*.md", "no picture or video matches this pattern"),
        ("FOLDER", "no pictures or videos in this folder or below it (1 other files)"),
        ("FOLDER/link", "a link that leads nowhere"),
        ("a\0b", "source 'a\\x00b': not a path, a pattern, a camera's number or an address"),
        ("", "source '': not a path"),
        ("1234", "1234: does not exist"),
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
