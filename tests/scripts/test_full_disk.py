"""What is looked at after each run on a full disk: faults that are planted are found, and small commands pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import full_disk
from pathlib import Path

def works(out): (out / "a.json").write_text("[1]"); return 0
def raises(out): raise RuntimeError("enforce fail")
def dies(out): os.kill(os.getpid(), 9)
def waits(out): time.sleep(60)
def lies(out):
    try: (out / "a.json").write_text("[1, 2, 3]")
    except OSError: pass
    return 0
def leaves(out): (out / ".a.json.tmp").write_text("x"); return 2
def halves(out):
    (out / "a.mp4").write_bytes(b"half of a video")
    (out / "a.csv").write_text("a,b\\n1\\n")
    return 1

full_disk.SECONDS = 2.0
os.chdir(sys.argv[2])
for command in (works, raises, dies, waits, lies, leaves, halves):
    outcome = full_disk.run_limited(command, Path("out"), 5 if command is lies else None)
    print(command.__name__, outcome.code, *(problem.partition(":")[0] for problem in outcome.problems), sep="|")
print(full_disk.sweep("works", works, Path("out"), 4), full_disk.sweep("lies", lies, Path("out"), 4))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and limits of files")
def test_planted_faults_are_found(tmp_path):
    command = [sys.executable, "-c", PLANTED, str(ROOT / "scripts"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:7] == [
        "works|0",
        "raises|1|'Traceback' was printed|'enforce fail' was printed",
        "dies|-9|ended by signal 9",
        "waits|-9|ended by signal 9",
        "lies|0|a.json cannot be read",
        "leaves|2|.a.json.tmp stayed",
        "halves|1|a.csv cannot be read|a.mp4 cannot be read",
    ]
    wrong = lines[-1].split()
    assert int(wrong[0]) > 0, "it writes without minding what comes of it, and has a traceback"
    assert int(wrong[1]) > 0


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and limits of files")
@pytest.mark.parametrize(
    "command", ["train", "evaluate", "detect", "convert-pt", "convert-safetensors", "convert-weights", "download"]
)
def test_a_full_disk_is_told_and_nothing_is_lost(command):
    words = [sys.executable, "scripts/full_disk.py", command, "--sizes", "15"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
