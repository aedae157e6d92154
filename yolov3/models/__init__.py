"""What a network is: images in, raw tensors out. No boxes, no loss, no files."""
