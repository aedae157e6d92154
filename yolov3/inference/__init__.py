"""Using a model: the detector, and the loop from a source into the outputs. A stranger to training."""
