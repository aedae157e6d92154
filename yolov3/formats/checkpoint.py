"""Our checkpoint: one ``.pt`` file of tensors and plain values that alone rebuilds its model.

It loads with ``weights_only=True``, is written atomically, and has its sha256 beside it in ``NAME.pt.sha256`` (the form
``sha256sum -c`` reads). While a new checkpoint takes an old one's place that file lists both digests, so that a process
killed at any moment leaves a pair that agrees.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from yolov3.errors import UserError
from yolov3.files.atomic import file_sha256, write_text_atomically, written_beside
from yolov3.files.class_names import class_names
from yolov3.files.kinds import ARCHIVE, kind_of_path
from yolov3.files.reading import is_there, require_file
from yolov3.files.refusals import named
from yolov3.files.temporary import one_at_a_time, sync_folder
from yolov3.formats.description import build_network, describe_in_words, describe_network
from yolov3.formats.model import LoadedModel
from yolov3.formats.torch_file import TorchFileFault, read_torch_file
from yolov3.models.layers import give_memory
from yolov3.structures import ModelMeaning
from yolov3.watching.words import some

FORMAT = "yolov3-checkpoint"
VERSION = 1

_LONGEST_LINE = 1000  # characters of what an error tells of a file

_PARTS: dict[str, tuple[type, ...]] = {
    "model": (dict,), "weights": (dict,), "names": (list, tuple), "preprocessing": (dict,), "nms": (dict,),
    "experiment": (dict, type(None)), "training": (dict, type(None)),
}  # fmt: skip
"""What a checkpoint holds beside its mark and its version."""


def checkpoint_content(
    network: nn.Module,
    *,
    meaning: ModelMeaning,
    weights: dict[str, Tensor] | None = None,
    experiment: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a checkpoint of ``network`` holds (with ``weights`` in place of its own, where given): tensors and plain
    values only. ``training`` is what a resumed run needs."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": describe_network(network),
        "weights": weights if weights is not None else network.state_dict(),
        **meaning.as_plain(),
        "experiment": experiment,
        "training": training,
    }


def save_checkpoint(
    path: Path,
    network: nn.Module,
    *,
    meaning: ModelMeaning,
    weights: dict[str, Tensor] | None = None,
    experiment: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    keep_previous: bool = False,
) -> None:
    """Write the :func:`checkpoint_content` of ``network``; with ``keep_previous`` an older file of that name stays as
    ``NAME-previous.pt``.

    Raises UserError when the file cannot be written; an older file of that name is whole then.
    """
    content = checkpoint_content(network, meaning=meaning, weights=weights, experiment=experiment, training=training)
    with written_beside(path, lambda stream: torch.save(content, stream)) as incoming:
        sha256 = file_sha256(incoming)
        with one_at_a_time(path.parent):  # else one writer's file would stay beside another one's digest
            if keep_previous and path.exists():
                _keep_previous(path)
            _put_in_place(incoming, path, sha256)


def _keep_previous(path: Path) -> None:
    """Give the present file a second name, without copying it."""
    link = path.with_name(f".{path.name}.old")
    link.unlink(missing_ok=True)
    try:
        link.hardlink_to(path)
    except OSError:  # a file system without links; then there is one checkpoint only
        return
    # The digest beside the file is its own, unless a killed process left two; hashing it anew would read it whole.
    listed = _listed_digests(path)
    sha256 = listed[0] if len(listed) == 1 else file_sha256(link)
    _put_in_place(link, _previous_of(path), sha256)


def _put_in_place(incoming: Path, path: Path, sha256: str) -> None:
    """Rename ``incoming`` to ``path``, its digest with it: at any moment the digests that stand beside a file hold that
    of the old and of the new one, also where a computer loses its power and keeps of the renames what it likes."""
    digest = _digest_line(sha256, path)
    digests = _digest_file(path)
    old = digests.read_text() if digests.exists() else ""
    write_text_atomically(digests, digest + old)
    incoming.replace(path)
    sync_folder(path.parent)  # else the digest of the new file alone could be found beside the old one
    write_text_atomically(digests, digest)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint as plain values and tensors in main memory.

    Raises UserError for a file that is missing, damaged, or not a checkpoint of this project.
    """
    if not is_there(path):
        raise UserError(f"{named(path)}: no such weights file")
    require_file(path)
    _check_digest(path)
    try:
        content = read_torch_file(path)
    except TorchFileFault as error:
        raise UserError(f"{path}: not readable as a checkpoint ({_looks_like(path, error)})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise UserError(
            f"{path}: cannot be read: there is not enough memory for {path.stat().st_size} bytes"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), str) or content["format"] != FORMAT:
        raise UserError(f"{path}: a PyTorch file, but not a checkpoint of this project (no format: {FORMAT})")
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        found = version if isinstance(version, int | None) else type(version).__name__
        raise UserError(f"{path}: checkpoint version {found}; this program reads version {VERSION}")
    check_parts(content, str(path))
    return content


def check_parts(content: dict[str, Any], source: str) -> None:
    """Raise UserError where a part of a checkpoint is missing or of another kind than it must be."""
    for part, kinds in _PARTS.items():
        if not isinstance(content.get(part, ...), kinds):
            found = f"found {type(content[part]).__name__}" if part in content else "it is missing"
            needed = "a list" if list in kinds else "a mapping"
            raise UserError(f"{source}: damaged or not ours: its part {part} must be {needed}, {found}")
    class_names(content["names"], f"{source}: damaged or not ours: names")


def load_checkpoint(path: Path) -> LoadedModel:
    """The model in a checkpoint, in main memory and in evaluation mode. Raises UserError."""
    return model_from_content(read_checkpoint(path), path)


def model_from_content(content: dict[str, Any], path: Path) -> LoadedModel:
    """The model that a checkpoint's content describes, in evaluation mode. Raises UserError naming ``path``; no memory is
    taken for it before its weights are known to fit."""
    check_parts(content, str(path))
    try:
        with torch.device("meta"):
            network = build_network(content["model"])
        meaning = ModelMeaning.from_plain(content)
        _check_names(meaning.names, network)
        check_weights(network, content["weights"], str(path))
        give_memory(network)
        network.load_state_dict(content["weights"])
        return LoadedModel(
            network=network.eval(),
            meaning=meaning,
            experiment=content["experiment"],
            source=str(path),
            description=describe_in_words(content["model"], meaning.preprocessing),
        )
    except UserError as error:
        raise error if str(error).startswith(str(path)) else UserError(f"{path}: {_shown(error)}") from error
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: the checkpoint's description of its model cannot be used: {_shown(error)}") from error


def check_weights(network: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    """Raise UserError naming the first tensors of a state dict that do not fit."""
    if not isinstance(weights, dict) or not all(isinstance(n, str) and _is_plain(t) for n, t in weights.items()):
        raise UserError(f"{source}: its weights are no named tensors")
    own = network.state_dict()
    wrong = next(
        (n for n in own if n in weights and own[n].is_floating_point() != weights[n].is_floating_point()), None
    )
    if wrong is not None:
        raise UserError(f"{source}: its weights are no network's: {wrong} holds {weights[wrong].dtype}")
    problems = [
        f"{name} is {tuple(weights[name].shape)}, needed {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    problems += [f"{name} is missing" for name in own if name not in weights]
    problems += [f"{name} is not known" for name in weights if name not in own]
    if problems:
        raise UserError(f"{source}: weights of another network: {_shown(some(problems, most=3, separator='; '))}")


def _shown(text: object) -> str:
    """The first line of a message in which words of a file may stand, so that a terminal shows it and does nothing else."""
    line = str(text).partition("\n")[0]
    line = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."


def _is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and value.device.type != "meta"


def _check_names(names: tuple[str, ...], network: nn.Module) -> None:
    if names and len(names) != network.num_classes:
        raise ValueError(f"{len(names)} names for {network.num_classes} classes")


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _previous_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}-previous{path.suffix}")


def _listed_digests(path: Path) -> list[str]:
    """The digests that stand beside a file; none where there is no such file."""
    digests = _digest_file(path)
    if not digests.is_file():
        return []
    return [line.split()[0] for line in digests.read_text(errors="replace").splitlines() if line.strip()]


def _digest_line(digest: str, path: Path) -> str:
    return f"{digest}  {path.name}\n"


def _check_digest(path: Path) -> None:
    digests = _digest_file(path)
    if not digests.is_file():
        return
    previous, listed = _previous_of(path), _listed_digests(path)
    while listed and file_sha256(path) not in listed:
        before, listed = listed, _listed_digests(path)
        if listed != before:  # a run has saved in between
            continue
        raise UserError(
            f"{path}: damaged: its sha256 is not the one in {digests.name} (delete that file to load it anyway)"
            + (f"; {previous.name} is the one before it" if previous.exists() else "")
        )


def _looks_like(path: Path, error: TorchFileFault) -> str:
    kind = kind_of_path(path)
    if kind == ARCHIVE:
        return f"damaged, cut off, or made with pickled classes, which are never loaded: {error}"
    return kind or "unknown content"
