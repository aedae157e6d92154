"""What is wrong with data: where, how often, what it costs, what to do. It changes nothing and trains nothing."""
