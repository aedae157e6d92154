"""YAML without its surprises: numbers and words as people mean them, and one line for everything that is refused."""

from __future__ import annotations

import math
import random
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from yolov3.errors import UserError
from yolov3.files.strict_yaml import parse_yaml, read_yaml, write_yaml

words = st.text() | st.from_regex(r"[-+]?[0-9_]{0,3}\.?[0-9_:]{0,3}([eE][-+]?[0-9]{1,2})?", fullmatch=True)
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


def test_yaml_reads_numbers_and_words_as_people_mean_them():
    assert parse_yaml("[1e-3, 5E2, -.5, 1_000, no, off, true, 2024-01-01, 07]", "t") == [
        0.001, 500.0, -0.5, 1000, "no", "off", True, "2024-01-01", 7,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-3", -3), ("+2", 2), ("0x10", 16), ("1.", 1.0), ("+.5e3", 500.0), ("1e6", 1e6), ("-.inf", -math.inf),
        ("yes", "yes"), ("Y", "Y"), ("ON", "ON"), ("TRUE", True), ("false", False), ("null", None), ("~", None),
        ("1e", "1e"), ("e5", "e5"), ("1.2.3", "1.2.3"), ("-", None), ("'1'", "1"), ("2024-01-01 10:00", "2024-01-01 10:00"),
        ("", None),
    ],
)  # fmt: skip
def test_words_and_numbers(text, value):
    found = parse_yaml(text, "t") if text != "-" else parse_yaml("- ", "t")[0]
    assert found == value and type(found) is type(value)


def test_not_a_number_is_one():
    assert math.isnan(parse_yaml(".nan", "t"))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(words, plain_values, max_size=4))
def test_what_our_files_hold_comes_back(values):
    """What is written, as resolved settings are, means the same when it is read again, here and elsewhere."""
    text = write_yaml(values)
    assert parse_yaml(text, "t") == values
    assert list(parse_yaml(text, "t")) == list(values)
    assert yaml.safe_load(text) == values


def test_equal_lists_are_written_out_each():
    shared = [1, 2]
    assert parse_yaml(write_yaml({"a": shared, "b": shared}), "t") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a: 1\na: 2\n", "line 2: key 'a' stands twice"),
        ("a: {b: 1, c: 2, b: 3}\n", "line 1: key 'b' stands twice"),
        ("a: 1\n? [x, y]\n: 2\n", "line 2: a key must be a word"),
        ("a: &x [1]\nb: *x\n", r"line 2: aliases \(\*name\) are not accepted"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "line 3: aliases"),
        ("a: [1\n", "line"),
        ("a: b: c\n", "line 1"),
        ("\ta: 1\n", "line 1"),
        ("- 1\n", "expected keys with values .*found list"),
        ("word\n", "expected keys with values .*found str"),
        ("1: a\n", "expected keys"),
        ("a: !!python/object:os.system x\n", "line 1"),
        ("a: !!python/name:os.system\n", "line 1"),
        ("a: !mine x\n", "line 1"),
        ("--- {a: 1}\n--- {b: 2}\n", "line 2"),
        ("[" * 3000, "nested too deeply|line 1"),
        ("a: \x01\n", "not readable as YAML"),
    ],
)
def test_yaml_refuses_surprises(tmp_path, text, word):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=word) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path):
    path = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    path.write_text("\n".join(lines))
    start = time.monotonic()
    with pytest.raises(UserError, match="aliases"):
        read_yaml(path)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("word", "value"),
    [("010", 8), ("-010", -8), ("0b11", 3), ("1:30", 90), ("190:20:30", 685_230), ("-1:30", -90), ("0_17", 15)],
)
def test_numbers_that_yaml_reads_as_others_are_refused(word, value):
    with pytest.raises(UserError) as caught:
        parse_yaml(f"a: [{word}]", "t")
    assert str(caught.value).startswith(f"t, line 1: {word} is {value} in YAML; write the number that is meant")
    assert parse_yaml(f"'{word}'", "t") == word


def test_numbers_that_say_what_they_are_stay():
    assert parse_yaml("[0, 00, 07, 0x1F, 1_000, +5, -0]", "t") == [0, 0, 7, 31, 1000, 5, 0]


@pytest.mark.parametrize("text", [r'"ball\ud800"', r'{"\udc80": 1}', r'["\udfff\ud83d"]'])
def test_halves_of_letters_are_refused(text):
    with pytest.raises(UserError, match=r"t, line 1: .* holds letters that are none") as caught:
        parse_yaml(text, "t")
    str(caught.value).encode()


def test_missing_binary_and_huge_yaml_files_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="cannot be read: a folder, not a file"):
        read_yaml(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary\.yaml: not readable as a YAML file: not a text in UTF-8"):
        read_yaml(binary)
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 1_000_001)
    with pytest.raises(UserError, match=r"huge\.yaml: larger than 1000000 bytes: not a YAML file"):
        read_yaml(huge)


def test_empty_files_and_byte_order_marks(tmp_path):
    path = tmp_path / "a.yaml"
    for content in (b"", b"# only words\n", b"---\n", b"\xef\xbb\xbf"):
        path.write_bytes(content)
        assert read_yaml(path) == {}
    path.write_bytes("\ufeffname: naïve\r\nother: 1\r\n".encode())
    assert read_yaml(path) == {"name": "naïve", "other": 1}


def test_texts_of_any_characters_are_read_or_refused_in_one_line():
    chance = random.Random(0)
    for _ in range(1500):
        text = "".join(chance.choices("ab1.e-: \n\t[]{},&*!?|>'\"%@`#<=~\\é\0\x85", k=chance.randrange(20)))
        try:
            parse_yaml(text, "the source")
        except UserError as error:
            assert str(error).startswith("the source") and "\n" not in str(error)
