"""The machine that a program runs on: its devices, its memory. Knows nothing of what is computed."""
