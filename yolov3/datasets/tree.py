"""What lies in a data set's folder, and what a file in it means by the name of an image.

Folders are looked into when they are asked for, so that a data set in its usual form is never walked as a whole.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cached_property
from itertools import islice
from pathlib import Path

from yolov3.datasets.listing import is_empty, list_files, list_folders
from yolov3.errors import UserError
from yolov3.files.walking import files_below
from yolov3.images.files import IMAGE_SUFFIXES
from yolov3.watching.words import some

MOST_NAMED = 8  # folders and files in a description
MOST_CLOSED = 3  # folders that may not be looked into, likewise
MOST_LOOKED_AT = 20_000  # files for it: whoever names a home or / by mistake is not to wait


class Tree:
    """The folder ``root`` of a data set. Nothing that is found lies outside of it; links to folders are not followed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._closed: dict[str, None] = {}

    def folder(self, *names: str) -> str | None:
        """The first of these folders that is there, as it is spelt: case does not matter."""
        for name in names:
            place, spelt = self.root, []
            for part in name.split("/"):
                match = next((found for found in list_folders(place) if found.lower() == part.lower()), None)
                if match is None:
                    break
                place = place / match
                spelt.append(match)
            else:
                return "/".join(spelt)
        return None

    def folders_called(self, word: str, below: str = ".") -> list[str]:
        """The folders below one that are called like a split: ``train``, ``Train``, ``train2017``."""
        inside = [name for name in list_folders(self.root / below) if is_called(name, word)]
        return [name if below == "." else f"{below}/{name}" for name in sorted(inside)]

    def files(self, folder: str = ".", *suffixes: str) -> list[str]:
        """The names of the files in a folder, with any of the suffixes (none: all), sorted."""
        return sorted(
            name for name in list_files(self.root / folder) if not suffixes or Path(name).suffix.lower() in suffixes
        )

    def holds(self, folder: str, *suffixes: str) -> bool:
        """Whether a folder or one below it holds a file with one of the suffixes."""
        return any(path.suffix.lower() in suffixes for path in files_below(self.root / folder, closed=self._note))

    def holds_images(self, folder: str = ".") -> bool:
        """Whether there are images in a folder or below it."""
        return self.holds(folder, *IMAGE_SUFFIXES)

    @cached_property
    def everything(self) -> list[Path]:
        """All files below the root, relative to it, by name."""
        return [path.relative_to(self.root) for path in files_below(self.root, closed=self._note)]

    @cached_property
    def first_files(self) -> list[Path]:
        """The first MOST_LOOKED_AT files below the root, relative to it: enough to say what kind of a folder it is."""
        found = islice(files_below(self.root, closed=self._note), MOST_LOOKED_AT)
        return [path.relative_to(self.root) for path in found]

    @cached_property
    def _images_by_name(self) -> dict[str, list[Path]]:
        table = defaultdict(list)
        for path in self.everything:
            if path.suffix.lower() in IMAGE_SUFFIXES:
                table[path.name.lower()].append(path)
                table[path.stem.lower()].append(path)
        return table

    def find_image(self, text: str) -> Path | None:
        """The image that a file of the data set means by ``text``: a path from wherever it was made, with or without its
        suffix. What leads out of the tree is looked for in it. None when there is none, or several and no telling."""
        parts = [part for part in re.split(r"[/\\]", text.strip().strip("\"'")) if part not in ("", ".", "..")]
        if not parts or "\0" in text:
            return None
        matching = self._images_by_name.get(parts[-1].lower(), [])
        if len(matching) > 1:
            # The one that shares most of the path's end; a letter of a drive is no part of it.
            parts = [part for part in parts if not re.fullmatch(r"[A-Za-z]:", part)]
            shared = [_shared_end(path, parts) for path in matching]
            matching = [path for path, length in zip(matching, shared) if length == max(shared)]
        return self.root / matching[0] if len(matching) == 1 else None

    def describe(self) -> str:
        """What is there, in a line: folders with what they hold, files."""
        inside: dict[str, Counter[str]] = defaultdict(Counter)
        for path in self.first_files:
            if len(path.parts) > 1:
                inside["/".join(path.parts[:-1][:2]) + "/"][path.suffix.lower().lstrip(".") or "other"] += 1
        named = [f"{folder} ({_counts(kinds)})" for folder, kinds in inside.items()]
        named += [path.name for path in self.first_files if len(path.parts) == 1]
        folders = sorted(list_folders(self.root))
        named += [f"{name}/ (empty)" for name in folders if is_empty(self.root / name)]
        rest = (f"more than {MOST_LOOKED_AT} files",) if len(self.first_files) == MOST_LOOKED_AT else ()
        closed = (some(self._closed, most=MOST_CLOSED, separator="; "),) if self._closed else ()
        return "; ".join((some(named, most=MOST_NAMED) or "nothing", *rest, *closed))

    def _note(self, error: UserError) -> None:
        self._closed[str(error)] = None


def is_called(name: str, word: str) -> bool:
    """Whether a folder or a list is called like a split, perhaps with a year behind."""
    return re.fullmatch(rf"{re.escape(word)}[_-]?\d{{0,4}}", name, re.IGNORECASE) is not None


def _shared_end(path: Path, parts: list[str]) -> int:
    count = 0
    for own, given in zip(reversed(path.parts[:-1]), reversed(parts[:-1])):
        if own.lower() != given.lower():
            break
        count += 1
    return count


def _counts(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))
