"""Every way a model is stored: our checkpoints, safetensors, Darknet's files; from one to another. Trains nothing."""
