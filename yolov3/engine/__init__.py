"""Making networks better and saying how good they are: training and evaluation."""
