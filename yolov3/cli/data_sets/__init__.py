"""The commands about data sets; their words, and nothing of how it is done."""
