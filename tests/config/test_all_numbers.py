"""Every setting, given what nobody means: it is taken, and then every number in it is finite and between two ends, or it is
refused in lines that name it."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from yolov3.config.experiment import Experiment
from yolov3.config.kinds import Section, section_of
from yolov3.config.learning import box_losses
from yolov3.config.loading import build_experiment, load_experiment
from yolov3.config.settings import all_settings
from yolov3.errors import UserError
from yolov3.limits import LARGEST_SEED

BAD = [
    "nan", ".nan", "inf", "-.inf", ".inf", "-1", "0", "-0.0", "1e30", "1e300", "1e400", str(10**24), str(10**31), str(2**63),
    "9" * 5000, "1:30",
    "[64, 32]", "[2, 1]", "[1]", "[]", "[0, 0]", "[.nan, 1]", "[[[1, 2]]]", "[[[.inf, 1e30]]]", "{}", "{0: a}",
    "{a: {b: 1}}", "true", "null", "''", "x", "010", "65536", "320000000", "[65536, 65536]", "[1, 1e30]", "1e-400", "5e-324",
    '"\\ud800"', '"\\0"', "x" * 20_000, "[" * 60 + "]" * 60, "[" * 3_000, "!!python/name:os.system", "&a [*a]",
]  # fmt: skip


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for each in value.items() for part in each for number in numbers_in(part)]
    if isinstance(value, list):
        return [number for each in value for number in numbers_in(each)]
    return [value] if isinstance(value, int | float) else []


def value_of(experiment: Experiment, name: str) -> Any:
    value: Any = experiment.as_plain()
    for part in name.split("."):
        value = value[part]
    return value


@pytest.mark.parametrize("name", all_settings())
def test_whatever_a_setting_is_said_to_be_is_taken_or_told(name):
    box_losses()  # imports torch, which takes seconds
    for text in BAD:
        start = time.monotonic()
        try:
            experiment = load_experiment(None, [f"{name}={text}"])
            numbers = numbers_in(value_of(experiment, name))
            assert all(math.isfinite(number) and abs(number) <= LARGEST_SEED for number in numbers), text
        except UserError as error:
            assert len(str(error)) < 6000 and name.partition(".")[0] in str(error)
            str(error).encode()
            assert all(line.isprintable() for line in str(error).split("\n"))
        assert time.monotonic() - start < 5


def schema_numbers(schema: Any) -> list[dict[str, Any]]:
    """The parts of a JSON schema that describe a number."""
    if isinstance(schema, list):
        return [found for each in schema for found in schema_numbers(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") in ("integer", "number") else []
    return own + [found for key, each in schema.items() if key != "default" for found in schema_numbers(each)]


def sections(kind: type[Section]) -> list[type[Section]]:
    inside = [section_of(kind, key) for key in kind.model_fields]
    return [kind, *(found for each in inside if each is not None for found in sections(each))]


def test_every_number_has_two_ends_in_its_type():
    for kind in sections(Experiment):
        for key, schema in kind.model_json_schema()["properties"].items():
            for number in schema_numbers(schema):
                low = {"minimum", "exclusiveMinimum"} & set(number)
                high = {"maximum", "exclusiveMaximum"} & set(number)
                assert low and high, f"{kind.__name__}.{key}: {number}"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("train.multi_scale=[64,32]", "multi_scale: the smallest comes first, found [64, 32]"),
        ("augment.scale=[2,1]", "scale: the smallest comes first, found [2.0, 1.0]"),
        ("loss.level_weights=[1]", "loss.level_weights needs 3 numbers for this network, found 1"),
        ("train.epochs=1000000000000000000000000", "less than or equal to 1000000"),
        ("train.epochs=1:30", "1:30 is 90 in YAML"),
        ("optimiser.learning_rate=1e300", "less than or equal to 100"),
        ("train.seed=9223372036854775808", "train.seed"),
        ("model.image_size=65536", "less than or equal to 8192"),
    ],
)
def test_what_was_seen_is_told(setting, told):
    with pytest.raises(UserError) as caught:
        load_experiment(None, [setting])
    assert told in str(caught.value) and len(str(caught.value).split("\n")) == 1


def test_numbers_from_a_program_are_refused_too():
    for value in (math.nan, math.inf, 10**400, -(2**70)):
        with pytest.raises(UserError):
            build_experiment({"train": {"epochs": value}}, "mine")
