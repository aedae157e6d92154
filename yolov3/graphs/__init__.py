"""Networks as graphs for other programs: made, described, sealed, read. Knows nothing of what computes them."""
