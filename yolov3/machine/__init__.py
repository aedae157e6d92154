"""The machine that a program runs on: its devices, its memory, its OpenCV. Knows nothing of what is computed."""
