"""What is looked at after each kill: faults that are planted are found, and honest writers pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTED = """
import random, sys, time
sys.path.insert(0, sys.argv[1])
import kills
from pathlib import Path

def halves(out):
    (out / "a.json").write_text("[1, 2")
    time.sleep(5)
    return 0
def fails(out):
    return 3
def hides(out):
    (out / ".a.json.tmp").write_text("[1, 2")
    return 0
def forgets(out, say):
    (out / "list.json").write_text("[0]")
    for version in range(1, 1000):
        say(version)
        time.sleep(0.001)
out = Path(sys.argv[2]) / "out"
kills.LONGEST = 0.05
for command in (halves, fails, hides):
    if command is halves:
        kills._wait, whole = (lambda child, moment: whole(child, 0.05)), kills._wait
    count = kills.kill_command(command, out, 3, random.Random(0))
    if command is halves:
        kills._wait = whole
    print(command.__name__, count.kills, count.hit, len(count.wrong))
for write in (forgets, kills.WRITERS["list"][0]):
    count = kills.kill_writer(write, kills.WRITERS["list"][1], out, 4, random.Random(0))
    print(write.__name__, count.kills, len(count.wrong) > 0)
print(count.line("list", 1.2))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_planted_faults_are_found(tmp_path):
    command = [sys.executable, "-c", PLANTED, str(ROOT / "scripts"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "halves 3 3 4",  # the first line is that it did not even end without a kill
        "fails 3 0 1",
        "hides 3 0 0",
        "forgets 4 True",
        "_write_lists 4 False",
        "list: 4 kills, 4 of them in the midst, wrong 0, 1 s",
    ]


def test_a_checkpoint_survives(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "kills.py"), "checkpoint", "--kills", "3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills, 0 after which something was wrong" in done.stdout
