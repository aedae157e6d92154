"""What is wrong with data, or with a model on it, and what to do. Changes nothing."""
