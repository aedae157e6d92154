"""A model out of PyTorch, with the proof of what changed on the way. A stranger to training and to the detector."""
