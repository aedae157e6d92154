"""bash completes what the vocabulary has: asked as bash asks, and by a tab in a terminal."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from yolov3.dialogue.bash import bash_script

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

ASK = r"""
source script.bash
compopt() { :; }  # it works only while bash completes
COMP_LINE="$1"; COMP_POINT=${#1}; COMP_WORDBREAKS="$2"
COMP_WORDS=($1); case "$1" in *\ ) COMP_WORDS+=("") ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_yolov3
for word in "${COMPREPLY[@]}"; do echo "$word"; done
"""
WORD_BREAKS = " \t\n\"'><=;|&(:"


@pytest.fixture
def place(vocabulary, folder) -> Path:
    """The folder with the script in it."""
    (folder / "script.bash").write_text(bash_script(vocabulary))
    return folder


def answers(place: Path, line: str, word_breaks: str = WORD_BREAKS) -> list[str]:
    command = ["bash", "-c", ASK, "bash", line, word_breaks]
    done = subprocess.run(command, capture_output=True, text=True, cwd=place, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("yolov3 ", ["paint", "wash", "hang"]),
        ("yolov3 pa", ["paint"]),
        ("yolov3 wash ", ["all"]),
        ("yolov3 wash --", ["--wet"]),
        ("yolov3 paint --", ["--help", "--colour", "--hue", "--wall", "--layers"]),
        ("yolov3 paint --colour ", ["red", "green", "grey"]),
        ("yolov3 paint --hue gr", ["green", "grey"]),
        ("yolov3 paint --colour=re", ["red"]),
        ("yolov3 paint --layers ", []),
        ("yolov3 paint --wall wa", ["walls"]),
        ("yolov3 paint --colour red --wa", ["--wall"]),
        ("yolov3 paint room.", ["room.size=", "room.lamp="]),
        ("yolov3 paint room.lamp=", ["true", "false"]),
        ("yolov3 paint room.size=", []),
        ("yolov3 paint wall.file=wa", ["walls"]),
        ("yolov3 paint r", ["recipe=", "room."]),
        ("yolov3 paint wa", ["wall.", "walls/"]),
        ("yolov3 paint pl", ["plan one.yaml"]),
        ("yolov3 other ", []),
        ("yolov3 wash all --", ["--soap"]),
        ("yolov3 wash all --soap s", ["soft"]),
        ("yolov3 wash all pl", ["plan one.yaml"]),
        ("yolov3 wash al", ["all"]),
        ("yolov3 paint all --wa", ["--wall"]),
        ("yolov3 hang ", ["wall."]),
        ("yolov3 hang wall.", ["wall.file="]),
    ],
)
def test_answers(place, line, expected):
    assert answers(place, line) == expected


def test_where_the_equals_sign_does_not_break_words(place):
    assert answers(place, "yolov3 paint room.lamp=t", " \t\n") == ["room.lamp=true"]


def test_a_tab_in_a_terminal(place, type_in_shell):
    keys = [
        "yolov3 pa\t", "yolov3 paint room.l\tt\t", "yolov3 paint --hue=re\t", "yolov3 paint pl\t", "yolov3 paint --wall w\t",
        "yolov3 wash --w\ta\t",
    ]  # fmt: skip
    assert type_in_shell(["bash", "--norc", "--noprofile", "-i"], ["source script.bash"], keys, place) == [
        ["yolov3", "paint"],
        ["yolov3", "paint", "room.lamp=true"],
        ["yolov3", "paint", "--hue=red"],
        ["yolov3", "paint", "plan one.yaml"],
        ["yolov3", "paint", "--wall", "walls/"],
        ["yolov3", "wash", "--wet", "all"],
    ]
