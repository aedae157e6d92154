"""A parser whose mistakes are lines for users, with the word that was meant."""

from __future__ import annotations

import pytest

from yolov3.dialogue.parser import WordParser, options_of, settings_taken
from yolov3.errors import UserError


def make_parser(*, with_settings: bool = False) -> WordParser:
    def settings() -> list[str]:
        assert with_settings, "asked though no settings are taken"
        return ["train.epochs", "train.batch_size", "evaluate.batch_size"]

    parser = WordParser("paint", description="paint things", settings=settings)
    parser.add_argument("--colour", "--hue", choices=("red", "green"), default="red", help="of the paint")
    parser.add_argument("--brushes", type=int, nargs="+", help="how many")
    parser.add_argument("--wet", action="store_true", help="do not dry")
    parser.add_argument("wall", nargs="?")
    if with_settings:
        parser.add_argument("overrides", nargs="*", metavar="section.key=value")
    return parser


def message_of(words: list[str], *, with_settings: bool = False) -> str:
    with pytest.raises(UserError) as caught:
        make_parser(with_settings=with_settings).parse_words(words)
    message = str(caught.value)
    assert message.startswith("paint: ") and message.endswith("; see yolov3 paint --help") and "\n" not in message
    return message.removeprefix("paint: ").removesuffix("; see yolov3 paint --help")


def test_options_may_stand_anywhere():
    found = make_parser(with_settings=True).parse_words(["north", "--wet", "train.epochs=5", "--colour=green", "a=b"])
    assert (found.wall, found.wet, found.colour, found.overrides) == ("north", True, "green", ["train.epochs=5", "a=b"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--color", "red"], "no option --color (did you mean --colour?)"),
        (["--color=red"], "no option --color (did you mean --colour?)"),
        (["--weet"], "no option --weet (did you mean --wet?)"),
        (["--nonsense"], "no option --nonsense"),
        (["-x"], "no option -x"),
        (["--col", "red"], "no option --col (did you mean --colour?)"),
        (["--colour", "gren"], "--colour/--hue: found 'gren' (did you mean green?); must be one of red, green"),
        (["--colour", "5"], "--colour/--hue: found '5'; must be one of red, green"),
        (["--brushes", "many"], "--brushes: invalid int value: 'many'"),
        (["north", "south"], "unrecognized arguments: south"),
        (["north", "colour=red"], "unrecognized arguments: colour=red (did you mean --colour red?)"),
        (["--epochs", "5"], "no option --epochs"),
    ],
)
def test_mistakes(words, message):
    assert message_of(words) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "5"], "no option --epochs (did you mean train.epochs=5?)"),
        (["--epochs=5"], "no option --epochs (did you mean train.epochs=5?)"),
        (["--train.epochs", "5"], "no option --train.epochs (did you mean train.epochs=5?)"),
        (["--batch-size", "8"], "no option --batch-size (did you mean train.batch_size=8 or evaluate.batch_size=8?)"),
        (["--weet"], "no option --weet (did you mean --wet?)"),
    ],
)
def test_options_that_are_settings(words, message):
    assert message_of(words, with_settings=True) == message


@pytest.mark.parametrize("words", [["-"], ["-5"], ["-.5"], ["-a wall"]])
def test_what_looks_like_an_option_and_is_none(words):
    assert make_parser().parse_words(words).wall == words[-1]


def test_help_tells_defaults_where_there_are_any(capsys):
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_words(["--help"])
    printed = capsys.readouterr().out
    assert caught.value.code == 0 and "of the paint (default: red)" in printed and "(default: None)" not in printed


def test_what_a_parser_knows():
    assert options_of(make_parser()) == ["-h", "--help", "--colour", "--hue", "--brushes", "--wet"]
    assert settings_taken(make_parser(with_settings=True)) == "" and settings_taken(make_parser()) is None


def test_a_command_that_takes_settings_of_one_section_is_told_those():
    parser = WordParser("look", description="", settings=lambda: ["train.root", "data.root", "train.seed"])
    parser.add_argument("changes", nargs="*", metavar="data.key=value")
    assert settings_taken(parser) == "data."
    for words, question in (
        (["--root", "x"], r"\(did you mean data.root=x\?\)"),
        (["--seed", "1"], "no option --seed; see"),
    ):
        with pytest.raises(UserError, match=question):
            parser.parse_words(words)
