"""What a section of settings is, and the kinds of numbers that settings have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
CountFromZero = Annotated[int, Field(ge=0)]
Anchor = tuple[Positive, Positive]


class Section(BaseModel):
    """A group of settings: frozen, typed strictly, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def section_of(kind: type[Section], key: str) -> type[Section] | None:
    """The section that stands under a key of another; None where a value does."""
    annotation = kind.model_fields[key].annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def setting_names(kind: type[Section]) -> list[str]:
    """The names of all settings of a section, those of its own sections with a dot: ``train.epochs``."""
    names = []
    for key in kind.model_fields:
        inside = section_of(kind, key)
        names += [f"{key}.{name}" for name in setting_names(inside)] if inside else [key]
    return names
