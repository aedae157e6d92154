"""What a section of settings is, and the kinds of numbers that settings have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from yolov3.limits import (
    LARGEST_BATCH,
    LARGEST_COUNT,
    LARGEST_NUMBER,
    LARGEST_RATE,
    LARGEST_SEED,
    LARGEST_SIDE,
    LARGEST_WIDTH,
    MOST_EPOCHS,
    MOST_WORKERS,
)


def _number_as_word(value: Any) -> Any:
    """A number that YAML reads where a word may stand that looks like one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Positive = Annotated[float, Field(gt=0, le=LARGEST_NUMBER)]
NotNegative = Annotated[float, Field(ge=0, le=LARGEST_NUMBER)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
CountFromZero = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
BatchSize = Annotated[int, Field(ge=1, le=LARGEST_BATCH)]
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Workers = Annotated[int, Field(ge=0, le=MOST_WORKERS)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Width = Annotated[float, Field(gt=0, le=LARGEST_WIDTH)]
Rate = Annotated[float, Field(gt=0, le=LARGEST_RATE)]
Factor = Annotated[float, Field(ge=1, le=100)]
Zoom = Annotated[float, Field(gt=0, le=100)]
Anchor = tuple[Positive, Positive]
Tiles = Annotated[str, BeforeValidator(_number_as_word)]


class Section(BaseModel):
    """A group of settings: frozen, typed strictly, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def require_order(name: str, pair: tuple[float, float] | None) -> None:
    """Raise ValueError for a smallest and a largest value that stand the other way round."""
    if pair is not None and pair[0] > pair[1]:
        raise ValueError(f"{name}: the smallest comes first, found {list(pair)}")


def section_of(kind: type[Section], key: str) -> type[Section] | None:
    """The section that stands under a key of another; None where a value does, or no such key is known."""
    annotation = kind.model_fields[key].annotation if key in kind.model_fields else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def setting_names(kind: type[Section]) -> list[str]:
    """The names of all settings of a section, those of its own sections with a dot: ``train.epochs``."""
    names = []
    for key in kind.model_fields:
        inside = section_of(kind, key)
        names += [f"{key}.{name}" for name in setting_names(inside)] if inside else [key]
    return names
