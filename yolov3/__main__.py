"""``python -m yolov3`` is the command ``yolov3``."""

from __future__ import annotations

import sys

from yolov3.cli import main

if __name__ == "__main__":
    sys.exit(main())
