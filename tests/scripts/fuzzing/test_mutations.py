"""Changed files: the same chance gives the same, most differ from what they were, forms are kept where that is promised."""

from __future__ import annotations

import json
from random import Random

import pytest
from fuzzing.mutations import LARGEST, change_bytes, change_json, change_text, change_xml, change_yaml

SEEDS = {
    change_bytes: [bytes(range(200)), b"other" * 9],
    change_text: [b"[net]\nwidth=64\n", b"0 0.5 0.5 1 1\n"],
    change_json: [b'{"a": [1, 2.5, {"b": null}], "c": "d"}'],
    change_xml: [b"<a><object><name>cat</name><box><x>1</x><y>2</y></box></object><size>3</size></a>"],
    change_yaml: [b"a: [1, 2.5]\nb:\n  c: d\n"],
}


@pytest.mark.parametrize("change", SEEDS, ids=lambda change: change.__name__)
def test_the_same_chance_gives_the_same(change):
    seeds = SEEDS[change]
    changed = [change(Random(number), seeds) for number in range(300)]
    assert changed == [change(Random(number), seeds) for number in range(300)]
    assert len(set(changed)) > 150 and max(map(len, changed)) <= LARGEST
    assert sum(each in seeds for each in changed) < 60


@pytest.mark.parametrize("change", SEEDS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("seed", [b"", b"1", b"\n", b"[]"])
def test_small_files_can_be_changed(change, seed):
    seeds = [seed if seed or change in (change_bytes, change_text) else b"null"]
    if change is change_json and seeds == [b"\n"]:
        seeds = [b"{}"]
    for number in range(200):
        change(Random(number), seeds)


def test_most_changed_trees_are_json_still():
    def is_json(data: bytes) -> bool:
        try:
            json.loads(data)
        except ValueError:
            return False
        return True

    changed = [change_json(Random(number), SEEDS[change_json]) for number in range(300)]
    assert 200 < sum(map(is_json, changed)) < 300
