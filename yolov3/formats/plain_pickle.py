"""The pickle in a PyTorch file, read as what a checkpoint is made of: numbers, texts, lists, mappings and tensors.

Nothing is called and nothing is imported, whatever the bytes say: the few names that a checkpoint needs stand for values
here, every other one is refused, and so are keys that are no words or numbers (to hash a nested one may take for ever).
Opcodes are those that ``torch.save`` writes (Python's pickletools describes them).
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

LARGEST = 1 << 24  # bytes of a pickle; a run of ours has about one million
MOST_VALUES = 1_000_000
DEEPEST = 50
LONGEST_INTEGER = 1 << 63

MAPPING, TENSOR, PARAMETER = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
)


class PickleFault(ValueError):
    """A pickle that is damaged, or holds what no checkpoint does."""


@dataclass(frozen=True)
class StoredNumbers:
    """``count`` numbers of the type with which ``storage`` ends (``FloatStorage``) in the record ``key`` of the file."""

    storage: str
    key: str
    count: int


@dataclass(frozen=True)
class _Name:
    text: str


class _Mark:
    pass


Rebuild = Callable[[StoredNumbers, int, tuple[int, ...], tuple[int, ...]], Tensor]
"""The tensor of stored numbers, the place of its first one among them, its sizes and its strides. Raises PickleFault."""


def read_plain(data: bytes, rebuild: Rebuild) -> Any:
    """The value in a pickle. Raises PickleFault."""
    if len(data) > LARGEST:
        raise PickleFault(f"{len(data)} bytes of description, at most {LARGEST} are read")
    reader = _Reader(rebuild)
    try:
        for name, argument in _instructions(data):
            reader.step(name, argument)
        value = reader.pop()
    except PickleFault:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:  # of a stream that makes no sense
        raise PickleFault(f"it is damaged: {error}") from error
    _measure(value)
    return value


def _instructions(data: bytes) -> Iterator[tuple[str, Any]]:
    """The names of the opcodes and their arguments. Names are read here, and the first protocol's other texts refused, for
    pickletools would decode what is escaped in them, with a warning for what is odd."""
    known = {opcode.code: opcode for opcode in pickletools.opcodes}
    stream = io.BytesIO(data)
    name = ""
    while name != "STOP":
        opcode = known[stream.read(1).decode("latin-1")]
        name = opcode.name
        if name in ("STRING", "PERSID", "INST"):
            raise PickleFault(f"it holds what no checkpoint does ({name})")
        if name == "GLOBAL":
            yield name, " ".join(stream.readline().decode("ascii").removesuffix("\n") for _ in ("module", "name"))
        else:
            yield name, opcode.arg.reader(stream) if opcode.arg else None


class _Reader:
    """The machine that a pickle is a program of, with only the plain half of its instructions."""

    def __init__(self, rebuild: Rebuild) -> None:
        self.rebuild = rebuild
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        value = self.stack.pop()
        if isinstance(value, _Mark | _Name | StoredNumbers):
            raise PickleFault("it is damaged: a value is missing")
        return value

    def since_mark(self) -> list[Any]:
        """What was put on the stack after the last mark, which goes with it."""
        place = max(place for place, value in enumerate(self.stack) if isinstance(value, _Mark))
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def step(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        match opcode:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "MARK":
                stack.append(_Mark())
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
            case "BININT" | "BININT1" | "BININT2" | "LONG1":
                if not -LONGEST_INTEGER <= argument < LONGEST_INTEGER:
                    raise PickleFault("it holds a whole number of more than 64 bits")
                stack.append(argument)
            case "BINFLOAT" | "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_TUPLE":
                stack.append({"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}[opcode]())
            case "TUPLE":
                stack.append(tuple(self.since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(opcode[-1])
                if len(stack) < count:
                    raise PickleFault("it is damaged: a value is missing")
                stack[-count:] = [tuple(stack[-count:])]
            case "APPEND" | "APPENDS":
                values = self.since_mark() if opcode == "APPENDS" else [stack.pop()]
                _expect(stack[-1], list).extend(values)
            case "SETITEM" | "SETITEMS":
                values = self.since_mark() if opcode == "SETITEMS" else [stack.pop(-2), stack.pop()]
                _set_items(_expect(stack[-1], dict), values)
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self.memo[len(self.memo) if opcode == "MEMOIZE" else argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "GLOBAL":
                stack.append(_Name(argument))
            case "BINPERSID":
                stack.append(_stored_numbers(stack.pop()))
            case "REDUCE":
                arguments = _expect(stack.pop(), tuple)
                stack.append(self.made(_expect(stack.pop(), _Name).text, arguments))
            case "BUILD":  # what a state dict says of the versions of its modules
                stack.pop()
                _expect(stack[-1], dict)
            case _:
                raise PickleFault(f"it holds what no checkpoint does ({opcode})")

    def made(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """What a name makes of its arguments."""
        if name == MAPPING and not arguments:
            return {}
        if name == PARAMETER and len(arguments) == 3:
            return _expect(arguments[0], Tensor)
        if name == TENSOR and len(arguments) in (6, 7):
            numbers, start, sizes, strides = arguments[:4]
            sizes, strides = _expect(sizes, tuple), _expect(strides, tuple)
            if not all(type(number) is int and number >= 0 for number in (start, *sizes, *strides)):
                raise PickleFault("it is damaged: a tensor's size is no whole number")
            return self.rebuild(_expect(numbers, StoredNumbers), start, sizes, strides)
        raise PickleFault(f"it holds a {name.replace(' ', '.')[:80]!a}, which is never loaded")


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise PickleFault(f"it is damaged: found a {type(value).__name__}, expected a {kind.__name__.strip('_')}")
    return value


def _set_items(mapping: dict[Any, Any], values: list[Any]) -> None:
    keys = values[::2]
    if len(values) % 2 or not all(type(key) in (str, int) for key in keys):
        raise PickleFault("it is damaged: a key is no word and no whole number")
    mapping.update(zip(keys, values[1::2]))


def _stored_numbers(value: Any) -> StoredNumbers:
    match value:
        case ("storage", _Name(name), str(key), str(_), int(count)) if name.startswith("torch ") and count >= 0:
            return StoredNumbers(name.removeprefix("torch "), key, count)
    raise PickleFault("it is damaged: no such numbers")


def _measure(value: Any) -> None:
    """Raise PickleFault for a value that is without end, deeper or larger than a checkpoint's, wherever it leads to a part
    of itself or to the same part many times; and for one that is not plain."""
    left = MOST_VALUES
    waiting = [(value, 0)]
    while waiting:
        current, depth = waiting.pop()
        if depth > DEEPEST:
            raise PickleFault(f"it is nested more than {DEEPEST} deep")
        if isinstance(current, dict):
            parts: Any = current.values()
        elif isinstance(current, list | tuple):
            parts = current
        elif current is None or isinstance(current, str | int | float | Tensor):
            continue
        else:
            raise PickleFault(f"it is damaged: a {type(current).__name__.strip('_')} is no value")
        left -= len(parts)
        if left < 0:
            raise PickleFault(f"it holds more than {MOST_VALUES} values")
        waiting += [(part, depth + 1) for part in parts]
