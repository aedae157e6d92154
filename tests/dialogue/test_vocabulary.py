"""A parser's words are told as they are."""

from __future__ import annotations

from pathlib import Path

from yolov3.dialogue.parser import WordParser
from yolov3.dialogue.vocabulary import OptionWords, SettingWords, Vocabulary, words_of


def make_parser() -> WordParser:
    return WordParser("paint", description="paint things", settings=list)


def test_options_and_what_follows():
    parser = make_parser()
    parser.add_argument("--colour", "--hue", choices=("red", "green"), help="of the\n paint")
    parser.add_argument("--wall", type=Path)
    parser.add_argument("--source", metavar="S")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--wet", action="store_true")
    command = words_of(parser, "paint")
    assert (command.name, command.help, command.files, command.settings) == ("paint", "paint things", False, None)
    assert command.options[1] == OptionWords(("--colour", "--hue"), "of the paint", "choice", ("red", "green"))
    follows = {option.spellings[0]: option.follows for option in command.options}
    assert follows == {
        "-h": "nothing", "--colour": "choice", "--wall": "file", "--source": "file", "--device": "text",
        "--layers": "text", "--wet": "nothing",
    }  # fmt: skip


def test_places():
    parser = make_parser()
    parser.add_argument("config", nargs="?")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value")
    command = words_of(parser, "paint")
    assert command.files and command.settings == "" and command.words == ()
    parser = make_parser()
    parser.add_argument("changes", nargs="*", metavar="data.key=value")
    command = words_of(parser, "paint")
    assert not command.files and command.settings == "data."
    parser = make_parser()
    parser.add_argument("shell", choices=("bash", "zsh"))
    command = words_of(parser, "paint")
    assert not command.files and command.words == ("bash", "zsh")
    parser = make_parser()
    parser.add_argument("names", nargs="*")
    command = words_of(parser, "paint", ["one", "two"])
    assert not command.files and command.words == ("one", "two")


def test_settings_begin_with_their_section():
    names = ("recipe", "train.epochs", "train.seed", "model.cfg")
    vocabulary = Vocabulary((), tuple(SettingWords(name, "") for name in names))
    assert vocabulary.beginnings() == ["recipe=", "train.", "model."]
    assert vocabulary.beginnings("train.") == ["train."]
