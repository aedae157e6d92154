"""Which files are meant by what a person gives as a model: a file, a run's folder, a folder with one model, the stem of its
files, Darknet's ``.data``, or the name of known weights.

Nothing is guessed: where several models could be meant, the error lists them. What was chosen among the states of one
model is told.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yolov3.datasets.darknet_data import DarknetData, read_data
from yolov3.downloads.manifest import known_weights_path
from yolov3.errors import UserError
from yolov3.files.reading import kind_at, require_file
from yolov3.files.refusals import named
from yolov3.watching.words import some

logger = logging.getLogger(__name__)

OWN_SUFFIXES = (".pt", ".safetensors")
DARKNET_SUFFIXES = (".weights", ".backup")
EXPORTED_SUFFIXES = (".onnx", ".xml")
MODEL_SUFFIXES = (*OWN_SUFFIXES, *DARKNET_SUFFIXES, *EXPORTED_SUFFIXES)

MOST_LISTED = 10  # files that an error names

RUN_STATES, RUN_PREVIOUS = ("best.pt", "last.pt"), "last-previous.pt"
"""What a run keeps in its ``weights/``, the wanted first."""

_TRAINING_SUFFIX = re.compile(r"_(?:final|best|last|final_ema|[0-9]+|[0-9]+x[0-9]+)\Z")
_RANKS = ("", "_best", "_final", "_final_ema", "_last")
"""Of the states of one model that Darknet leaves, the wanted first: the best by its own mAP where it was asked for one,
the end of the training, the last state; then by the number of its iterations, the highest first."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model: its ``weights``; of Darknet's the ``cfg`` and ``names``, None where they are to be looked for
    beside the weights."""

    weights: Path
    cfg: Path | None = None
    names: Path | None = None

    @property
    def is_darknet(self) -> bool:
        """Whether the weights are Darknet's, for which there are many endings (``darknet53.conv.74``)."""
        return self.weights.suffix.lower() not in (*OWN_SUFFIXES, *EXPORTED_SUFFIXES)


def find_model(text: str | Path, *, cfg: str | Path | None = None, names: str | Path | None = None) -> ModelFiles:
    """The files that ``text`` means; ``cfg`` and ``names`` go before those that would be found.

    A folder: a run's (its ``weights/best.pt``, else ``last.pt``) or one with a single model. A ``.data`` file: the weights
    in its ``backup`` folder. A stem: ``backup/x`` finds ``x_best.weights`` and its like. A bare name such as ``yolov3``:
    the known weights of that name in ``weights/``. Raises UserError that lists what was found.
    """
    path = Path(text)
    kind = kind_at(path)
    if kind == "folder":
        found = ModelFiles(_in_folder(path))
    elif path.suffix.lower() == ".data":
        found = _of_data(path, Path(cfg).stem if cfg else path.stem)
    elif kind is not None:
        found = ModelFiles(path)
    else:
        found = ModelFiles(_of_stem(path))
    if (cfg or names) and not found.is_darknet:
        raise UserError(f"{found.weights}: --cfg and --names belong to Darknet's weights only")
    require_file(found.weights)  # before a library waits for what is none
    return ModelFiles(found.weights, Path(cfg) if cfg else found.cfg, Path(names) if names else found.names)


def cfg_beside(weights: Path) -> Path | None:
    """The ``.cfg`` that has the name of weights, but for what Darknet's training adds to it, in their folder or in the
    ``cfg/`` beside it."""
    return _first_file(_folders(weights.parent, "cfg"), (weights.stem, base_name(weights)), ".cfg")


def names_beside(weights: Path, cfg: Path | None) -> Path | None:
    """The ``.names`` with the name of weights or of their ``.cfg``, in one of their :func:`names_folders`."""
    near, far = names_folders(weights, cfg)
    return _first_file((*near, *far), (weights.stem, *([cfg.stem] if cfg else [])), ".names")


def names_folders(weights: Path, cfg: Path | None) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Where the names of a model may lie: first in the folders of its weights and of its ``.cfg``, then in the ``data/``
    beside them."""
    near = dict.fromkeys((weights.parent, *([cfg.parent] if cfg else [])))
    far = dict.fromkeys(place for folder in near for place in _folders(folder, "data")[1:])
    return tuple(near), tuple(far)


def base_name(weights: Path) -> str:
    """The name of weights without what Darknet's training adds to it: ``x`` of ``x_final.weights``."""
    return _TRAINING_SUFFIX.sub("", weights.stem) if weights.suffix.lower() in DARKNET_SUFFIXES else weights.stem


def _in_folder(folder: Path) -> Path:
    """The model of a run, or the only one in a folder."""
    files = _model_files(folder)
    of_run = bool(files) and {each.name for each in files} <= {*RUN_STATES, RUN_PREVIOUS}
    for place in (folder / "weights", *([folder] if of_run else [])):
        states = [place / name for name in RUN_STATES if (place / name).is_file()]
        if states:
            _tell(folder, states)
            return states[0]
    if not files:
        raise UserError(
            f"{folder}: a folder without a model: neither weights/best.pt of a run nor a file that ends in "
            f"{', '.join(MODEL_SUFFIXES)}; found {_some_files(sorted(_content(folder))) or 'nothing'}"
        )
    return _only_model(folder, files)


def _of_stem(path: Path) -> Path:
    """The model that a path without its ending means."""
    files = _files_of_stem(path)
    if path.name == str(path):
        try:
            known = known_weights_path(path.name)
        except UserError:  # known, but not downloaded
            if not files:
                raise
            known = None
        if known is not None:
            return known
    if not files:
        raise UserError(f"{named(path)}: no such weights file{_beside(path)}")
    return _only_model(path, files)


def _files_of_stem(path: Path) -> list[Path]:
    if path.suffix.lower() in MODEL_SUFFIXES:
        return []
    return [each for each in _model_files(path.parent) if path.name in (each.stem, base_name(each))]


def _of_data(path: Path, name: str) -> ModelFiles:
    """The model of a Darknet project by its ``.data`` file: the one called ``name`` where there are several."""
    data = read_data(path)
    names = data.find(data.names) if data.names is not None else None
    folders = _backup_folders(data)
    for folder in folders:
        files = [each for each in _model_files(folder) if each.suffix.lower() in DARKNET_SUFFIXES]
        own = [each for each in files if base_name(each) == name]
        if files:
            weights = _only_model(path, own or files)
            places = _folders(path.parent, "cfg") + _folders(weights.parent, "cfg")
            return ModelFiles(weights, _first_file(places, (weights.stem, base_name(weights)), ".cfg"), names)
    looked = " nor in ".join(map(str, folders))
    raise UserError(f"{path}: no .weights in {looked}; the line backup = FOLDER says where they are")


def _backup_folders(data: DarknetData) -> list[Path]:
    """Where the weights of a ``.data`` file may lie: in its backup folder, or beside it."""
    try:
        backup = [data.find(data.backup or "backup")]
    except UserError:  # as it was on another machine
        backup = []
    return [*(each for each in backup if each.is_dir()), _folder_of(data.path)]


def _only_model(given: Path, files: list[Path]) -> Path:
    """The wanted state of the only model among files. Raises UserError when they are of several."""
    if len({_model_of(each) for each in files}) > 1:
        found = _some_files(sorted(map(str, files)))
        raise UserError(f"{given}: several models could be meant; give one of {found}")
    states = sorted(files, key=_rank)
    if states[0] != given:
        _tell(given, states)
    return states[0]


def _model_of(weights: Path) -> Path:
    """What all states of one model have in common. ``yolov3_416.weights`` beside a ``yolov3_416.cfg`` is no state but a model
    of its own."""
    if weights.suffix.lower() not in DARKNET_SUFFIXES:
        return weights
    own = weights.with_suffix(".cfg").is_file()
    return weights.with_suffix("") if own else weights.with_name(base_name(weights))


def _rank(weights: Path) -> tuple[int, int]:
    added = weights.stem.removeprefix(base_name(weights))
    if weights.suffix.lower() == ".backup" and not added:
        added = "_last"  # what the original program overwrites as it goes on
    if added in _RANKS:
        return (_RANKS.index(added), 0)
    number = added.removeprefix("_")
    return (len(_RANKS), -int(number) if number.isdigit() else 0)


def _tell(given: Path, states: list[Path]) -> None:
    also = f" (also there: {_some_files([each.name for each in states[1:]])})" if states[1:] else ""
    logger.info("%s: %s is taken%s", given, states[0], also)


def _model_files(folder: Path) -> list[Path]:
    files = [folder / name for name in sorted(_content(folder)) if Path(name).suffix.lower() in MODEL_SUFFIXES]
    return [each for each in files if each.is_file() and _may_be_a_model(each)]


def _may_be_a_model(file: Path) -> bool:
    """An ``.xml`` is more often the labels of an image; OpenVINO's has a ``.bin`` beside it."""
    return file.suffix.lower() != ".xml" or file.with_suffix(".bin").is_file()


def _content(folder: Path) -> list[str]:
    try:
        return [each.name for each in folder.iterdir() if not each.name.startswith(".")]
    except OSError:  # there is none, or it may not be read
        return []


def _beside(path: Path) -> str:
    files = [each.name for each in _model_files(path.parent)]
    return f"; in its folder are {_some_files(files)}" if files else ""


def _folder_of(path: Path) -> Path:
    return Path(os.path.normpath(path.parent))


def _folders(folder: Path, beside: str) -> list[Path]:
    """A folder, the one called ``beside`` next to it, and the one called so within it."""
    paths = (folder, folder / ".." / beside, folder / beside)
    return [Path(os.path.normpath(each)) for each in paths]


def _first_file(folders: Iterable[Path], stems: Iterable[str], suffix: str) -> Path | None:
    stems = tuple(dict.fromkeys(stems))
    candidates = (folder / f"{stem}{suffix}" for folder in dict.fromkeys(folders) for stem in stems)
    return next((each for each in candidates if each.is_file()), None)


def _some_files(names: Iterable[str]) -> str:
    return some(names, most=MOST_LISTED)
