"""What a training of an experiment costs in time and memory, measured by a few of its steps in a process of their own."""
