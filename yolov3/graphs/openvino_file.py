"""OpenVINO's files: a graph and our description in an ``.xml``, its numbers in the ``.bin`` beside it, both sealed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from yolov3.errors import UserError
from yolov3.files.atomic import file_sha256, write_atomically
from yolov3.files.plain_xml import XmlFault, parse_xml
from yolov3.files.unwritable import unwritable
from yolov3.graphs.facts import KEY, GraphFacts
from yolov3.graphs.seal import OPEN_SEAL, SEAL_KEY, seal
from yolov3.graphs.sealed_file import facts_among, read_file, require_seal
from yolov3.machine.extras import require_extra

LARGEST = 2**26  # bytes of an .xml; the numbers lie elsewhere
NUMBERS_KEY = "yolov3_numbers"


def write_openvino(path: Path, model: Any, facts: GraphFacts) -> tuple[Path, Path]:
    """Write a graph (an ``openvino.Model``), its numbers (in half precision where the facts say float16) and its
    description; the files that were written. Raises UserError."""
    openvino: Any = require_extra("openvino", "writing OpenVINO's files")
    for key, value in ((KEY, facts.as_text()), (NUMBERS_KEY, OPEN_SEAL), (SEAL_KEY, OPEN_SEAL)):
        model.set_rt_info(value, [key])
    try:
        text = _save(openvino, path, model, half=facts.precision == "float16")
    except (OSError, RuntimeError) as error:  # a RuntimeError is OpenVINO's word for a full disk
        raise unwritable(path, error) from error
    content = seal(text)
    write_atomically(path, lambda stream: stream.write(content))
    return path, path.with_suffix(".bin")


def _save(openvino: Any, path: Path, model: Any, *, half: bool) -> bytes:
    """Write the numbers to their place; the ``.xml`` that belongs to them, not yet sealed."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        whole = Path(folder) / path.name
        openvino.save_model(model, str(whole), compress_to_fp16=half)
        numbers = whole.with_suffix(".bin")
        text = whole.read_bytes()
        start = text.rindex(NUMBERS_KEY.encode())
        place = text.index(OPEN_SEAL.encode(), start)
        text = text[:place] + file_sha256(numbers).encode() + text[place + len(OPEN_SEAL) :]
        numbers.replace(path.with_suffix(".bin"))
    return text


def read_openvino_facts(path: Path) -> GraphFacts:
    """The description of a graph whose files are as they were written. Raises UserError."""
    texts = _rt_info(path, _read(path))
    facts = facts_among(path, texts)
    numbers = path.with_suffix(".bin")
    if not numbers.is_file():
        raise UserError(f"{path}: its numbers are missing: {numbers.name} must lie beside it")
    if file_sha256(numbers) != texts.get(NUMBERS_KEY):
        raise UserError(
            f"{numbers}: damaged, or of another export than {path.name}: its checksum is not the one noted there"
        )
    return facts


def _read(path: Path) -> bytes:
    content = read_file(path, most=LARGEST, allowed=f"at most {LARGEST} are read")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UserError(f"{path}: an XML file with a document type or entities, which is not read")
    require_seal(path, content)
    return content


def _rt_info(path: Path, content: bytes) -> dict[str, str]:
    """Our texts among what the file says of itself."""
    try:
        root = parse_xml(content)
    except XmlFault as error:
        raise UserError(f"{path}: no XML: {error}") from error
    info = root.find("rt_info")
    return {} if info is None else {each.tag: each.get("value", "") for each in info}
