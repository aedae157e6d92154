"""The options that several commands have in common. Knows nothing of what the commands do with them."""
