"""YAML as we accept it: PyYAML's safe loader without its surprises.

Refused: duplicate keys, aliases (and so alias bombs), files over 1 MB, anything but a mapping at the top.
Refused, too: numbers that YAML 1.1 reads as others than they say (``010`` is eight there, ``1:30`` ninety), halves of letters.
Read as meant: ``1e-3`` is a number; ``yes``, ``no``, ``on``, ``off`` are words, ``true`` and ``false`` the booleans.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from yolov3.errors import UserError
from yolov3.files.reading import read_text
from yolov3.watching.printable import quoted, shortened

MAXIMUM_BYTES = 1_000_000
DEEPEST = 50  # lists and mappings within each other

_FLOAT = re.compile(
    r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+(?:[eE][-+]?[0-9]+)?)$"
    r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
)
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses what people never mean."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not accepted", event.start_mark)
        self.depth += 1
        if self.depth > DEEPEST:  # PyYAML takes the longer for each bracket the more are open
            raise yaml.composer.ComposerError(None, None, "nested too deeply", self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_scalar(self, node: Any) -> Any:
        word = super().construct_scalar(node)
        if isinstance(word, str) and not _is_text(word):
            raise yaml.constructor.ConstructorError(
                None, None, f"{quoted(word)} holds letters that are none", node.start_mark
            )
        return word

    def construct_yaml_int(self, node: Any) -> int:
        word, value = str(self.construct_scalar(node)), super().construct_yaml_int(node)
        digits = word.replace("_", "").lstrip("+-").lower()
        if not digits.startswith("0x") and not (digits.isdigit() and int(digits) == abs(value)):
            meant = f"{shortened(word)} is {value} in YAML; write the number that is meant, or quotes around a word"
            raise yaml.constructor.ConstructorError(None, None, meant, node.start_mark)
        return value

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {quoted(key)} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _is_text(word: str) -> bool:
    """Whether a word can be written: an escape such as ``"\\ud800"`` makes half a letter."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)
_StrictLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEAN, list("tTfF"))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


class _StrictDumper(yaml.SafeDumper):
    """Quotes every word that the loader above, or any other reader of YAML, would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True  # equal lists are written out each, as the loader wants them


_StrictDumper.yaml_implicit_resolvers = {
    first: [*_StrictLoader.yaml_implicit_resolvers.get(first, ()), *resolvers]
    for first, resolvers in {**_StrictLoader.yaml_implicit_resolvers, **yaml.SafeLoader.yaml_implicit_resolvers}.items()
}


def write_yaml(values: dict[str, Any]) -> str:
    """The text of a mapping of plain values, in their order; :func:`parse_yaml` gives the same values."""
    return yaml.dump(values, Dumper=_StrictDumper, sort_keys=False)


def parse_yaml(text: str, source: str) -> Any:
    """The value of a YAML text. Raises UserError with the source's name and line."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}, line {mark.line + 1}" if mark else source
        raise UserError(f"{where}: {shortened(str(error.problem or error.context))}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else shortened(str(error).partition("\n")[0])
        raise UserError(f"{source}: not readable as YAML: {reason}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file (empty for an empty file). Raises UserError."""
    text = read_text(path, most=MAXIMUM_BYTES, what="a YAML file")
    value = parse_yaml(text, str(path))
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UserError(f"{path}: expected keys with values (key: value), found {type(value).__name__}")
    return value
