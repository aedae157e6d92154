"""What is told of long work while it is done: to whom, and where its time goes. Knows nothing of the work."""
