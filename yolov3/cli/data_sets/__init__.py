"""The commands that write data sets; their words, and nothing of how it is done."""
