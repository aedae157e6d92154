"""Readers fed with files that nobody meant: what is changed in a file, who reads it, in which process, what is a fault."""
