"""A generated world of six kinds of things: pictures with true boxes, and a video, for when no data is at hand."""
