"""Files that hold others, changed within: what stands around a change (checksums, lengths, seals) agrees with it, so that
readers get as far as the change."""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random

from fuzzing.mutations import LARGEST, change_bytes, change_tree, dump

_PICKLED_WORD = re.compile(rb"X(....)", re.DOTALL)


def change_torch(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """A PyTorch file: mostly its pickle, also its tensors and its list of contents."""
    if chance.random() < 0.2:
        return change_bytes(chance, seeds)
    return change_zip(chance, seeds, change=_change_pickle, wanted=".pkl")


def change_zip(
    chance: Random,
    seeds: Sequence[bytes],
    change: Callable[[Random, bytes], bytes] = lambda chance, data: change_bytes(chance, [data]),
    wanted: str = "",
) -> bytes:
    """A zip, whose checksums are right, with one of its files (mostly one whose name ends as ``wanted``) changed, left out,
    doubled or renamed."""
    if not wanted and chance.random() < 0.3:
        return change_bytes(chance, seeds)
    with zipfile.ZipFile(io.BytesIO(chance.choice(seeds))) as archive:
        files = [(each.filename, archive.read(each)) for each in archive.infolist()]
    likely = [place for place, (name, _) in enumerate(files) if name.endswith(wanted)] or range(len(files))
    place = chance.choice(likely) if chance.random() < 0.8 else chance.randrange(len(files))
    name, data = files[place]
    kind = chance.random()
    if kind < 0.75:
        files[place] = (name, change(chance, data))
    elif kind < 0.82:
        del files[place]
    elif kind < 0.9:
        files[place] = (name, files[chance.randrange(len(files))][1])
    else:
        files[place] = (chance.choice(("../x", "/x", "a/" * 200, "x\0y", "", "x" * 300, "\x1b[2J", name + "/")), data)
    out = io.BytesIO()
    with zipfile.ZipFile(
        out, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)) if not wanted else zipfile.ZIP_STORED
    ) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name or "x"), data, archive.compression)
    return out.getvalue()


def change_png(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """A PNG whose chunks have right lengths and checksums, mostly: content changed (of the pixels: as it is packed, or
    before), chunks left out, doubled, renamed or in another order, a size that is not the pixels'."""
    if chance.random() < 0.3:
        return change_bytes(chance, seeds)
    chunks = _chunks_of(chance.choice(seeds))
    for _ in range(1 + int(chance.expovariate(1))):
        place, kind = chance.randrange(len(chunks)), chance.random()
        name, content = chunks[place]
        if kind < 0.4:
            chunks[place] = (name, change_bytes(chance, [content]))
        elif kind < 0.6 and name == b"IDAT":
            chunks[place] = (name, _repacked(chance, content))
        elif kind < 0.7 and name == b"IHDR":
            sides = [chance.choice((0, 1, 63, 65, 1000, 9999, 10_000, 65_500, 2**31 - 1)) for _ in range(2)]
            chunks[place] = (name, struct.pack(">II", *sides) + content[8:])
        elif kind < 0.75:
            chunks[place] = (
                chance.choice((b"tEXt", b"zTXt", b"iCCP", b"eXIf", b"PLTE", b"acTL", b"fdAT", b"IEND", b"\0\0\0\0")),
                content,
            )
        elif kind < 0.85:
            chunks[place:place] = [chunks[chance.randrange(len(chunks))]] * chance.choice((1, 2, 200))
        elif len(chunks) > 1:
            del chunks[place]
    return (_PNG + b"".join(map(_chunk, chunks)))[:LARGEST]


def _chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, place = [], len(_PNG)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def _chunk(chunk: tuple[bytes, bytes]) -> bytes:
    name, content = chunk
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _repacked(chance: Random, content: bytes) -> bytes:
    """Pixels changed, or far too many of them, packed again."""
    try:
        pixels = zlib.decompress(content)
    except zlib.error:  # changed before
        return content
    return zlib.compress(bytes(1 << 24) if chance.random() < 0.02 else change_bytes(chance, [pixels]))


_PNG = b"\x89PNG\r\n\x1a\n"


def change_safetensors(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """A safetensors file: mostly its header, or the json within its header, whose length is right."""
    if chance.random() < 0.25:
        return change_bytes(chance, seeds)
    data = chance.choice(seeds)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    inner = [key for key, value in header["__metadata__"].items() if value[:1] in "[{"]
    if inner and chance.random() < 0.7:
        key = chance.choice(inner)
        header["__metadata__"][key] = dump(change_tree(chance, json.loads(header["__metadata__"][key]))).decode()
    else:
        header = change_tree(chance, header)
    text = dump(header)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def change_sealed(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """A file with a seal, which is right again after the change, but for some of them."""
    data = change_described(chance, chance.choice(seeds)) if chance.random() < 0.5 else change_bytes(chance, seeds)
    return reseal(data) if chance.random() < 0.9 else data


def change_described(chance: Random, data: bytes) -> bytes:
    """The json that a graph has of itself, changed."""
    found = re.search(rb'\{"version".*?"made_with": "[^"]*"\}', data, re.DOTALL)
    if found is None:
        return change_bytes(chance, [data])
    text = dump(change_tree(chance, json.loads(found.group())))
    size = found.end() - found.start()
    if len(text) <= size:  # lengths around it stay right
        text = text.ljust(size)
    return data[: found.start()] + text[:LARGEST] + data[found.end() :]


def reseal(data: bytes) -> bytes:
    """With the digest that belongs to the content, if a seal can be seen."""
    place = data.rfind(b"yolov3_seal")
    found = re.compile(rb"[0-9a-f]{64}").search(data, place, place + 111) if place >= 0 else None
    if found is None:
        return data
    start, stop = found.span()
    digest = hashlib.sha256(data[:start] + b"0" * 64 + data[stop:]).hexdigest().encode()
    return data[:start] + digest + data[stop:]


def _change_pickle(chance: Random, data: bytes) -> bytes:
    """A pickle: a word for another of its words, a number for another, or bytes."""
    kind = chance.random()
    if kind < 0.35:
        words = [(found.start(), struct.unpack("<I", found.group(1))[0]) for found in _PICKLED_WORD.finditer(data)]
        words = [
            data[start : start + 5 + length]
            for start, length in words
            if length < 100 and start + 5 + length <= len(data)
        ]
        if len(words) > 1:
            one, other = chance.choice(words), chance.choice(words)
            return data.replace(one, other, chance.choice((1, 1, -1)))
    if kind < 0.7:
        numbers = [found.start() for found in re.finditer(rb"[KMJN\x88\x89]", data)]
        if numbers:
            start = chance.choice(numbers)
            length = {b"K": 2, b"M": 3, b"J": 5}.get(data[start : start + 1], 1)
            return data[:start] + chance.choice(_PICKLED) + data[start + length :]
    return change_bytes(chance, [data])


_PICKLED = (
    b"K\x00", b"K\x01", b"K\xff", b"M\xff\xff", b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\xff", b"J\x00\x00\x00\x80", b"N",
    b"\x88", b"\x89", b"]", b"}", b")", b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", b"G\x7f\xf0\x00\x00\x00\x00\x00\x00",
    b"X\x00\x00\x00\x00", b"X\x03\x00\x00\x00abc", b"X\x03\x00\x00\x00\xed\xa0\x80", b"K\x01K\x02\x86",
    b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01", b"\x8a\x05\xff\xff\xff\xff\x00",
)  # fmt: skip
