"""An MPEG-4 file of ours, compared with what was put into it, with OpenCV's own file, and cut at every place."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.videos.mp4 import Mp4File, _clock, decoder_config, is_key
from yolov3.videos.packets import PacketEncoder

SIZE = (48, 64)


def decoded(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (answer := capture.read())[0]:
        frames.append(answer[1])
    capture.release()
    return frames


@pytest.fixture(scope="session")
def packets(noise, tmp_path_factory) -> list[list[bytes]]:
    """Two encoded fragments of 20 and 7 frames."""
    parts = []
    for count in (20, 7):
        encoder = PacketEncoder(tmp_path_factory.mktemp("part") / "part.avi", SIZE)
        for frame in noise(count, SIZE):
            encoder.write(frame)
        parts.append(encoder.packets())
    return parts


def write(path: Path, parts: list[list[bytes]], *, finish: bool, rate: float = 12.5) -> None:
    file = Mp4File(path, size=SIZE, rate=rate)
    for part in parts:
        file.append(part)
    assert file.frames == sum(map(len, parts))
    file.finish() if finish else file.close()


def test_finished_it_has_one_index_that_leads_to_every_frame(packets, boxes, tmp_path):
    path = tmp_path / "a.mp4"
    write(path, packets, finish=True)
    data = path.read_bytes()
    found = {kind: data[start:end] for kind, start, end in boxes(data)}
    top = [kind for kind, *_ in boxes(data) if kind in (b"ftyp", b"free", b"mdat", b"moov", b"moof")]
    assert top == [b"ftyp", b"mdat", b"moov"]
    flat = [packet for part in packets for packet in part]
    sizes = struct.unpack(f">{len(flat)}I", found[b"stsz"][12:])
    places = struct.unpack(">2Q", found[b"co64"][8:])
    assert struct.unpack(">6I", found[b"stsc"][8:]) == (1, 20, 1, 2, 7, 1)
    read = []
    for place, part in zip(places, packets, strict=True):
        for _ in part:
            size = sizes[len(read)]
            read.append(data[place : place + size])
            place += size
    assert read == flat
    keys = struct.unpack(f">{len(found[b'stss']) // 4 - 2}I", found[b"stss"][8:])
    assert keys == tuple(number for number, packet in enumerate(flat, start=1) if is_key(packet)) and 1 in keys
    assert struct.unpack(">III", found[b"stts"][4:]) == (1, 27, 2) and struct.unpack(">I", found[b"mdhd"][20:24]) == (
        25,
    )


def test_it_is_decoded_as_opencvs_own_file_is(packets, noise, tmp_path):
    own = cv2.VideoWriter(str(tmp_path / "own.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, SIZE[::-1])
    for frame in noise(20, SIZE):
        own.write(frame)
    own.release()
    write(tmp_path / "a.mp4", packets[:1], finish=True)
    for first, second in zip(decoded(tmp_path / "own.mp4"), decoded(tmp_path / "a.mp4"), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("finish", [False, True])
def test_frames_rate_and_a_leap_to_a_frame(packets, tmp_path, finish):
    path = tmp_path / "a.mp4"
    write(path, packets, finish=finish)
    frames = decoded(path)
    assert len(frames) == 27
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 12.5 and capture.get(cv2.CAP_PROP_FRAME_COUNT) == 27
    assert (capture.get(cv2.CAP_PROP_FRAME_HEIGHT), capture.get(cv2.CAP_PROP_FRAME_WIDTH)) == SIZE
    capture.set(cv2.CAP_PROP_POS_FRAMES, 22)
    np.testing.assert_array_equal(capture.read()[1], frames[22])


def test_cut_anywhere_it_shows_the_fragments_that_are_whole(packets, tmp_path):
    path = tmp_path / "a.mp4"
    write(path, packets[:1], finish=False)
    first = len(path.read_bytes())
    write(path, packets, finish=False)
    whole = path.read_bytes()
    for share in np.linspace(0, 1, 25):
        end = first + round(share * (len(whole) - first))
        path.write_bytes(whole[:end])
        assert len(decoded(path)) >= (27 if end == len(whole) else 20)


def test_without_a_frame_nothing_is_written(tmp_path):
    write(tmp_path / "a.mp4", [], finish=True)
    assert (tmp_path / "a.mp4").read_bytes() == b""


def test_a_device_that_is_full_is_told(packets):
    file = Mp4File(Path("/dev/full"), size=SIZE, rate=5.0)
    with pytest.raises(OSError, match="No space left"):
        file.append(packets[0])
    assert file.frames == 0
    file.close()


def test_what_is_no_video_is_refused():
    for packet in (b"", b"\0\0\1\xb6\0", b"nothing"):
        with pytest.raises(ValueError, match="does not say how"):
            decoder_config(packet)
    assert (
        not is_key(b"") and not is_key(b"\0\0\1\xb6") and is_key(b"x\0\0\1\xb6\x3f") and not is_key(b"\0\0\1\xb6\x40")
    )


@given(st.floats(1e-5, 1e6))
def test_a_rate_is_kept(rate):
    units, duration = _clock(rate)
    assert 0 < units < 2**32 and 0 < duration < 2**32
    assert units / duration == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize(("rate", "clock"), [(25.0, (25, 1)), (30000 / 1001, (30000, 1001)), (0.001, (1, 1000))])
def test_usual_rates_are_kept_exactly(rate, clock):
    assert _clock(rate) == clock
