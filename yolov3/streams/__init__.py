"""Several live sources read at once, each by a thread of its own: what is new of each, and how they do. Knows no detector."""
