"""From a data section to the samples of its splits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from yolov3.catalogue.data_files import find_data_file, read_data_file
from yolov3.catalogue.division import Division, divide, read_division
from yolov3.catalogue.formats import find_format
from yolov3.config.experiment import DataSection
from yolov3.config.loading import merge, validate_section
from yolov3.config.shipped import find_config
from yolov3.datasets.dataset import Dataset
from yolov3.datasets.label_format import SPLIT_WORDS, LabelFormat, Reference, Split
from yolov3.datasets.tree import Tree
from yolov3.errors import UserError
from yolov3.files.find import find_beside
from yolov3.files.reading import is_folder
from yolov3.files.refusals import named


@dataclass(frozen=True)
class Splits:
    """What is trained on and what is measured on. ``division`` is what was decided here, None where the data says it."""

    train: Dataset
    val: Dataset
    division: Division | None = None


def open_dataset(data: DataSection, split: Split) -> Dataset:
    """The samples of a split. With ``data.overfit`` every split is the first N training images.

    Raises UserError naming the file, what was found and what is allowed.
    """
    return _open(find_data(data), split)


def _open(found: FoundData, split: Split) -> Dataset:
    if found.data.overfit:
        return found.read("train").first(found.data.overfit)
    if split == "test" or not found.is_divided:
        return found.read(split)
    everything = found.everything()
    return _division(found, everything).part(everything, split)


def open_splits(data: DataSection) -> Splits:
    """The training and the validation split, as :func:`open_dataset` gives them."""
    found = find_data(data)
    if found.data.overfit or not found.is_divided:
        return Splits(_open(found, "train"), _open(found, "val"))
    everything = found.everything()
    division = _division(found, everything)
    return Splits(division.part(everything, "train"), division.part(everything, "val"), division)


@dataclass(frozen=True)
class FoundData:
    """A data set that was found: what its files say, where it lies, in which format."""

    data: DataSection
    tree: Tree
    format: LabelFormat
    notes: tuple[str, ...]

    @property
    def is_divided(self) -> bool:
        """Whether its images are divided by us and not by itself."""
        return self.data.val_share > 0 or self.data.lists is not None

    def where(self, split: Split) -> Reference | None:
        """Where a split lies: as said, or as it shows."""
        given: Reference | None = getattr(self.data, split)
        return given if given is not None else self.format.find_split(self.tree, SPLIT_WORDS[split])

    def read(self, split: Split) -> Dataset:
        """The samples of a split that the data set has. Raises UserError saying what is there."""
        where = self.where(split)
        if where is None:
            raise UserError(self._nowhere(split))
        return self._read(split, where)

    def everything(self) -> Dataset:
        """The samples that are divided: data.train, or the training split, or all there are. Raises UserError when the
        data set is divided already."""
        given = self.data
        if given.val is not None:
            own = "data.lists" if given.lists is not None else "data.val_share"
            raise UserError(f"data.val says which images are for validation, and so does {own}; leave one out")
        where = self.where("train")
        if given.train is None and given.lists is None and where is not None and self.where("val") is not None:
            raise UserError(
                f"{self.tree.root}: is divided already: train is {where}, val is {self.where('val')}; leave "
                f"data.val_share out, or say with data.train what is to be divided"
            )
        if where is None:
            where = self.format.find_all(self.tree)
        if where is None:
            raise UserError(self._nowhere("train"))
        return self._read("train", where)

    def _read(self, split: Split, where: Reference) -> Dataset:
        dataset = self.format.read(self.data.model_copy(update={split: where}), self.tree, split)
        if not dataset.samples:
            raise UserError(f"{dataset.source}: no images in it")
        if not self.notes:
            return dataset
        return replace(dataset, report=replace(dataset.report, problems=(*self.notes, *dataset.report.problems)))

    def _nowhere(self, split: Split) -> str:
        words = ", ".join(SPLIT_WORDS[split])
        text = (
            f"{self.tree.root}: no {split} split ({self.format.name}): looked for folders and lists called {words}; "
            f"there is: {self.tree.describe()}; write data.{split}=WHERE"
        )
        if split in ("train", "val") and self.data.val is None:
            text += ", or data.val_share=0.2 to set a fifth of the images apart for validation"
        return text


def find_data(data: DataSection) -> FoundData:
    """Where a data set lies and in which format it is. Raises UserError."""
    data, notes = _with_file(data)
    if data.root is None:
        raise UserError("no data set is named: give data.root (its folder) or data.file (a data YAML)")
    tree = Tree(Path(data.root))
    if not is_folder(tree.root):
        raise UserError(f"{named(tree.root)}: the folder of the data set does not exist")
    return FoundData(data, tree, find_format(data, tree), notes)


def _division(found: FoundData, everything: Dataset) -> Division:
    if found.data.lists is not None:
        return read_division(Path(found.data.lists), everything, found.tree)
    return divide(everything, found.tree, found.data)


def _with_file(data: DataSection) -> tuple[DataSection, tuple[str, ...]]:
    """``data`` laid over the keys of its data YAML, or of the one that lies in its folder; and what is to be told."""
    given = data.model_dump(mode="json", exclude_defaults=True)
    if data.file is None:
        is_said = any(getattr(data, key) is not None for key in ("train", "val", "test"))
        path = find_data_file(Tree(Path(data.root))) if data.root is not None and not is_said else None
        if path is None:
            return data, ()
        file = read_data_file(path)
        notes = (f"{path} says where its parts are", *file.notes)
    else:
        path = find_config(data.file)
        given.pop("file")
        file = read_data_file(path)
        notes = file.notes
    values = dict(file.values)
    if "val" in values and "val" not in given and ("val_share" in given or "lists" in given):
        del values["val"]  # what a person says now goes before what a file says
        notes = (*notes, f"{path}: its val is not used, because its train is divided here")
    if "root" not in given:
        try:
            values["root"] = str(find_beside(path, values["root"], what="root"))
        except UserError as error:
            raise UserError(f"{error}; say where it is with data.root=FOLDER or --data FOLDER") from error
    return validate_section(DataSection, merge(values, given), str(path)), notes
