"""The text of a .cfg: what Darknet reads in it, what is refused with its line, and there and back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.darknet.cfg import (
    LARGEST_FILE,
    LARGEST_SECTIONS,
    MOST_NOTES,
    Cfg,
    CfgOption,
    CfgSection,
    SectionReader,
    parse_cfg,
    read_cfg,
    write_cfg,
)
from yolov3.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "darknet"


def test_a_line_is_read_as_darknet_reads_it():
    text = "\ufeff# words\r\n; more\r\n[ net ]\r\n wid th = 6 4\r\nheight=\t96 # why\r\nchannels=3\r\nheight=32\r\n\r\n"
    cfg = parse_cfg(text, "x.cfg")
    (net,) = cfg.sections
    assert (net.name, net.line) == ("net", 3)
    assert [(o.key, o.value, o.line) for o in net.options] == [
        ("width", "64", 4),
        ("height", "96", 5),
        ("channels", "3", 6),
    ]
    assert cfg.notes == ("x.cfg:7: height is given twice; the first counts (96)",)


@pytest.mark.parametrize(
    "text",
    [
        "[net]\nwidth=64\n",
        "[net]\r\nwidth=64\r\n",
        "[net]\rwidth=64\r",
        "[net] # one\n\tw idth\u00a0=6 4 ; two",
        "\ufeff[net]\nwidth=64",
    ],
)
def test_blanks_marks_and_line_ends_mean_nothing(text):
    assert parse_cfg(text) == Cfg((CfgSection("net", (CfgOption("width", "64"),)),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no \\[section\\]"),
        ("# only words\n", "no \\[section\\]"),
        ("width=1\n", "x.cfg:1: width=1 stands before"),
        ("[net]\nwidth\n", "x.cfg:2: expected key=value, found width"),
        ("[net]\n=3\n", "x.cfg:2: expected key=value"),
        ("[net\n", "x.cfg:1: a section is written"),
        ("[]\n", "x.cfg:1: a section is written"),
        ("[net]x\n", "x.cfg:1: a section is written"),
        ("<!DOCTYPE html>\n<html>", "x.cfg:1: expected key=value"),
        ("\x00\x01\x02", "x.cfg:1: expected key=value"),
        ("[net]\n" + "k" * 65 + "=1\n", "x.cfg:2: expected key=value, found k{40}\\.\\.\\."),
        ("[net]\n" + "[a]\n" * 2001, "x.cfg:2002: more than 2001 sections"),
    ],
)
def test_what_is_no_cfg_is_refused_with_its_line(text, message):
    with pytest.raises(UserError, match=message):
        parse_cfg(text, "x.cfg")


def test_an_error_shows_nothing_unprintable():
    with pytest.raises(UserError) as caught:
        parse_cfg("[net]\n\x1b[31mred\x07\n", "x.cfg")
    assert str(caught.value) == "x.cfg:2: expected key=value, found ?[31mred?"


def test_as_many_sections_as_a_network_may_have_are_read():
    assert len(parse_cfg("[a]\n" * LARGEST_SECTIONS).sections) == LARGEST_SECTIONS


def test_notes_do_not_grow_without_end():
    cfg = parse_cfg("[net]\n" + "width=1\n" * 1000)
    assert cfg.sections[0].options == (CfgOption("width", "1"),)
    assert len(cfg.notes) == MOST_NOTES


def test_a_key_may_be_in_two_sections():
    cfg = parse_cfg("[a]\nsize=1\n[a]\nsize=2\n")
    assert [section.options[0].value for section in cfg.sections] == ["1", "2"]
    assert cfg.notes == ()


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none\.cfg: cannot be read: No such file"):
        read_cfg(tmp_path / "none.cfg")
    with pytest.raises(UserError, match=r"cannot be read: a folder, not a file"):
        read_cfg(tmp_path)
    (tmp_path / "wide.cfg").write_bytes("[net]\n".encode("utf-16"))
    with pytest.raises(UserError, match="UTF-16"):
        read_cfg(tmp_path / "wide.cfg")
    (tmp_path / "big.cfg").write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(UserError, match="larger than 4000000 bytes"):
        read_cfg(tmp_path / "big.cfg")
    (tmp_path / "comment.cfg").write_bytes(b"# \xb1\xe0\xc2\xeb\n[net]\nwidth=1\n")  # a comment in another encoding
    assert read_cfg(tmp_path / "comment.cfg").sections[0].name == "net"


def test_an_error_in_a_file_names_it_and_the_line(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text("[net]\nwidth=1\nheight\n")
    with pytest.raises(UserError) as caught:
        read_cfg(path)
    assert str(caught.value) == f"{path}:3: expected key=value, found height"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.cfg")), ids=lambda p: p.name)
def test_the_shipped_files_come_back_from_being_written(path):
    cfg = read_cfg(path)
    assert len(cfg.sections) > 20
    assert parse_cfg(write_cfg(cfg)) == cfg


@pytest.mark.shared
def test_the_files_at_hand_come_back_from_being_written(shared):
    paths = [*(shared / "darknet").glob("**/*.cfg"), *(shared / "reference" / "darknet_micro").glob("*.cfg")]
    assert len(paths) == 7
    for path in paths:
        cfg = read_cfg(path)
        assert parse_cfg(write_cfg(cfg)) == cfg


# ---- the options of one section ----

TEXT = "[net]\nwidth=64\nlist=1,-2,+3\nsides=1.5,2e1,.5\nactivation=mish\nempty=\nodd=1x\nbig=1e999\nlong=" + "9" * 30


def reader() -> SectionReader:
    return SectionReader(parse_cfg(TEXT).sections[0], "x.cfg")


def test_options_are_read_by_their_type():
    section = reader()
    assert section.integer("width") == 64
    assert section.integers("list") == (1, -2, 3)
    assert section.numbers("sides") == (1.5, 20.0, 0.5)
    assert section.number("width", 0.0) == 64.0
    assert section.text("activation") == "mish"
    assert section.choice("activation", "linear", ("linear", "mish")) == "mish"
    assert "width" in section and "height" not in section


def test_a_missing_option_has_its_default_or_is_an_error():
    section = reader()
    assert section.integer("height", 7) == 7
    assert section.number("scale", 0.1) == 0.1
    assert section.text("word", "leaky") == "leaky"
    assert section.choice("other", "linear", ("linear",)) == "linear"
    for read in (section.integer, section.integers, section.numbers, section.text):
        with pytest.raises(UserError, match=r"x\.cfg:1: \[net\] needs height="):
            read("height")


@pytest.mark.parametrize(
    ("kind", "key", "message"),
    [
        ("integer", "odd", "x.cfg:7: [net] odd must be a whole number, found 1x"),
        ("integer", "empty", "x.cfg:6: [net] empty must be a whole number, found nothing"),
        ("integer", "long", f"x.cfg:9: [net] long must be a whole number, found {'9' * 30}"),
        ("integer", "sides", "x.cfg:4: [net] sides must be a whole number, found 1.5,2e1,.5"),
        ("integers", "sides", "x.cfg:4: [net] sides must be a whole number, found 1.5"),
        ("numbers", "odd", "x.cfg:7: [net] odd must be a number, found 1x"),
        ("numbers", "big", "x.cfg:8: [net] big must be a number, found 1e999"),
        ("numbers", "empty", "x.cfg:6: [net] empty must be a number, found nothing"),
    ],
)
def test_an_option_of_another_type_is_refused_with_its_line(kind, key, message):
    with pytest.raises(UserError) as caught:
        getattr(reader(), kind)(key)
    assert str(caught.value) == message


def test_a_word_that_is_not_allowed_is_refused_with_those_that_are():
    with pytest.raises(UserError) as caught:
        reader().choice("activation", "linear", ("linear", "leaky"))
    assert str(caught.value) == "x.cfg:5: [net] activation=mish cannot be done; allowed: linear, leaky"


def test_an_option_that_nobody_asked_for_is_an_error():
    section = SectionReader(parse_cfg("[a]\nsize=3\nmap=x\nxnor=0\nstryde=2\n").sections[0], "x.cfg")
    section.integer("size")
    section.integer("stride", 1)
    with pytest.raises(UserError) as caught:
        section.finish({"map"}, {"xnor": ("0",)})
    assert str(caught.value) == "x.cfg:5: [a] unknown key stryde; did you mean stride?"
    with pytest.raises(UserError, match=r"x\.cfg:3: \[a\] unknown key map$"):
        section.finish(set(), {"xnor": ("0",)})
    with pytest.raises(UserError, match=r"x\.cfg:4: \[a\] xnor=0 cannot be done"):
        section.finish({"map", "stryde"}, {"xnor": ("off",)})
    section.finish({"map", "stryde"}, {"xnor": ("0",)})
