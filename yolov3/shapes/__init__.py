"""A generated world of six kinds of things: images with true boxes, and a video, for when no data is at hand."""
