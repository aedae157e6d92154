"""What stands around a change agrees with it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from random import Random

from fuzzing.containers import change_png, change_safetensors, change_sealed, change_zip, reseal

from yolov3.graphs.seal import OPEN_SEAL, SEAL_KEY, SealError, check_seal, seal


def packed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/data.pkl", bytes(range(100)))
        archive.writestr("a/data/0", b"tensor")
    return out.getvalue()


def test_changed_zips_have_right_checksums():
    kinds = set()
    for number in range(200):
        data = change_zip(Random(number), [packed()], wanted=".pkl")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            kinds.add(tuple(sorted(archive.namelist())))
    assert len(kinds) > 3


def test_changed_pngs_have_right_checksums():
    seed = b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    for name, content in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(20))), (b"IEND", b"")):
        seed += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    def is_right(data: bytes) -> bool:
        place = 8
        while place + 12 <= len(data):
            (length,) = struct.unpack_from(">I", data, place)
            checked = data[place + 4 : place + 8 + length]
            if data[place + 8 + length : place + 12 + length] != struct.pack(">I", zlib.crc32(checked)):
                return False
            place += 12 + length
        return place == len(data)

    changed = [change_png(Random(number), [seed]) for number in range(300)]
    assert is_right(seed) and sum(is_right(data) and data != seed for data in changed) > 150


def test_changed_headers_have_right_lengths():
    header = json.dumps(
        {"__metadata__": {"x": '{"a": 1}'}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    seed = struct.pack("<Q", len(header)) + header + b"1234"
    right = 0
    for number in range(200):
        data = change_safetensors(Random(number), [seed])
        length = struct.unpack_from("<Q", data)[0] if len(data) >= 8 else 0
        right += data != seed and data[8 + length :] == b"1234"
    assert right > 100


def is_sealed(data: bytes) -> bool:
    try:
        check_seal(data)
    except SealError:
        return False
    return True


def test_changed_files_are_sealed_again():
    sealed = seal(b"before" * 30 + f"{SEAL_KEY}: {OPEN_SEAL}".encode() + b"after" * 30)
    assert reseal(sealed) == sealed
    assert reseal(b"nothing") == b"nothing"
    changed = [change_sealed(Random(number), [sealed]) for number in range(200)]
    assert sum(is_sealed(data) and data != sealed for data in changed) > 80
