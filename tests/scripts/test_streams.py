"""One process for several streams beside one for each: measured on real sockets, in real processes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import cv2
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "streams.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("streams_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["streams_script"] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def test_the_cameras_send_images_at_their_rate(script):
    with script.served(2, 20.0, (48, 64)) as addresses:
        assert len(set(addresses)) == 2
        capture = cv2.VideoCapture(addresses[1], cv2.CAP_FFMPEG)
        capture.grab()
        start = time.monotonic()
        images = [capture.read()[1] for _ in range(20)]
        seconds = time.monotonic() - start
        capture.release()
    assert 0.5 < seconds < 5 and {image.shape for image in images} == {(48, 64, 3)}
    assert len({image.tobytes() for image in images}) == 20, "no two in a row are the same"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux says what memory a process shares")
def test_a_table_tells_rates_delays_and_memory(write_seeing_model, tmp_path):
    weights = write_seeing_model(tmp_path / "tiny.pt", width=0.0625)
    words = [str(weights), "--streams", "2", "--seconds", "2", "--rate", "10", "--size", "64x48", "--threads", "1"]
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()]
    heading, _, together, apart = lines
    assert heading[1:] == ["images/s", "delay, ms", "95 %, ms", "passed over", "RSS, MB", "PSS, MB"]
    assert (together[0], apart[0]) == ("one process", "2 processes")
    for row in (together, apart):
        rate, delay, late, _, rss, pss = map(float, row[1:])
        assert 5 < rate < 25 and 0 < delay <= late and 100 < pss <= rss
    assert float(apart[6]) > 1.3 * float(together[6])


@pytest.mark.slow
def test_a_model_that_is_none_is_told(script, tmp_path, capfd):
    with pytest.raises(SystemExit, match="one process: a process could not begin"):
        script.main([str(tmp_path / "none.pt"), "--streams", "1"])
    assert "none.pt" in capfd.readouterr().err
