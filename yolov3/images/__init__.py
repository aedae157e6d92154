"""Images from files and to files, and boxes drawn on them. Knows nothing of data sets and networks."""
