"""The data set that a person names, before it is written anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yolov3.catalogue.opening import FoundData, find_data
from yolov3.config.experiment import DataSection
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import Split
from yolov3.errors import UserError

UNDIVIDED = {"val_share": 0.0, "val_seed": 0, "group_by": None, "lists": None, "overfit": 0}


def is_json(named: str | Path) -> bool:
    """Whether one COCO json is named, and not a data set with its splits."""
    return Path(named).suffix.lower() == ".json" and not Path(named).is_dir()


def find_undivided(section: DataSection, of: Split | None) -> tuple[FoundData, Dataset]:
    """The images that are to be divided: those of the split ``of``, else all of a data set that is not divided. The
    data section that comes with them calls them ``train``. Raises UserError when it is divided and ``of`` is None."""
    found = find_data(section.model_copy(update=UNDIVIDED))
    data = found.data
    if of is not None:
        where = found.where(of)
        if where is None:
            found.read(of)  # raises what is to be said
        images = getattr(data, f"{of}_images")
    else:
        train, val = found.where("train"), found.where("val")
        if data.val is not None or (data.train is None and train is not None and val is not None):
            raise UserError(
                f"{found.tree.root}: is divided already: train is {train}, val is {val}; say which of them is to be divided "
                f"with --of train, or --of val"
            )
        where = train if train is not None else found.format.find_all(found.tree)
        images = data.train_images
    changed = data.model_copy(update={"train": where, "train_images": images, "val": None})
    found = replace(found, data=changed)
    return found, found.read("train")
