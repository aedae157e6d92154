"""Data sets written anew, in another division or another format; the ones they come from are only read. Knows no network."""
