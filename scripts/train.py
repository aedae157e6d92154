"""The command `yolov3 train` for torchrun and for a checkout that is not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from yolov3.__main__ import program

if __name__ == "__main__":
    program(["train", *sys.argv[1:]])
