"""A model behind HTTP: requests in, answers out, many at once. Knows the detector, and nobody on the network but who asks."""
