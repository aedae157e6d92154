"""fish completes what the vocabulary has, with what it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from yolov3.dialogue.fish import fish_script

pytestmark = pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")


def answers(folder: Path, line: str) -> dict[str, str]:
    """What fish offers for a line, with its descriptions."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    command = ["fish", "--no-config", "-c", "source script.fish; complete -C $argv[1]", line]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=True)
    assert done.stderr == ""
    return dict(line.partition("\t")[::2] for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("yolov3 ", {"paint", "wash", "hang"}),
        ("yolov3 wash ", {"all"}),
        ("yolov3 wash --", {"--wet"}),
        ("yolov3 paint --", {"--help", "--colour", "--hue", "--wall", "--layers"}),
        ("yolov3 paint --hue gr", {"green", "grey"}),
        ("yolov3 paint --colour=re", {"--colour=red"}),
        ("yolov3 paint --layers ", set()),
        ("yolov3 paint --wall wa", {"walls/"}),
        ("yolov3 paint room.", {"room.size=", "room.lamp="}),
        ("yolov3 paint room.lamp=", {"room.lamp=true", "room.lamp=false"}),
        ("yolov3 paint room.size=", set()),
        ("yolov3 paint wall.file=wa", {"wall.file=walls/"}),
        ("yolov3 paint wa", {"wall.file=", "walls/"}),
        ("yolov3 wash all --", {"--soap"}),
        ("yolov3 wash all --soap s", {"soft"}),
        ("yolov3 wash all pl", {"plan one.yaml"}),
        ("yolov3 wash al", {"all"}),
        ("yolov3 paint all --wa", {"--wall"}),
        ("yolov3 hang ", {"wall.file="}),
        ("yolov3 paint --hue red wash --w", {"--wall"}),
    ],
)
def test_answers(vocabulary, folder, line, expected):
    (folder / "script.fish").write_text(fish_script(vocabulary))
    assert set(answers(folder, line)) == expected


def test_texts_are_as_they_were_written(vocabulary, folder):
    (folder / "script.fish").write_text(fish_script(vocabulary))
    assert answers(folder, "yolov3 pa")["paint"] == vocabulary.commands[0].help
    assert answers(folder, "yolov3 paint room.s")["room.size="] == "how large: it's $HOME"
