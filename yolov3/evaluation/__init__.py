"""How good a model is: the metrics, what they are told of, the report. Knows nothing of training."""
