"""Where images come from: files, folders, videos, streams, as iterators of frames. Knows no detector."""
