"""Where images come from: files, folders, addresses, videos, streams, as iterators of frames. Knows no detector."""
