"""One process or several as one program: who is who, how they agree, how they are stopped. Knows nothing of training."""
