"""H.264 where it can be, MPEG-4 elsewhere, told."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.videos import opening
from yolov3.videos.h264 import H264Writer, find_encoder
from yolov3.videos.opening import WITHOUT, open_video
from yolov3.videos.writer import VideoWriter


def test_without_an_encoder_it_is_mpeg_4_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "find_encoder", lambda: None)
    told: list[str] = []
    for tell in (told.append, None):
        video = open_video(tmp_path / "a.mp4", rate=10, size=(48, 64), tell=tell)
        assert isinstance(video, VideoWriter)
        video.give_up()
    assert told == [WITHOUT]
    with pytest.raises(UserError, match=r"a\.mp4: H\.264 needs the program ffmpeg"):
        open_video(tmp_path / "a.mp4", rate=10, size=(48, 64), codec="h264")


@pytest.mark.parametrize(("codec", "size"), [("mp4v", (48, 64)), ("auto", (20, 64))])
def test_mpeg_4_where_it_is_wanted_and_for_images_too_small(tmp_path, codec, size):
    told: list[str] = []
    video = open_video(tmp_path / "a.mp4", rate=10, size=size, codec=codec, tell=told.append)
    assert isinstance(video, VideoWriter) and not told
    video.give_up()


@pytest.mark.skipif(find_encoder() is None, reason="needs ffmpeg with an encoder of H.264")
def test_h_264_where_there_is_an_encoder(tmp_path):
    told: list[str] = []
    video = open_video(tmp_path / "a.mp4", rate=10, size=(48, 64), tell=told.append)
    assert isinstance(video, H264Writer) and not told
    video.give_up()
    with pytest.raises(UserError, match=r"none/a\.mp4: cannot be written: No such file or directory"):
        open_video(tmp_path / "none" / "a.mp4", rate=10, size=(48, 64))
