"""Whether a network can learn at all: a few images by heart. Changes nothing."""
