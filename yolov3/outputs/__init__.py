"""Where detections go: drawings, videos, texts, tables, windows. Knows no detector."""
