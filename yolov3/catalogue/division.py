"""A data set that is not divided, divided: which images are trained on and which are measured on.

Every class gets its share in both parts, the rarest first (K. Sechidis et al. 2011, iterative stratification), and images
that belong together are never torn apart: an image in validation whose twin was trained on measures memory. The
outcome is two lists of images, which a run keeps and which say for ever after what was decided.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from yolov3.catalogue.look_alikes import group_neighbours
from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically
from yolov3.files.reading import is_file, is_folder
from yolov3.files.text import LARGEST_LIST, read_lines
from yolov3.watching.printable import quoted
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import some

TRAIN_LIST, VAL_LIST = "train.txt", "val.txt"
BACKGROUND = -1  # as if images without objects had a class of their own


@dataclass(frozen=True)
class Division:
    """The names of the images of each part, below the data set's folder or absolute; ``note`` says how they came about."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    root: Path
    note: str

    def part(self, everything: Dataset, split: Split) -> Dataset:
        """The samples of one part, in the order of the data set."""
        wanted = set(self.val if split == "val" else self.train)
        places = [place for place, name in enumerate(image_names(everything, self.root)) if name in wanted]
        part = everything.part(places, note=self.note if split == "val" else None)
        return replace(part, source=f"{everything.source}, the part for {split}")

    def write(self, folder: Path) -> None:
        """Write the two lists into a folder."""
        for name, listed in ((TRAIN_LIST, self.train), (VAL_LIST, self.val)):
            write_text_atomically(folder / name, "".join(f"{line}\n" for line in listed))


def has_division(folder: Path) -> bool:
    """Whether both lists lie in a folder."""
    return all(is_file(folder / name) for name in (TRAIN_LIST, VAL_LIST))


def divide(everything: Dataset, tree: Tree, data: DataSection) -> Division:
    """Set ``data.val_share`` of the images apart. Raises UserError when nothing would be left on one side."""
    names = image_names(everything, tree.root)
    groups, how = group_images(everything, names, data)
    chosen = choose_groups(everything, groups, data.val_share, random.Random(data.val_seed))
    val = [name for name, group in zip(names, groups) if group in chosen]
    train = [name for name, group in zip(names, groups) if group not in chosen]
    if not val or not train:
        raise UserError(
            f"{everything.source}: data.val_share={data.val_share:g} of {len(names)} images in {len(set(groups))} groups "
            f"({how}) leaves none for {'validation' if not val else 'training'}; write data.group_by='(.*)' to divide "
            f"image by image, or another share"
        )
    note = f"{len(val)} of {len(names)} images are set apart for validation (data.val_share={data.val_share:g}; {how})"
    return Division(tuple(train), tuple(val), tree.root, note)


def read_division(lists: Path, everything: Dataset, tree: Tree) -> Division:
    """The division that lists say: a folder with ``train.txt`` and ``val.txt``, or a list of the images for validation, all
    others being trained on. Names are paths from the data set's folder, other paths, or just names. Raises UserError."""
    names = image_names(everything, tree.root)
    known = _known(names)
    val_file = lists / VAL_LIST if is_folder(lists) else lists
    train_file = lists / TRAIN_LIST
    val = _read_list(val_file, known, tree)
    if is_folder(lists) and is_file(train_file):
        train = _read_list(train_file, known, tree)
        both = [name for name in train if name in set(val)]
        if both:
            raise UserError(f"{lists}: {len(both)} images are in {TRAIN_LIST} and in {VAL_LIST}: {some(both)}")
    else:
        train = [name for name in names if name not in set(val)]
    if not val or not train:
        raise UserError(f"{lists}: leaves no images for {'validation' if not val else 'training'}")
    rest = len(names) - len(train) - len(val)
    note = f"{len(val)} of {len(names)} images are for validation, as {val_file} says"
    if rest > 0:
        note += f"; {rest} that stand in neither list are not used"
    return Division(tuple(train), tuple(val), tree.root, note)


def image_names(everything: Dataset, root: Path) -> list[str]:
    """The path of each image below the data set's folder, with slashes; absolute if it lies elsewhere."""
    return [_name(sample.path, root) for sample in everything.samples]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.absolute().as_posix()


def _known(names: list[str]) -> dict[str, str]:
    """What a line of a list may be called, for each image: its path, its name, its name without suffix; what two images
    could be called means neither."""
    counts: Counter[str] = Counter()
    meaning = {}
    for name in names:
        for text in {name, Path(name).name, Path(name).stem}:
            counts[text] += 1
            meaning[text] = name
    exact = {name: name for name in names}
    return {text: name for text, name in meaning.items() if counts[text] == 1} | exact


def _read_list(file: Path, known: dict[str, str], tree: Tree) -> list[str]:
    found, missing = [], []
    for line in read_lines(file, what="a list of images", most_bytes=LARGEST_LIST):
        text = line.strip()
        if not text:
            continue
        forms = (text.removeprefix("./"), _name(Path(text), tree.root), Path(text).name, Path(text).stem)
        name = next((known[form] for form in forms if form in known), None)
        if name is None:
            missing.append(text)
        else:
            found.append(name)
    if missing:
        raise UserError(
            f"{file}: {len(missing)} of {len(missing) + len(found)} images are not in {tree.root}: {some(missing)}"
        )
    return list(dict.fromkeys(found))


def group_images(
    everything: Dataset, names: list[str], data: DataSection, watcher: Watcher | None = None
) -> tuple[list[int], str]:
    """The group's number of each image, which says what belongs together, and in words how they were made. Raises UserError
    for a ``data.group_by`` that is no regular expression."""
    if data.group_by is None:
        groups = group_neighbours([sample.path for sample in everything.samples], watcher)
        together = sum(count for count in Counter(groups).values() if count > 1)
        return (
            groups,
            f"{together} near-identical neighbours kept together" if together else "no two neighbours look alike",
        )
    try:
        pattern = re.compile(data.group_by)
    except re.error as error:
        raise UserError(f"data.group_by: {quoted(data.group_by)} is no regular expression: {error}") from error
    numbers: dict[str, int] = {}
    groups = []
    for name in names:
        match = pattern.search(name)
        key = name if match is None else match.group(1) if pattern.groups else match.group(0)
        groups.append(numbers.setdefault(key or name, len(numbers)))
    return groups, f"kept together by data.group_by: {len(numbers)} groups"


def choose_groups(everything: Dataset, groups: list[int], share: float, chance: random.Random) -> set[int]:
    """The groups that are set apart: a share of the images, and of those with each class."""
    sizes = Counter(groups)
    content: dict[int, Counter[int]] = defaultdict(Counter)  # for each group, images with each class
    for sample, group in zip(everything.samples, groups):
        content[group].update(set(sample.labels.tolist()) or {BACKGROUND})
    total = sum(content.values(), Counter())
    train, val = (_Wanted.of(total, len(groups), part) for part in (1 - share, share))
    left = sorted(sizes)
    chance.shuffle(left)
    chosen = set()
    while left:
        counts = sum((content[group] for group in left), Counter())
        rarest = min(counts, key=lambda label: (counts[label], label))
        for group in [group for group in left if rarest in content[group]]:
            to_val = (val.of_class[rarest], val.images) > (train.of_class[rarest], train.images)
            (val if to_val else train).take(content[group], sizes[group])
            if to_val:
                chosen.add(group)
        left = [group for group in left if rarest not in content[group]]
    return chosen


@dataclass
class _Wanted:
    """How many more images a part should get, with objects of each class and in all."""

    of_class: dict[int, float]
    images: float

    @staticmethod
    def of(total: Counter[int], images: int, share: float) -> _Wanted:
        """A share of all."""
        return _Wanted({label: share * count for label, count in total.items()}, share * images)

    def take(self, classes: Counter[int], images: int) -> None:
        """A group goes to this part."""
        for label, count in classes.items():
            self.of_class[label] -= count
        self.images -= images
