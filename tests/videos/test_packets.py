"""Encoded frames out of OpenCV's file."""

from __future__ import annotations

import pytest

from yolov3.videos.packets import PacketEncoder, read_packets

SIZE = (32, 48)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_a_packet_for_each_frame(noise, tmp_path, count):
    encoder = PacketEncoder(tmp_path / "part.avi", SIZE)
    assert encoder.is_open
    for frame in noise(count, SIZE):
        encoder.write(frame)
    packets = encoder.packets()
    assert len(packets) == count
    assert all(b"\0\0\1\xb6" in packet for packet in packets)


def test_a_file_that_is_cut_off_gives_the_frames_before_the_cut(noise, tmp_path):
    encoder = PacketEncoder(tmp_path / "part.avi", SIZE)
    for frame in noise(10, SIZE):
        encoder.write(frame)
    packets = encoder.packets()
    whole = (tmp_path / "part.avi").read_bytes()
    counts = []
    for end in range(0, len(whole), 97):
        found = list(read_packets(whole[:end]))
        assert found == packets[: len(found)]
        counts.append(len(found))
    assert counts == sorted(counts) and set(counts) == set(range(11))


def test_sizes_that_cannot_be_encoded(tmp_path):
    for size in ((10, 9000), (1, 1)):
        assert not PacketEncoder(tmp_path / "part.avi", size).is_open
    assert not PacketEncoder(tmp_path / "none" / "part.avi", SIZE).is_open
