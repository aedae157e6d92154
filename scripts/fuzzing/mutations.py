"""Files changed by chance, with or without knowing their form.

A mutation is a function of a source of chance and a file's seeds (valid files of one kind) and gives the bytes of a changed
one. The same chance gives the same bytes. Those that know the form keep what a reader looks at first, so that the changes
reach what it looks at later.
"""

from __future__ import annotations

import copy
import json
import re
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import yaml

Mutation = Callable[[Random, Sequence[bytes]], bytes]

LARGEST = 1 << 20  # bytes of a changed file

_TOKENS = re.compile(r"<[^<>]*>|[\w.+-]+|\s+|[^\w\s]")

_ELEMENTS = re.compile(r"<(\w+)>([^<]*|(?:<(\w+)>[^<]*</\3>)*)</\1>")

_NUMBERS = (
    "0", "-1", "1", "2", "255", "256", "65535", "65536", "2147483647", "2147483648", "-2147483649", "4294967296",
    "9223372036854775807", "18446744073709551616", "1e308", "-1e308", "1e309", "1e-320", "nan", "inf", "-inf", "NaN",
    "Infinity", "0.5", "-0.0", "1e6", "1e39", "3e38", "1:30", "0x10", "010", "1_000", "9" * 30, "9" * 400, "9" * 5000,
    "1" + "0" * 25, "1.5.2",
)  # fmt: skip

_WORDS = (
    "", " ", "\t", "\n", "\r", "\0", "\ufeff", "\ud800", "\x1b[2J", "\u202e", "\u2028", "é", "漢", "x" * 300, "y" * 5000,
    "true", "no", "null", "~", "None", "[]", "{}", "[[", "]]", "{", "}", ":", "- ", "#", ",", "=", "!", "&a ", "*a", "<<: ",
    "!!python/none", "%s", "../input", "/dev/zero", "pipe", "input", ".", "a/b/c", "http://x", "rtsp://u:p@h/", "<!DOCTYPE a>",
    "&amp;", "&#0;", "<a>", "2001-01-01", "0 0 0", "'", '"', "\\", "\\ud800", "\\u0000",
)  # fmt: skip

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, 10**400, 0.5, -0.0, 1e308, -1e308, 1e-320, float("nan"),
    float("inf"), "", "x", "\ud800", "\0", "1", "nan", "x" * 5000, "../x", "/dev/zero", "pipe", "\x1b[2J", [], {}, [[]],
    [None], [1, 2], {"a": 1}, {"": None}, [1e400, 2, 3, 4], [0, 0, 0, 0], [-1, -1, 5, 5],
    list(range(300)),
)  # fmt: skip


def change_bytes(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """One to a few changes of bits, bytes, blocks, or of what could be a length."""
    data = bytearray(chance.choice(seeds))
    for _ in range(1 + int(chance.expovariate(0.7))):
        data = chance.choice(_BYTE_CHANGES)(chance, data, seeds)
    return bytes(data[:LARGEST])


def change_text(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """Words, numbers, tags and lines put in, taken out, doubled or changed for others; at times bytes."""
    if chance.random() < 0.15:
        return change_bytes(chance, seeds)
    text = chance.choice(seeds).decode("utf-8", "surrogateescape")
    for _ in range(1 + int(chance.expovariate(0.7))):
        text = _change_lines(chance, text, seeds) if chance.random() < 0.3 else _change_tokens(chance, text)
    return text.encode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace")[:LARGEST]


def change_xml(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """What stands between tags changed for numbers and words, elements doubled, left out or renamed; at times any words."""
    if chance.random() < 0.25:
        return change_text(chance, seeds)
    text = chance.choice(seeds).decode()
    for _ in range(1 + int(chance.expovariate(0.7))):
        elements = list(_ELEMENTS.finditer(text))
        if not elements:
            break
        found = chance.choice(elements)
        name, content, kind = found[1], found[2], chance.random()
        changed = chance.choice(_NUMBERS if kind < 0.4 else _WORDS)
        if kind < 0.6:
            new = f"<{name}>{changed}</{name}>"
        elif kind < 0.7:
            new = ""
        elif kind < 0.85:
            new = found[0] * chance.choice((2, 3, 300))
        else:
            other = chance.choice(elements)
            new = f"<{other[1]}>{content}</{other[1]}>"
        text = text[: found.start()] + new + text[found.end() :]
    return text.encode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace")[:LARGEST]


def change_json(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """Values of a tree changed for others, taken out, doubled, renamed; at times words of the text."""
    if chance.random() < 0.25:
        return change_text(chance, seeds)
    return dump(change_tree(chance, json.loads(chance.choice(seeds))))


def change_yaml(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """The same of a mapping in YAML."""
    if chance.random() < 0.5:
        return change_text(chance, seeds)
    tree = change_tree(chance, yaml.safe_load(chance.choice(seeds)))
    if not isinstance(tree, dict):
        return dump(tree)
    return b"".join(dump(key) + b": " + dump(value) + b"\n" for key, value in tree.items())


def change_tree(chance: Random, tree: Any) -> Any:
    """One to a few changes of a tree of lists and mappings, which is changed itself."""
    for _ in range(1 + int(chance.expovariate(0.7))):
        tree = _change_node(chance, tree)
    return tree


def dump(tree: Any) -> bytes:
    """A tree as json, with NaN and infinities, and lone halves of letters as escapes."""
    return json.dumps(tree).encode()[:LARGEST]


def _change_node(chance: Random, tree: Any) -> Any:
    parent, place = None, None
    node = tree
    while isinstance(node, dict | list) and node and chance.random() < 0.85:
        parent = node
        place = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
        node = node[place]
    if parent is None:
        return _value(chance) if chance.random() < 0.2 else tree
    kind = chance.random()
    if kind < 0.15:
        del parent[place]
    elif kind < 0.25 and isinstance(parent, list):
        parent.insert(chance.randrange(len(parent) + 1), node)
    elif kind < 0.35 and isinstance(parent, dict):
        parent[chance.choice((*parent, *(word for word in _WORDS[:16])))] = parent.pop(place)
    elif kind < 0.45:
        other = chance.choice(list(parent)) if isinstance(parent, dict) else chance.randrange(len(parent))
        parent[place], parent[other] = parent[other], parent[place]
    elif kind < 0.55:
        parent[place] = [node] if chance.random() < 0.5 else {"x": node}
    elif kind < 0.7 and isinstance(node, int | float) and abs(node) < 1e15:
        parent[place] = node + chance.choice((-1, 1, 0.5, 1e-9, -2 * node))
    else:
        parent[place] = _value(chance)
    return tree


def _value(chance: Random) -> Any:
    return copy.deepcopy(chance.choice(_VALUES))  # it may be changed itself later


def _change_tokens(chance: Random, text: str) -> str:
    tokens = _TOKENS.findall(text)
    if not tokens:
        return chance.choice(_WORDS)
    place = chance.randrange(len(tokens))
    kind = chance.randrange(5)
    if kind == 0:
        tokens[place] = chance.choice(_NUMBERS)
    elif kind == 1:
        tokens[place] = chance.choice(_WORDS)
    elif kind == 2:
        del tokens[place]
    elif kind == 3:
        tokens[place:place] = tokens[place : place + 1 + chance.randrange(8)] * (1 if chance.random() < 0.9 else 200)
    else:
        other = chance.randrange(len(tokens))
        tokens[place], tokens[other] = tokens[other], tokens[place]
    return "".join(tokens)


def _change_lines(chance: Random, text: str, seeds: Sequence[bytes]) -> str:
    lines = text.split("\n")
    place = chance.randrange(len(lines))
    kind = chance.randrange(5)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines[place:place] = [lines[place]] * chance.choice((1, 2, 1000))
    elif kind == 2:
        lines[place] = chance.choice(_WORDS) + lines[place]
    elif kind == 3:
        lines = lines[:place]
    else:
        other = chance.choice(seeds).decode("utf-8", "replace").split("\n")
        lines[place:place] = other[chance.randrange(len(other)) :]
    return "\n".join(lines)[:LARGEST]


def _flip_bit(chance: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _set_byte(chance: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    if data:
        data[_early(chance, len(data))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return data


def _cut(chance: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    return data[: chance.randrange(len(data) + 1)]


def _remove_block(chance: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    start = chance.randrange(len(data) + 1)
    del data[start : start + 1 + int(chance.expovariate(0.02))]
    return data


def _double_block(chance: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    start = chance.randrange(len(data) + 1)
    block = data[start : start + 1 + int(chance.expovariate(0.02))]
    return data[:start] + block * chance.choice((1, 1, 1, 50)) + data[start:]


def _splice(chance: Random, data: bytearray, seeds: Sequence[bytes]) -> bytearray:
    other = chance.choice(seeds)
    start, length = chance.randrange(len(other) + 1), 1 + int(chance.expovariate(0.01))
    place = chance.randrange(len(data) + 1)
    return data[:place] + other[start : start + length] + data[place + chance.choice((0, length)) :]


def _set_length(chance: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    """Something that could be a length, a count or an offset becomes an unlikely one."""
    code = chance.choice("BHIQ")
    size = struct.calcsize(code)
    if len(data) < size:
        return data
    top = (1 << 8 * size) - 1
    value = chance.choice(
        (0, 1, top, top >> 1, (top >> 1) + 1, top - 1, len(data), len(data) + 1, 0x10000, 0x7FFF, 100_000_000)
    )
    struct.pack_into(chance.choice("<>") + code, data, _early(chance, len(data) - size + 1), value & top)
    return data


def _insert(chance: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(1 + int(chance.expovariate(0.1))) + data[place:]


def _early(chance: Random, length: int) -> int:
    """A place, more often near the beginning, where headers are."""
    return chance.randrange(min(length, 128)) if chance.random() < 0.5 else chance.randrange(length)


_BYTE_CHANGES = (
    _flip_bit,
    _flip_bit,
    _set_byte,
    _cut,
    _remove_block,
    _double_block,
    _splice,
    _set_length,
    _set_length,
    _insert,
)
