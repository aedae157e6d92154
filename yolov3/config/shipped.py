"""The experiments, data files and Darknet networks that come with the package: where they are, what they are, copies of them.

They lie in ``configs/`` of a checkout and inside the package where it is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from yolov3.dialogue.suggestions import ask
from yolov3.errors import UserError
from yolov3.files.atomic import write_whole
from yolov3.files.refusals import cannot, named

CONFIGS = "configs"
DATA = "data"
SUFFIXES = (".yaml", ".yml")

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class ShippedFile:
    """A file, its ``name`` below the folder of all (``data/bccd.yaml``), and what it is, in a sentence."""

    name: str
    path: Path
    what: str


@dataclass(frozen=True)
class Copies:
    """The files of a copy that were ``written``, and those that were there already and ``kept`` as they were."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def shipped_experiments() -> tuple[ShippedFile, ...]:
    """Experiments, ready to be trained once their data is there."""
    return _list("*.yaml")


def shipped_data() -> tuple[ShippedFile, ...]:
    """Data files: where a known data set lies and what is in it."""
    return _list(f"{DATA}/*.yaml")


def shipped_networks() -> tuple[ShippedFile, ...]:
    """Networks in Darknet's language; nothing is told of them but their names."""
    return _list("darknet/*.cfg")


def shipped_names() -> str:
    """What is shipped, as the end of an error about a file that is not there."""
    experiments, data = (
        ", ".join(each.path.name for each in files) for files in (shipped_experiments(), shipped_data())
    )
    return f"shipped are the experiments {experiments} and the data files {data}"


def find_config(text: str | Path) -> Path:
    """The experiment or data file that a person names: theirs where there is one, else the shipped one of that name, both with
    or without the suffix ``.yaml``.
    Raises UserError that tells the shipped ones."""
    path = Path(text)
    own = find_own(path)
    if own is not None:
        return own
    shipped = find_shipped(path)
    if shipped is None:
        # Without their suffix, or short names would be alike for that alone.
        names = {each.path.stem: each.path.name for each in (*shipped_experiments(), *shipped_data())}
        meant = ask(names[near] for near in get_close_matches(path.stem, names, n=1))
        raise UserError(f"{named(path)}: there is no such file{meant}; {shipped_names()}")
    return shipped


def find_own(path: Path) -> Path | None:
    """The user's file or folder of a name; where there is none, the YAML file that is called so."""
    if _is_there(path) or not path.name:
        return path
    return next((file for end in SUFFIXES if _is_there(file := path.with_name(path.name + end))), None)


def find_shipped(path: Path) -> Path | None:
    """The shipped experiment or data file of a name, with or without ``configs/`` before it and the
    suffix behind it; or of its place in an
    installation that is gone, which a run may have written down."""
    name, inside = path.as_posix(), f"/{_PACKAGE.name}/{CONFIGS}/"
    name = name.rpartition(inside)[2] if path.is_absolute() and inside in name else name.removeprefix(f"{CONFIGS}/")
    for each in (*shipped_experiments(), *shipped_data()):
        if name in (each.name, each.path.name, each.name.removesuffix(".yaml"), each.path.stem):
            return each.path
    return None


def shipped_note(text: str | Path) -> str | None:
    """What to tell somebody who names a file that is not theirs but shipped; None otherwise."""
    path = Path(text)
    if find_own(path) is not None:
        return None
    shipped = find_shipped(path)
    return f"{path} is not here; the one that is shipped is used: {shipped}" if shipped else None


def copy_configs(folder: Path) -> Copies:
    """Copy all that is shipped into a folder, which is made; a file that is there already stays as it is. Raises UserError
    naming what cannot be written."""
    written, kept = [], []
    for each in (*shipped_experiments(), *shipped_data(), *shipped_networks()):
        new = folder / each.name
        try:
            new.parent.mkdir(parents=True, exist_ok=True)
            new.touch(exist_ok=False)  # so that not even a file that appears meanwhile is written over
        except FileExistsError as error:
            if not new.parent.is_dir():
                raise UserError(f"{new.parent}: is there already and is not a folder") from error
            kept.append(new)
            continue
        except (OSError, ValueError) as error:
            raise cannot(new, "be written", error) from error
        write_whole(new, each.path.read_bytes())
        written.append(new)
    return Copies(tuple(written), tuple(kept))


def _folder() -> Path:
    """Inside the package, or beside it in a checkout."""
    inside = _PACKAGE / CONFIGS
    return inside if inside.is_dir() else _PACKAGE.parent / CONFIGS


def _list(pattern: str) -> tuple[ShippedFile, ...]:
    folder = _folder()
    return tuple(
        ShippedFile(path.relative_to(folder).as_posix(), path, _first_sentence(path))
        for path in sorted(folder.glob(pattern))
    )


def _first_sentence(path: Path) -> str:
    """Of the comment that a file begins with; empty where there is none."""
    comment = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return " ".join(comment).partition(". ")[0].removesuffix(".")


def _is_there(path: Path) -> bool:
    """Whether there is anything of this name, a link that leads nowhere included."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:  # a name that is too long, a folder that may not be entered: whoever reads it tells
        return True
    return True
