"""Which of a model's classes is which of a data set's: told by their names, never by their order alone.

Names are equal when they are so without regard to case, spaces, hyphens and underscores; and the few that Darknet's
coco.names and Pascal VOC spell in another way than COCO's own files are known. So Darknet's models are measured on COCO
and VOC as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from yolov3.errors import UserError
from yolov3.files.class_names import class_key


def match_classes(
    model_names: Sequence[str], data_names: Sequence[str], *, num_model_classes: int | None = None
) -> tuple[int, ...]:
    """The model's label of each of the data set's classes.

    Every class of the data must be one of the model's; classes that only the model has are left out of the measurement.
    A model without names must have as many classes (``num_model_classes``) as the data, and they go by number.
    Raises UserError that lists the classes of both.
    """
    if not model_names:
        if num_model_classes != len(data_names):
            raise UserError(
                f"the model's {num_model_classes} classes have no names and the data has {len(data_names)}: "
                f"{', '.join(data_names)}"
            )
        return tuple(range(len(data_names)))
    label_of = _labels_by_key(model_names)
    missing = [name for name in data_names if class_key(name) not in label_of]
    if missing:
        raise UserError(
            f"the model has no class for {', '.join(missing)} of the data",
            f"classes of the model: {', '.join(model_names)}",
            f"classes of the data: {', '.join(data_names)}",
        )
    labels = tuple(label_of[class_key(name)] for name in data_names)
    if len(set(labels)) < len(labels):
        raise UserError(f"the data's classes have names that cannot be told apart: {', '.join(data_names)}")
    return labels


def _labels_by_key(names: Sequence[str]) -> dict[str, int]:
    labels: dict[str, int] = {}
    for label, name in enumerate(names):
        if labels.setdefault(class_key(name), label) != label:
            raise UserError(f"the model's classes have names that cannot be told apart: {', '.join(names)}")
    return labels
