"""Making networks better: the loop, its state, its steps. A stranger to inference."""
