"""A data set divided into training, validation and test, as lists and a data YAML in a new folder.

The division is the one that a training makes of a data set without a validation split (yolov3/catalogue/division.py): by
class, twins together. What is set apart for validation is, image for image, what ``data.val_share`` with the same share
and seed sets apart; the test images are then taken from the rest.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from yolov3.catalogue.division import choose_groups, group_images, image_names
from yolov3.catalogue.naming import named_section
from yolov3.catalogue.opening import FoundData
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.errors import UserError
from yolov3.files.atomic import write_text_atomically
from yolov3.files.strict_yaml import write_yaml
from yolov3.rewriting.counts import PartCounts, count_part
from yolov3.rewriting.new_place import first_free, require_new, require_outside, written_whole
from yolov3.rewriting.options import SplitChanges, SplitOptions
from yolov3.rewriting.sources import find_undivided, is_json
from yolov3.rewriting.split_files import prove_division, settings_of, write_parts
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

RUNS = Path("runs/split")
DATA_FILE = "data.yaml"

Parts = dict[Split, Dataset]


@dataclass(frozen=True)
class SplitResult:
    """The new ``folder`` and its data YAML ``file``; what is in each part; ``notes`` say what was found on the way."""

    folder: Path
    file: Path
    names: tuple[str, ...]
    parts: dict[str, PartCounts]
    notes: tuple[str, ...]

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        parts = {name: part.as_plain(self.names) for name, part in self.parts.items()}
        return {"folder": str(self.folder), "file": str(self.file), "parts": parts, "notes": list(self.notes)}


def split_data(
    options: SplitOptions | None = None, *, watcher: Watcher | None = None, **changes: Unpack[SplitChanges]
) -> SplitResult:
    """Divide a data set: ``split_data(data="cells", val=0.2)``. ``changes`` are fields of the options.

    Write the lists (of a COCO json: a json per part) and a data YAML that names them into a new folder.
    The data set is only read. Raises UserError."""
    options = SplitOptions(**changes) if options is None else replace(options, **changes)
    watcher = watcher or Watcher()
    if options.out is not None:
        require_new(Path(options.out).absolute())
    section = named_section(options.data, options.changes)
    if is_json(options.data):
        if options.of is not None:
            raise UserError(f"{options.data}: is one json, all of which is divided; leave --of {options.of} out")
        section = section.model_copy(update={"train": section.val, "val": None})
    found, everything = find_undivided(section, options.of)
    watcher.say(f"looking at {counted(len(everything), 'image')}: {everything.source}")
    parts, how = divide_in_parts(everything, found, options, watcher)
    found, notes = (found, ()) if options.test else _with_own_test(found)
    out = Path(options.out or first_free(RUNS, _name_of(found))).absolute()
    require_outside(out, found.tree.root)
    watcher.say("writing the lists")
    with written_whole(out) as beside:
        write_parts(parts, found, beside)
        prove_division(parts, settings_of(parts, found, beside))
        settings = settings_of(parts, found, out)
        write_text_atomically(beside / DATA_FILE, _header(options, how) + write_yaml(settings))
    counts: dict[str, PartCounts] = {name: count_part(part) for name, part in parts.items()}
    return SplitResult(out, out / DATA_FILE, everything.names, counts, (*everything.report.problems, *notes, how))


def divide_in_parts(
    everything: Dataset, found: FoundData, options: SplitOptions, watcher: Watcher | None = None
) -> tuple[Parts, str]:
    """The parts, train first, and in words what was kept together. Raises UserError when one of them would be empty."""
    names = image_names(everything, found.tree.root)
    groups, how = group_images(everything, names, found.data.model_copy(update={"group_by": options.group_by}), watcher)
    group_of: dict[str, int] = {}  # a file that a json names twice is one image all the same
    groups = [group_of.setdefault(name, group) for name, group in zip(names, groups)]
    part_of: dict[int, Split] = dict.fromkeys(groups, "train")
    shares: dict[Split, float] = {"val": options.val, "test": options.test}
    chance, left = random.Random(options.seed), 1.0
    for split, share in shares.items():
        places = [place for place, group in enumerate(groups) if part_of[group] == "train"]
        if share and places:
            rest = everything.part(places)
            chosen = choose_groups(rest, [groups[place] for place in places], share / left, chance)
            part_of.update(dict.fromkeys(chosen, split))
        left -= share
    how = how.replace("data.group_by", "group_by")
    sizes = Counter(part_of[group] for group in groups)
    wanted: tuple[Split, ...] = ("train", "val", "test") if options.test else ("train", "val")
    for split in wanted:
        if not sizes[split]:
            raise UserError(
                f"{everything.source}: val={options.val:g}, test={options.test:g} of {counted(len(names), 'image')} in "
                f"{counted(len(set(groups)), 'group')} ({how}) leave none for {split}; give other shares, or "
                f"--group-by '(.*)' to divide image by image"
            )
    return {
        split: everything.part([place for place, group in enumerate(groups) if part_of[group] == split])
        for split in wanted
    }, how


def _with_own_test(found: FoundData) -> tuple[FoundData, tuple[str, ...]]:
    """Without the test images that a data YAML names and nobody fetched, which is told; others stay named."""
    if found.data.test is None:
        return found, ()
    try:
        found.read("test")
    except UserError as error:
        without = found.data.model_copy(update={"test": None, "test_images": None})
        return replace(found, data=without), (f"its test images are left out: {error}",)
    return found, ()


def _name_of(found: FoundData) -> str:
    """What a folder of this data may be called."""
    return found.tree.root.resolve().name or "data"


def _header(options: SplitOptions, how: str) -> str:
    """How the division was made, for whoever opens the file."""
    words = [f"val {options.val:g}", f"test {options.test:g}", f"seed {options.seed}", how]
    words += [f"group_by {options.group_by!r}"] if options.group_by is not None else []
    words += [f"of {options.of}"] if options.of is not None else []
    told = "".join(f"# {line}\n" for line in (f"A division of {' '.join(str(options.data).split())}", "; ".join(words)))
    return told + "# Paths are absolute: where the data or this folder has moved, mend them here.\n"
