"""What a run writes down and shows: numbers, curves, sheets of images, lines on a terminal. Decides nothing."""
