"""Known files from the network: where they are, how they are fetched and unpacked without trusting anybody."""
