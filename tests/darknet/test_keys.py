"""The tables of keys, each entry tried in a .cfg: what changes nothing, what must be off, what is not done."""

from __future__ import annotations

import pytest

from yolov3.darknet.cfg import parse_cfg
from yolov3.darknet.cfg_to_plan import plan_from_cfg
from yolov3.darknet.keys import (
    ALIASES,
    HARMLESS,
    LAYER_HARMLESS,
    LAYER_OFF,
    NET_HARMLESS,
    NOT_DONE,
    OFF,
    ORIGINAL_ACTIVATIONS,
    ORIGINAL_KEYS,
    ORIGINAL_LAYER_KEYS,
)
from yolov3.darknet.layers import ACTIVATIONS
from yolov3.darknet.plan import NetworkPlan
from yolov3.errors import UserError

SECTIONS = {
    "convolutional": "batch_normalize=1\nfilters=14\nsize=1\nactivation=leaky\n",
    "shortcut": "from=-1\n",
    "route": "layers=-1\n",
    "upsample": "stride=2\n",
    "maxpool": "size=2\nstride=2\n",
    "avgpool": "",
    "dropout": "probability=0.5\n",
    "softmax": "",
    "cost": "",
    "batchnorm": "",
    "scale_channels": "from=-1\nscale_wh=1\n",
    "sam": "from=-1\n",
    "reorg": "stride=1\n",
    "yolo": "anchors=1,2,3,4\nnum=2\nclasses=2\n",
}
"""Every section that is done, with what it needs."""


def plan_with(section: str, option: str = "", *, net: str = "", written: str | None = None) -> NetworkPlan:
    """A small network that ends in a section with one more option."""
    before = "" if section != "scale_channels" else "[convolutional]\nfilters=1\nsize=1\nactivation=linear\n"
    return plan_from_cfg(
        parse_cfg(
            f"[net]\nwidth=32\nheight=32\nchannels=3\n{net}[convolutional]\nfilters=14\nsize=1\nactivation=linear\n"
            f"{before}[{written or section}]\n{SECTIONS[section]}{option}",
            "x.cfg",
        )
    )


def entries(table: dict[str, object]) -> list[tuple[str, str]]:
    return [(section, key) for section, keys in table.items() for key in sorted(keys)]


@pytest.mark.parametrize("section", SECTIONS)
def test_keys_of_training_change_nothing_in_any_layer(section):
    plain = plan_with(section)
    for key in sorted(LAYER_HARMLESS | HARMLESS.get(section, frozenset())):
        assert plan_with(section, f"{key}=7\n") == plain, key


def test_keys_of_training_change_nothing_in_the_net_section():
    plain = plan_with("avgpool")
    for key in sorted(NET_HARMLESS):
        assert plan_with("avgpool", net=f"{key}=7\n") == plain, key


@pytest.mark.parametrize(("section", "key"), [*entries(OFF), *(("route", key) for key in LAYER_OFF)])
def test_what_is_not_done_must_be_switched_off(section, key):
    plain = plan_with(section)
    for value in {**LAYER_OFF, **OFF.get(section, {})}[key]:
        assert plan_with(section, f"{key}={value}\n") == plain, value
    with pytest.raises(UserError, match=rf"x\.cfg:\d+: \[{section}\] {key}=7 cannot be done"):
        plan_with(section, f"{key}=7\n")


@pytest.mark.parametrize("alias", ALIASES)
def test_short_names_mean_the_long_ones(alias):
    name = ALIASES[alias]
    if name == "net":
        assert plan_from_cfg(parse_cfg("[network]\nwidth=32\nheight=32\nchannels=3\n[avgpool]\n"))
        return
    assert plan_with(name, written=alias) == plan_with(name)


@pytest.mark.parametrize("section", sorted(NOT_DONE - {"conn", "conv"}))
def test_darknets_other_sections_are_refused_as_not_done(section):
    with pytest.raises(UserError, match=rf"\[{section}\] is not done here"):
        plan_with("avgpool", f"[{section}]\n")


def test_a_section_is_done_or_not_done():
    assert not NOT_DONE & set(SECTIONS)
    assert set(ALIASES.values()) <= {"net", *SECTIONS}
    assert set(ORIGINAL_KEYS) <= {"net", *SECTIONS}
    assert set(HARMLESS) | set(OFF) <= set(SECTIONS)


@pytest.mark.parametrize(("section", "key"), entries(ORIGINAL_KEYS))
def test_every_key_of_the_original_program_is_known(section, key):
    """Whatever its value does: no file of the original's holds a key that is called a slip."""
    unknown = {("net", "inputs"), ("softmax", "tree")}  # no images, and a tree of classes
    try:
        if section == "net":
            plan_with("avgpool", net=f"{key}=7\n")
        else:
            plan_with(section, f"{key}=7\n")
    except UserError as error:
        assert ("unknown key" in str(error)) == ((section, key) in unknown)
    else:
        assert (section, key) not in unknown


def test_no_key_is_harmless_and_off_at_once():
    for section, keys in OFF.items():
        assert not set(keys) & (HARMLESS.get(section, frozenset()) | LAYER_HARMLESS)
    assert not LAYER_HARMLESS & set(LAYER_OFF)


def test_the_original_knows_some_of_the_activations_and_keys():
    assert set(ACTIVATIONS) > ORIGINAL_ACTIVATIONS
    assert LAYER_HARMLESS | set(LAYER_OFF) >= ORIGINAL_LAYER_KEYS
