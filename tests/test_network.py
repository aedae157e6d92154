"""Nobody is called who was not asked for: neither when the package is imported nor when it works."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
def watch(event, details):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        address = details[1] if event in ("socket.connect", "socket.sendto") else details
        if not isinstance(address, (str, bytes)):  # those are sockets of this machine's processes
            print("called:", event, address)
sys.addaudithook(watch)
import yolov3
for name in yolov3.__all__:
    getattr(yolov3, name)
if len(sys.argv) > 1:
    from pathlib import Path
    from yolov3.demo import DemoOptions, demo
    demo(DemoOptions(Path(sys.argv[1]), epochs=1, images=8))
"""


def without_network(program: str, *words: str) -> str:
    """What a program prints that watches its own calls, where possible in a place without a network."""
    command = [sys.executable, "-c", program, *words]
    alone = ["unshare", "-rn", "--"]
    try:
        can = subprocess.run([*alone, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        can = False
    done = subprocess.run([*(alone if can else []), *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_importing_all_names_calls_nobody():
    assert without_network(PROGRAM) == ""


@pytest.mark.slow  # half a minute
def test_training_measuring_and_detecting_calls_nobody_and_needs_no_network(tmp_path):
    printed = without_network(PROGRAM, str(tmp_path))
    assert "Average Precision" in printed and "called:" not in printed


def test_a_call_would_be_seen():
    program = PROGRAM.partition("import yolov3")[0] + (
        "import socket\ntry: socket.create_connection(('192.0.2.1', 9), timeout=0.1)\nexcept OSError: pass"
    )
    assert "called: socket.connect ('192.0.2.1', 9)" in without_network(program)
