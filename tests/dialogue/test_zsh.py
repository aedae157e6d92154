"""zsh completes what the vocabulary has, by a tab in a terminal."""

from __future__ import annotations

import shutil

import pytest

from yolov3.dialogue.zsh import zsh_script

pytestmark = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")


def test_a_tab_in_a_terminal(vocabulary, folder, type_in_shell):
    (folder / "script.zsh").write_text(zsh_script(vocabulary))
    setup = ["unsetopt prompt_sp", "autoload -U compinit", "compinit -u -D", "source ./script.zsh"]
    keys = [
        "yolov3 pa\t", "yolov3 paint room.l\tt\t", "yolov3 paint --hue=re\t", "yolov3 paint pl\t", "yolov3 paint --wall w\t",
        "yolov3 wash --w\ta\t", "yolov3 paint rec\tn\t", "yolov3 paint wall.file=w\t", "yolov3 paint --layers \t",
        "yolov3 paint --colour gree\t", "yolov3 hang w\tf\t", "yolov3 wash all --s\tso\t",
    ]  # fmt: skip
    # zsh takes the slash behind a folder away again when the line ends there.
    assert type_in_shell(["zsh", "-f", "-i"], setup, keys, folder) == [
        ["yolov3", "paint"],
        ["yolov3", "paint", "room.lamp=true"],
        ["yolov3", "paint", "--hue=red"],
        ["yolov3", "paint", "plan one.yaml"],
        ["yolov3", "paint", "--wall", "walls"],
        ["yolov3", "wash", "--wet", "all"],
        ["yolov3", "paint", "recipe=new"],
        ["yolov3", "paint", "wall.file=walls"],
        ["yolov3", "paint", "--layers"],
        ["yolov3", "paint", "--colour", "green"],
        ["yolov3", "hang", "wall.file="],
        ["yolov3", "wash", "all", "--soap=soft"],
    ]
