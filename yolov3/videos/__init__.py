"""Videos to files, frame by frame, readable at every moment. Knows no detector and no source."""
